import Aviary
import Glibc
import Synchronization
import Testing

@testable import AviaryWASI

/// Modules that are suspended in functions of WASI.
@Suite("Suspended programs")
struct AsyncProgramTests {
  private static let wat = """
    (module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_recv" (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (import "test" "again" (func $again (param i32) (result i32)))
      (memory (export "memory") 1)
      (func $parts (param $at i32) (param $count i32)
        (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $count)))
      ;; copies standard input to standard output, 7 bytes at a time, and exits with 5
      (func (export "_start")
        (loop $next
          (call $parts (i32.const 64) (i32.const 7))
          (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then (unreachable)))
          (i32.store (i32.const 4) (i32.load (i32.const 8)))
          (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)) (then (unreachable)))
          (br_if $next (i32.load (i32.const 8))))
        (call $exit (i32.const 5)))
      ;; a byte of standard input; the error number below zero
      (func $byte (export "byte") (result i32) (local $error i32)
        (call $parts (i32.const 64) (i32.const 1))
        (local.set $error (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (if (result i32) (local.get $error)
          (then (i32.sub (i32.const 0) (local.get $error))) (else (i32.load8_u (i32.const 64)))))
      (func (export "nested") (result i32) (call $again (i32.const 1)))
      ;; sleeps for so many nanoseconds; the number of events
      (func (export "sleep") (param $time i64) (result i32)
        (i64.store (i32.const 1024) (i64.const 7)) (i64.store (i32.const 1032) (i64.const 0))
        (i32.store (i32.const 1040) (i32.const 1)) (i64.store (i32.const 1048) (local.get $time))
        (i64.store (i32.const 1056) (i64.const 0)) (i64.store (i32.const 1064) (i64.const 0))
        (if (call $poll (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 8)) (then (unreachable)))
        (i32.load (i32.const 8)))
      (func (export "yield") (param $times i32)
        (loop $next
          (drop (call $yield))
          (br_if $next (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))
      (func (export "spin") (loop $next (br $next)))
      ;; gives back what comes on socket 3 until it ends; the number of messages
      (func (export "echo") (result i32) (local $messages i32)
        (loop $next
          (call $parts (i32.const 64) (i32.const 100))
          (if (call $recv (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8) (i32.const 12)) (then (unreachable)))
          (if (i32.load (i32.const 8))
            (then
              (call $parts (i32.const 64) (i32.load (i32.const 8)))
              (if (call $send (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8)) (then (unreachable)))
              (local.set $messages (i32.add (local.get $messages) (i32.const 1)))
              (br $next))))
        (local.get $messages)))
    """

  private struct Tenant { var wasi: WASI }

  /// Makes guests, each with a system of its own.
  @safe private struct Guests: Sendable {
    let linked: LinkedModule<Tenant>
    let engine: Engine

    init(mode: WASI.Mode = .async, instances: Int = 16) throws {
      var configuration = EngineConfiguration()
      configuration.allocation = .pooling(.init(instances: instances, maxMemory: .kibibytes(64)))
      engine = try Engine(configuration)
      let linker = Linker<Tenant>(engine)
      WASI.define(in: linker, mode: mode) { $0.state.wasi }
      linker.define("test", "again") { (caller: borrowing Caller<Tenant>, _: Int32) throws -> Int32 in
        guard case .i32(let byte) = try caller.function("byte")([])[0] else { return -1 }
        return byte
      }
      linked = try linker.link(engine.compile(wat: AsyncProgramTests.wat))
    }

    func make(_ change: (inout WASI.Configuration) -> Void = { _ in }) throws -> sending Instance {
      var configuration = WASI.Configuration()
      change(&configuration)
      return try make(WASI(configuration))
    }

    func make(_ wasi: WASI) throws -> sending Instance {
      try linked.instantiate(in: Store(engine, state: Tenant(wasi: wasi)))
    }
  }

