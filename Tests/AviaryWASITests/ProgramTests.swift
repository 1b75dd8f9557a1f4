import Aviary
import Testing

@testable import AviaryWASI

/// Real modules through the linker: what the functions do is tested elsewhere,
/// here it is how they are reached, and how a guest ends.
@Suite("Programs")
struct ProgramTests {
  private static let imports = """
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "wasi_snapshot_preview1" "proc_raise" (func $raise (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
      (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    """

  /// Runs the module's `_start` or `_initialize`.
  private func run(_ body: String, _ change: (inout WASI.Configuration) -> Void = { _ in }) throws -> (code: UInt32, instance: Instance) {
    let engine = try Engine()
    var configuration = WASI.Configuration()
    change(&configuration)
    let wasi = try WASI(configuration)
    let linker = Linker<Void>(engine)
    wasi.define(in: linker)
    let module = try engine.compile(wat: "(module \(Self.imports) \(body))")
    let instance = try linker.instantiate(module, in: Store(engine))
    return (try WASI.run(instance), instance)
  }

  /// Copies standard input to standard output, 7 bytes at a time.
  private static let copy = """
    (memory (export "memory") 1)
    (func (export "_start")
      (loop $again
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 7))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.store (i32.const 4) (i32.load (i32.const 8)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
        (br_if $again (i32.load (i32.const 8)))))
    """

  @Test func `a command comes to its end`() throws {
    let output = OutputBuffer()
    let text = "some text that is longer than seven bytes"
    let result = try run(Self.copy) {
      $0.standardInput = .text(text)
      $0.standardOutput = .buffer(output)
    }
    #expect(result.code == 0)
    #expect(output.text == text)
  }

  @Test func `a command exits`() throws {
    let body = """
      (memory (export "memory") 1)
      (func (export "_start") (call $exit (i32.const 42)) (unreachable))
      """
    #expect(try run(body).code == 42)
    let raising = """
      (memory (export "memory") 1)
      (func (export "_start") (drop (call $raise (i32.const 6))) (unreachable))
      """
    #expect(try run(raising).code == 134)
  }

  @Test func `the exit comes out of any call unchanged`() throws {
    let (code, instance) = try run(
      """
      (memory (export "memory") 1)
      (func (export "_initialize"))
      (func (export "leave") (param i32) (call $exit (local.get 0)))
      """)
    #expect(code == 0)
    #expect(throws: WASIExit(code: 9)) { try instance.function("leave")([.i32(9)]) }
    #expect(throws: WASIExit(code: 8)) { try instance.function("leave")([.i32(8)]) }
  }

