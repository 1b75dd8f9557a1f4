import Aviary
import AviaryWASI
import Foundation
import Testing

/// Processes whose guests start threads: ids, limits, and how they end.
@Suite struct ThreadTests {
  static let engine: Engine = {
    var configuration = EngineConfiguration()
    configuration.features.insert(.threads)
    return try! Engine(configuration)
  }()

  /// A command over one shared memory. Its threads run `$thread`; `$end` is of use to both.
  static func program(start: String, thread: String) -> String {
    """
    (module
      (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "env" "memory" (memory 1 4 shared))
      (export "memory" (memory 0))
      (func $forever (loop $again (br $again)))
      (func $sleep (local $at i32)
        ;; A day of the monotonic clock's, each thread at its own place.
        (local.set $at (i32.atomic.rmw.add (i32.const 60) (i32.const 256)))
        (i32.store (i32.add (local.get $at) (i32.const 1040)) (i32.const 1))
        (i64.store (i32.add (local.get $at) (i32.const 1048)) (i64.const 86400000000000))
        (drop (call $poll
          (i32.add (local.get $at) (i32.const 1024)) (i32.add (local.get $at) (i32.const 1088)) (i32.const 1)
          (i32.add (local.get $at) (i32.const 1136)))))
      (func $wait (drop (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const -1))))
      (func (export "wasi_thread_start") (param $id i32) (param $argument i32) \(thread))
      (func (export "_start") (local $id i32) \(start)))
    """
  }

  static func process(
    _ wat: String, maximum: Int = 8, engine: Engine = Self.engine, _ configure: (inout WASI.Configuration) -> Void = { _ in }
  ) throws -> WASIProcess<Void> {
    var configuration = WASI.Configuration()
    configuration.maximumThreads = maximum
    configure(&configuration)
    let wasi = try WASI(configuration)
    let linker = Linker<Void>(engine)
    wasi.define(in: linker)
    return try WASIProcess(try engine.compile(wat: wat), in: linker, of: wasi) { Store(engine) }
  }

  static let spawnFour = """
    (loop $again
      (if (i32.le_s (call $spawn (i32.const 100)) (i32.const 0)) (then (unreachable)))
      (br_if $again (i32.lt_u (i32.atomic.rmw.add (i32.const 4) (i32.const 1)) (i32.const 3))))
    """

  @Test func threadsWorkOnOneMemory() throws {
    let process = try Self.process(
      Self.program(
        start: Self.spawnFour + """
          (loop $again
            (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 1000000)))
            (br_if $again (i32.lt_u (i32.atomic.load (i32.const 0)) (i32.const 4))))
          (call $exit (i32.load (i32.const 8)))
          """,
        thread: """
          (drop (i32.atomic.rmw.add (i32.const 8) (local.get $id)))
          (drop (i32.atomic.rmw.add (i32.const 8) (local.get $argument)))
          (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
          (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))
          """))
    // The ids were 1 to 4.
    #expect(try process.run() == 410)
    #expect(throws: WasmError.self) { try process.run() }
  }

  @Test func numberIsLimited() throws {
    let process = try Self.process(
      Self.program(
        start: """
          (if (i32.ne (call $spawn (i32.const 0)) (i32.const 1)) (then (unreachable)))
          (if (i32.ne (call $spawn (i32.const 0)) (i32.const 2)) (then (unreachable)))
          (call $exit (i32.sub (i32.const 0) (call $spawn (i32.const 0))))
          """, thread: "(call $wait)"), maximum: 2)
    // EAGAIN
    #expect(try process.run() == 6)
  }

  static let hangs = ["$forever", "$sleep", "$wait"]

  @Test(arguments: hangs)
  func returnOfTheMainThreadEndsAll(_ hang: String) throws {
    let process = try Self.process(Self.program(start: Self.spawnFour, thread: "(call \(hang))"))
    #expect(try process.run() == 0)
  }