  private static func system(_ change: (inout WASI.Configuration) -> Void) throws -> (WASI, Handle) {
    var configuration = WASI.Configuration()
    change(&configuration)
    let wasi = try WASI(configuration)
    return (wasi, try #require(wasi.system.withLock { ($0.descriptors[3] ?? $0.descriptors[0])?.handle }))
  }

  private static func isWaiting(_ handle: Handle) -> Bool {
    ((try? Reactor.shared().waiterCount(of: handle)) ?? 0) > 0
  }

  private static func sleep(_ instance: Instance, _ time: UInt64, deadline: ContinuousClock.Instant? = nil) async throws -> Int32 {
    try await instance.function("sleep", as: ((Int64) -> Int32).self).async(Int64(time), deadline: deadline)
  }

  @Test func `a command whose input comes piece by piece`() async throws {
    let guests = try Guests()
    let pipe = openPipe()
    let output = OutputBuffer()
    let (wasi, handle) = try Self.system {
      $0.standardInput = .descriptor(pipe.read, closing: true)
      $0.standardOutput = .buffer(output)
    }
    let command = Task { try await WASI.run(guests.make(wasi)) }
    for piece in ["some ", "text that is longer", " than seven bytes"] {
      await eventually { Self.isWaiting(handle) }
      #expect(unsafe Glibc.write(pipe.write, piece, piece.utf8.count) == piece.utf8.count)
    }
    close(pipe.write)
    #expect(try await command.value == 5)
    #expect(output.text == "some text that is longer than seven bytes")
  }

  @Test func `a server of one connection`() async throws {
    let guests = try Guests()
    let ends = socketEnds(1)
    let (ours, other) = (ends[0], Handle(owning: ends[1]))
    let (wasi, handle) = try Self.system { $0.addSocket(ours, closing: true) }
    let server = Task {
      try await guests.make(wasi).function("echo", as: (() -> Int32).self).async()
    }
    for round in 0..<20 {
      await eventually { Self.isWaiting(handle) }
      let message = "message \(round)"
      #expect(unsafe send(other.number, message, message.utf8.count, 0) == message.utf8.count)
      let answer = await onThread {
        var buffer = [UInt8](repeating: 0, count: 100)
        let count = unsafe recv(other.number, &buffer, 100, 0)
        return String(decoding: buffer[..<max(0, count)], as: UTF8.self)
      }.value
      #expect(answer == message)
    }
    #expect(shutdown(other.number, 2) == 0)
    #expect(try await server.value == 20)
  }

  @Test func `thousands of guests sleep at once`() async throws {
    let guests = try Guests(instances: 4000)
    let long = (0..<1000).map { _ in Task { try await Self.sleep(guests.make(), anHour) } }
    try await withThrowingTaskGroup(of: Int32.self) { group in
      for index in UInt64(0)..<2000 {
        group.addTask { try await Self.sleep(guests.make(), index * 10_000) }
      }
      for try await events in group { #expect(events == 1) }
    }
    for task in long { task.cancel() }
    for task in long { await #expect(throws: CancellationError.self) { try await task.value } }
  }

  @Test func `a deadline ends a wait`() async throws {
    let guests = try Guests()
    let pipe = Pipe()
    let (wasi, handle) = try Self.system { $0.standardInput = .descriptor(pipe.read.number, closing: false) }
    let instance = try guests.make(wasi)
    let byte = try instance.function("byte", as: (() -> Int32).self)
    func expectInterruption(_ body: () async throws -> Int32) async {
      await #expect { try await body() } throws: { error in
        if case .trap(let trap) = error as? WasmError { trap.code == .interrupted } else { false }
      }
    }
    await expectInterruption { try await byte.async(deadline: .now + .milliseconds(5)) }
    await expectInterruption { try await Self.sleep(instance, anHour, deadline: .now + .milliseconds(5)) }
    #expect(!Self.isWaiting(handle))
    // Whoever is in time is not stopped, and the guest goes on.
    #expect(try await Self.sleep(instance, 1000, deadline: .now + .seconds(600)) == 1)
    pipe.put("a")
    #expect(try await byte.async(deadline: .now + .seconds(600)) == 97)
  }

  @Test func `cancellation ends a wait, and the guest can be called again`() async throws {
    let guests = try Guests()
    let pipe = Pipe()
    let (wasi, handle) = try Self.system { $0.standardInput = .descriptor(pipe.read.number, closing: false) }
    let task = Task {
      let instance = try guests.make(wasi)
      let byte = try instance.function("byte", as: (() -> Int32).self)
      await #expect(throws: CancellationError.self) { try await byte.async() }
      return try await Task { () async throws -> Int32 in 7 }.value + Int32(instance.exports.count)
    }
    await eventually { Self.isWaiting(handle) }
    task.cancel()
    #expect(try await task.value > 7)
    #expect(!Self.isWaiting(handle))
  }

  @Test func `an interruption of the system ends a wait`() async throws {
    let guests = try Guests()
    let pipe = Pipe()
    let (wasi, handle) = try Self.system {
      $0.standardInput = .descriptor(pipe.read.number, closing: false)
      $0.isInterruptible = true
    }
    let task = Task { try await WASI.run(guests.make(wasi)) }
    await eventually { Self.isWaiting(handle) }
    wasi.interrupt()
    await #expect(throws: WASIInterrupted.self) { try await task.value }
  }

  @Test func `who cannot be suspended waits on its thread`() async throws {
    let guests = try Guests()
    let pipe = Pipe()
    let (wasi, _) = try Self.system { $0.standardInput = .descriptor(pipe.read.number, closing: false) }
    let instance = try guests.make(wasi)
    pipe.put("ab")
    // Called synchronously, and by a synchronous host function.
    #expect(try instance.function("byte", as: (() -> Int32).self)() == 97)
    #expect(try await instance.function("nested", as: (() -> Int32).self).async() == 98)
    #expect(try instance.function("sleep", as: ((Int64) -> Int32).self)(1_000_000) == 1)
    let late = onThread {
      pipe.put("c")
    }
    #expect(try instance.function("byte", as: (() -> Int32).self)() == 99)
    await late.value
  }

  @Test func `a guest of the other mode can be called both ways`() async throws {
    let guests = try Guests(mode: .sync)
    let output = OutputBuffer()
    let instance = try guests.make {
      $0.standardInput = .text("text")
      $0.standardOutput = .buffer(output)
    }
    #expect(try await WASI.run(instance) == 5)
    #expect(output.text == "text")
  }

  @Test func `guests that yield`() async throws {
    let guests = try Guests()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<10 {
        group.addTask { try await guests.make().function("yield", as: ((Int32) -> Void).self).async(100) }
      }
      try await group.waitForAll()
    }
  }

  @Test func `nothing is left of many guests`() async {
    await #expect(processExitsWith: .success) { try await AsyncProgramTests.runMany() }
  }

  /// In a process of its own: counts its descriptors.
  private static func runMany() async throws {
    let guests = try Guests(instances: 400)
    _ = try await Self.sleep(guests.make(), 1_000_000)
    let reactor = try Reactor.shared()
    let before = openDescriptors()
    for _ in 0..<3 {
      let pipes = (0..<100).map { _ in Pipe() }
      let tasks = (0..<400).map { index in
        Task { () async throws -> Int32 in
          let pipe = pipes[index / 4]
          let instance = try guests.make { $0.standardInput = .descriptor(pipe.read.number, closing: false) }
          let byte = try instance.function("byte", as: (() -> Int32).self)
          // Fed, past its deadline, cancelled, asleep.
          switch index % 4 {
          case 0: return try await byte.async()
          case 1: return try await Self.sleep(instance, anHour, deadline: .now + .milliseconds(1))
          case 2: return try await Self.sleep(instance, anHour)
          default: return try await Self.sleep(instance, UInt64(index) * 1000)
          }
        }
      }
      for index in stride(from: 2, to: 400, by: 4) { tasks[index].cancel() }
      for pipe in pipes { pipe.put("x") }
      for (index, task) in tasks.enumerated() {
        switch (index % 4, await task.result) {
        case (0, .success(120)), (3, .success(1)): break
        case (1, .failure(let error)): #expect(error is WasmError, "\(error)")
        case (2, .failure(let error)): #expect(error is CancellationError, "\(error)")
        case (_, let result): Issue.record("\(index): \(result)")
        }
      }
    }
    #expect(reactor.counts == (0, 0), "\(reactor.counts)")
    // What a task captured goes a moment after its result has come.
    await eventually { openDescriptors().subtracting(before).isEmpty }
    let left = openDescriptors().subtracting(before)
    #expect(left.isEmpty, "\(left)")
  }
}