  @Test func `a trap stays a trap`() throws {
    let error = #expect(throws: WasmError.self) {
      try run("(memory (export \"memory\") 1) (func (export \"_start\") (unreachable))")
    }
    guard case .trap(let trap)? = error else {
      Issue.record("not a trap")
      return
    }
    #expect(trap.code == .unreachable)
  }

  @Test func `nothing to run is said`() throws {
    #expect(throws: WasmError.self) { try run("(memory (export \"memory\") 1)") }
  }

  @Test func `without a memory every pointer is a fault`() throws {
    let body = """
      (func (export "_start")
        (call $exit (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
      """
    #expect(try run(body).code == 21)
    #expect(try run("(memory (export \"memory\") 0)" + body).code == 21)
  }

  @Test func `pointers at the memory's end`() throws {
    // The iovec's last byte is the memory's last, then one further.
    for (address, code) in [(65528, 0), (65529, 21), (-1, 21), (-8, 21)] {
      let body = """
        (memory (export "memory") 1)
        (func (export "_start")
          (call $exit (call $write (i32.const 1) (i32.const \(address)) (i32.const 1) (i32.const 8))))
        """
      #expect(try run(body).code == UInt32(code))
    }
  }

  @Test func `a memory that grew is seen as it is`() throws {
    let output = OutputBuffer()
    let body = """
      (memory (export "memory") 1)
      (func (export "_start")
        (drop (memory.grow (i32.const 1)))
        (i32.store (i32.const 70000) (i32.const 0x21))
        (i32.store (i32.const 0) (i32.const 70000)) (i32.store (i32.const 4) (i32.const 1))
        (call $exit (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 131068))))
      """
    #expect(try run(body) { $0.standardOutput = .buffer(output) }.code == 0)
    #expect(output.text == "!")
  }

  @Test func `files below the preopen`() throws {
    let scratch = Scratch()
    let body = """
      (memory (export "memory") 1)
      (data (i32.const 100) "made here")
      (func (export "_start") (local $error i32)
        (local.set $error
          (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 4) (i32.const 1)
            (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 8)))
        (if (local.get $error) (then (call $exit (local.get $error))))
        (i32.store (i32.const 0) (i32.const 105)) (i32.store (i32.const 4) (i32.const 4))
        (call $exit (call $write (i32.load (i32.const 8)) (i32.const 0) (i32.const 1) (i32.const 12))))
      """
    #expect(try run(body) { $0.addDirectory(scratch.path, as: "/") }.code == 0)
    #expect(scratch.contents("made") == "here")
    #expect(try run(body) { $0.addDirectory(scratch.path, as: "/", readOnly: true) }.code == 69)
    #expect(try run(body).code == 8)
  }

  @Test func `every store its own system`() throws {
    struct Tenant { var wasi: WASI }
    let engine = try Engine()
    let linker = Linker<Tenant>(engine)
    WASI.define(in: linker) { $0.state.wasi }
    let linked = try linker.link(try engine.compile(wat: "(module \(Self.imports) \(Self.copy))"))
    for name in ["one", "two", "three"] {
      let output = OutputBuffer()
      var configuration = WASI.Configuration()
      configuration.standardInput = .text(name)
      configuration.standardOutput = .buffer(output)
      let store = Store(engine, state: Tenant(wasi: try WASI(configuration)))
      #expect(try WASI.run(linked.instantiate(in: store)) == 0)
      #expect(output.text == name)
    }
  }

  @Test func `the types are those of the standard`() throws {
    let engine = try Engine()
    let linker = Linker<Void>(engine)
    try WASI(.init()).define(in: linker)
    for (name, type) in [
      ("fd_seek", "(param i32 i64 i32 i32) (result i32)"),
      ("fd_readdir", "(param i32 i32 i32 i64 i32) (result i32)"),
      ("fd_filestat_set_times", "(param i32 i64 i64 i32) (result i32)"),
      ("path_filestat_set_times", "(param i32 i32 i32 i32 i64 i64 i32) (result i32)"),
      ("clock_time_get", "(param i32 i64 i32) (result i32)"),
      ("sched_yield", "(result i32)"), ("proc_exit", "(param i32)"),
      ("sock_recv", "(param i32 i32 i32 i32 i32 i32) (result i32)"),
    ] {
      let module = "(module (import \"wasi_snapshot_preview1\" \"\(name)\" (func \(type))))"
      _ = try linker.instantiate(engine.compile(wat: module), in: Store(engine))
    }
    #expect(throws: WasmError.self) {
      try linker.link(
        engine.compile(wat: "(module (import \"wasi_snapshot_preview1\" \"fd_close\" (func (param i64) (result i32))))"))
    }
  }

  @Test func `an interruption ends the guest's wait`() throws {
    let engine = try Engine()
    var configuration = WASI.Configuration()
    configuration.isInterruptible = true
    let wasi = try WASI(configuration)
    let linker = Linker<Void>(engine)
    wasi.define(in: linker)
    // Waits for 2^60 nanoseconds.
    let module = try engine.compile(
      wat: """
        (module \(Self.imports) (memory (export "memory") 1)
          (func (export "_start")
            (i32.store (i32.const 16) (i32.const 1))
            (i64.store (i32.const 24) (i64.const 0x1000000000000000))
            (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))
        """)
    wasi.interrupt()
    #expect(throws: WASIInterrupted()) {
      try WASI.run(linker.instantiate(module, in: Store(engine)))
    }
  }
}