  @Test(arguments: hangs)
  func trapOfAThreadEndsAll(_ hang: String) throws {
    let process = try Self.process(
      Self.program(
        start: Self.spawnFour + "(call \(hang))",
        thread: "(if (i32.lt_u (local.get $id) (i32.const 4)) (then (call \(hang)))) (unreachable)"))
    let error = #expect(throws: WasmError.self) { try process.run() }
    guard case .trap(let trap)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(trap.code == .unreachable)
  }

  @Test(arguments: hangs)
  func exitOfAThreadEndsAll(_ hang: String) throws {
    let process = try Self.process(
      Self.program(
        start: Self.spawnFour + "(call \(hang))",
        thread: "(if (i32.lt_u (local.get $id) (i32.const 4)) (then (call \(hang)))) (call $exit (i32.const 42))"))
    #expect(try process.run() == 42)
  }

  @Test(arguments: hangs)
  func embedderEndsAll(_ hang: String) throws {
    let started = DispatchSemaphore(value: 0)
    let process = try Self.process(
      Self.program(
        start: Self.spawnFour + "(i32.store (i32.const 512) (i32.const 520)) (i32.store (i32.const 516) (i32.const 1))"
          + "(drop (call $write (i32.const 1) (i32.const 512) (i32.const 1) (i32.const 528))) (call \(hang))",
        thread: "(call \(hang))")
    ) { configuration in
      configuration.standardOutput = .handler { _ in started.signal() }
    }
    let stopper = Thread {
      started.wait()
      process.stop()
    }
    stopper.start()
    #expect(throws: WASIInterrupted.self) { try process.run() }
  }

  @Test func checkedEpochsEndThreadsToo() throws {
    var configuration = Self.engine.configuration
    configuration.interruption = .epoch(tick: .milliseconds(5), action: .trap)
    let process = try Self.process(
      Self.program(start: Self.spawnFour, thread: "(call $forever)"), engine: try Engine(configuration))
    #expect(try process.run() == 0)
  }

  /// The reader waits in the kernel, and the writer is not kept from writing what it waits for.
  @Test func waitingThreadKeepsNobodyFromTheSystem() throws {
    var ends: [Int32] = [0, 0]
    try #require(unsafe pipe(&ends) == 0)
    let process = try Self.process(
      Self.program(
        start: """
          (drop (call $spawn (i32.const 0)))
          (i32.store (i32.const 512) (i32.const 520)) (i32.store (i32.const 516) (i32.const 1))
          (drop (call $read (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 528)))
          (call $exit (i32.load8_u (i32.const 520)))
          """,
        thread: """
          (i32.store8 (i32.const 620) (i32.const 33))
          (i32.store (i32.const 612) (i32.const 620)) (i32.store (i32.const 616) (i32.const 1))
          (drop (call $write (i32.const 1) (i32.const 612) (i32.const 1) (i32.const 628)))
          """)
    ) { configuration in
      configuration.standardInput = .descriptor(ends[0], closing: true)
      configuration.standardOutput = .descriptor(ends[1], closing: true)
    }
    #expect(try process.run() == 33)
  }

  @Test func refusals() throws {
    // Not granted.
    let wat = Self.program(start: "", thread: "")
    #expect(throws: WasmError.self) { try Self.process(wat, maximum: 0) }
    #expect(throws: WASIConfigurationError.self) { try Self.process(wat, maximum: -1) }
    // Nobody defines the function otherwise.
    let linker = Linker<Void>(Self.engine)
    try WASI(WASI.Configuration()).define(in: linker)
    #expect(throws: WasmError.self) { try linker.link(try Self.engine.compile(wat: wat)) }
    // Nothing to start, or of another type.
    for entry in ["(func (export \"other\"))", "(func (export \"wasi_thread_start\") (param i32))"] {
      let process = try Self.process(
        """
        (module (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
          (import "env" "memory" (memory 1 4 shared)) \(entry)
          (func (export "_start") (if (i32.ge_s (call $spawn (i32.const 0)) (i32.const 0)) (then (unreachable)))))
        """)
      #expect(try process.run() == 0)
    }
  }
}
