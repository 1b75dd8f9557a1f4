import Aviary
import Foundation
import Testing

/// `memory.atomic.wait` and `notify`, of threads that sleep and of guests that are suspended.
@Suite struct WaitTests {
  static let engine = AtomicTests.engine
  static let wat = """
    (module (import "env" "memory" (memory 1 16 shared))
      (func (export "wait32") (param i32 i32 i64) (result i32)
        (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
      (func (export "wait64") (param i32 i64 i64) (result i32)
        (memory.atomic.wait64 offset=8 (local.get 0) (local.get 1) (local.get 2)))
      (func (export "notify") (param i32 i32) (result i32)
        (memory.atomic.notify (local.get 0) (local.get 1)))
      (func (export "take") (param $turns i32) (result i32) (local $done i32)
        ;; A mutex with a wait, as libraries have it: 0 free, 1 taken, 2 taken and waited for.
        (loop $again
          (if (i32.atomic.rmw.cmpxchg (i32.const 0) (i32.const 0) (i32.const 1))
            (then
              (loop $contended
                (if (i32.atomic.rmw.xchg (i32.const 0) (i32.const 2))
                  (then
                    (drop (memory.atomic.wait32 (i32.const 0) (i32.const 2) (i64.const -1)))
                    (br $contended))))))
          (i32.store (i32.const 4) (i32.add (i32.load (i32.const 4)) (i32.const 1)))
          (if (i32.eq (i32.atomic.rmw.xchg (i32.const 0) (i32.const 0)) (i32.const 2))
            (then (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))))
          (local.set $done (i32.add (local.get $done) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $done) (local.get $turns))))
        (local.get $done)))
    """

  static func memory(_ engine: Engine = Self.engine) throws -> SharedMemory {
    try SharedMemory(engine, MemoryType(minimum: 1, maximum: 16))
  }

  static func linked(_ memory: SharedMemory) throws -> LinkedModule<Void> {
    let linker = Linker<Void>(memory.engine)
    linker.define("env", "memory", memory)
    return try linker.link(try memory.engine.compile(wat: wat))
  }

  /// Notifies until so many were woken in all. Who has not come yet is found by a later turn.
  static func wake(_ memory: SharedMemory, at address: Int, _ total: Int, each: UInt32 = .max) async throws {
    var woken = 0
    while woken < total {
      woken += Int(try memory.notify(at: address, count: each))
      await Task.yield()
    }
    #expect(woken == total)
    #expect(try memory.notify(at: address) == 0)
  }

  @Test func valuesAndTimeouts() throws {
    let memory = try Self.memory()
    let instance = try Self.linked(memory).instantiate(in: Store(Self.engine))
    func call(_ name: String, _ arguments: [Value]) throws -> UInt64 {
      AtomicTests.bits(try instance.function(name)(arguments)[0])
    }
    #expect(try call("wait32", [.i32(0), .i32(1), .i64(-1)]) == 1)
    #expect(try call("wait32", [.i32(0), .i32(0), .i64(0)]) == 2)
    #expect(try call("wait64", [.i32(0), .i64(1 << 32), .i64(-1)]) == 1)
    #expect(try call("wait64", [.i32(0), .i64(0), .i64(1_000_000)]) == 2)
    #expect(try call("notify", [.i32(0), .i32(-1)]) == 0)
    #expect(trapCode { _ = try call("wait64", [.i32(4), .i64(0), .i64(0)]) } == .unalignedAtomic)
    #expect(trapCode { _ = try call("wait32", [.i32(65536), .i32(0), .i64(0)]) } == .memoryOutOfBounds)
    #expect(trapCode { _ = try call("wait64", [.i32(65528), .i64(0), .i64(0)]) } == .memoryOutOfBounds)
    #expect(try memory.waitBlocking(at: 0, expected: UInt32(1)) == .notEqual)
    #expect(try memory.waitBlocking(at: 0, expected: UInt64(0), timeout: .milliseconds(1)) == .timedOut)
    #expect(trapCode { _ = try memory.waitBlocking(at: 4, expected: UInt64(0)) } == .unalignedAtomic)
  }

  @Test func sleepingThreadsAreWokenAndCounted() async throws {
    let memory = try Self.memory()
    let linked = try Self.linked(memory)
    async let sleepers: Void = SharedMemoryTests.onThreads(4) { number in
      if number == 0 {
        #expect(try memory.waitBlocking(at: 8, expected: UInt32(0)) == .notified)
        return
      }
      let instance = try linked.instantiate(in: Store(Self.engine))
      #expect(AtomicTests.bits(try instance.function("wait32")([.i32(8), .i32(0), .i64(-1)])[0]) == 0)
    }
    try await Self.wake(memory, at: 8, 4, each: 1)
    try await sleepers
  }

  @Test func lockOfThreadsLosesNoWakeup() async throws {
    let memory = try Self.memory()
    let linked = try Self.linked(memory)
    try await SharedMemoryTests.onThreads(3) { _ in
      let instance = try linked.instantiate(in: Store(Self.engine))
      _ = try instance.function("take")([.i32(2000)])
    }
    #expect(try memory.atomicLoad(UInt32.self, at: 4) == 6000)
  }

  @Test func lockOfSuspendedGuestsLosesNoWakeup() async throws {
    let memory = try Self.memory()
    let linked = try Self.linked(memory)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          let instance = try await linked.instantiate(in: Store(Self.engine))
          _ = try await instance.function("take").async([.i32(300)])
        }
      }
      try await group.waitForAll()
    }
    #expect(try memory.atomicLoad(UInt32.self, at: 4) == 2400)
  }

  @Test func suspendedGuestsAreWokenAndCounted() async throws {
    let memory = try Self.memory()
    let linked = try Self.linked(memory)
    let count = 200
    try await withThrowingTaskGroup(of: UInt64.self) { group in
      for number in 0..<count {
        group.addTask {
          if number % 10 == 0 { return try await memory.wait(at: 16, expected: UInt64(0)) == .notified ? 0 : 9 }
          let instance = try await linked.instantiate(in: Store(Self.engine))
          return AtomicTests.bits(try await instance.function("wait64").async([.i32(8), .i64(0), .i64(-1)])[0])
        }
      }
      try await Self.wake(memory, at: 16, count, each: 7)
      for try await result in group { #expect(result == 0) }
    }
  }

  @Test func timeoutsOfSuspendedGuests() async throws {
    let memory = try Self.memory()
    let instance = try await Self.linked(memory).instantiate(in: Store(Self.engine))
    let wait = try instance.function("wait32")
    #expect(AtomicTests.bits(try await wait.async([.i32(0), .i32(0), .i64(2_000_000)])[0]) == 2)
    #expect(AtomicTests.bits(try await wait.async([.i32(0), .i32(0), .i64(0)])[0]) == 2)
    #expect(AtomicTests.bits(try await wait.async([.i32(0), .i32(3), .i64(-1)])[0]) == 1)
    #expect(try await memory.wait(at: 0, expected: UInt32(0), timeout: .milliseconds(2)) == .timedOut)
    #expect(try await memory.wait(at: 0, expected: UInt32(1)) == .notEqual)
    // Nobody is left behind.
    #expect(try memory.notify(at: 0) == 0)
  }

  // MARK: What ends a wait

  @Test func deadlinesEndSleep() throws {
    let memory = try Self.memory()
    let store = Store(Self.engine)
    let instance = try Self.linked(memory).instantiate(in: store)
    for _ in 0..<2 {
      let code = trapCode {
        try store.withDeadline(after: .milliseconds(5)) {
          _ = try instance.function("wait32")([.i32(0), .i32(0), .i64(-1)])
        }
      }
      #expect(code == .interrupted)
    }
    #expect(try memory.notify(at: 0) == 0)
    #expect(AtomicTests.bits(try instance.function("wait32")([.i32(0), .i32(0), .i64(0)])[0]) == 2)
  }

  @Test func interruptersEndSleepAndSuspension() async throws {
    let memory = try Self.memory()
    let linked = try Self.linked(memory)
    let interrupters = Shared<[Interrupter]>([])
    async let sleeper: Void = SharedMemoryTests.onThreads(1) { _ in
      let store = Store(Self.engine)
      let instance = try linked.instantiate(in: store)
      let interrupter = try store.interrupter()
      interrupters.update { $0.append(interrupter) }
      #expect(trapCode { _ = try instance.function("wait32")([.i32(0), .i32(0), .i64(-1)]) } == .interrupted)
    }
    async let suspended: Trap.Code? = {
      let store = Store(Self.engine)
      let instance = try await linked.instantiate(in: store)
      let interrupter = try store.interrupter()
      interrupters.update { $0.append(interrupter) }
      do {
        _ = try await instance.function("wait32").async([.i32(0), .i32(0), .i64(-1)])
        return nil
      } catch let error as WasmError { return error.trapCode }
    }()
    while interrupters.now.count < 2 { await Task.yield() }
    // Wherever each is by now.
    for interrupter in interrupters.now { interrupter.interrupt() }
    try await sleeper
    #expect(try await suspended == .interrupted)
    #expect(try memory.notify(at: 0) == 0)
  }

  @Test func cancellationAndDeadlinesEndSuspension() async throws {
    let memory = try Self.memory()
    let linked = try Self.linked(memory)
    let task = Task {
      let instance = try await linked.instantiate(in: Store(Self.engine))
      _ = try await instance.function("wait32").async([.i32(0), .i32(0), .i64(-1)])
    }
    let waiting = Task { try await memory.wait(at: 0, expected: UInt32(0)) }
    task.cancel()
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    await #expect(throws: CancellationError.self) { try await waiting.value }
    let instance = try await linked.instantiate(in: Store(Self.engine))
    let error = await #expect(throws: WasmError.self) {
      _ = try await instance.function("wait32").async(
        [.i32(0), .i32(0), .i64(-1)], deadline: ContinuousClock.now + .milliseconds(5))
    }
    #expect(error?.trapCode == .interrupted)
    #expect(try memory.notify(at: 0) == 0)
    #expect(AtomicTests.bits(try instance.function("wait32")([.i32(0), .i32(0), .i64(0)])[0]) == 2)
  }

  @Test func epochsEndSleepAndSuspension() async throws {
    var configuration = Self.engine.configuration
    configuration.interruption = .epoch(tick: .zero, action: .trap)
    let engine = try Engine(configuration)
    let memory = try Self.memory(engine)
    let linked = try Self.linked(memory)
    let ready = Shared(0)
    async let sleeper: Void = SharedMemoryTests.onThreads(1) { _ in
      let store = Store(engine)
      let instance = try linked.instantiate(in: store)
      try store.setEpochDeadline(ticks: 2)
      ready.update { $0 += 1 }
      #expect(trapCode { _ = try instance.function("wait32")([.i32(0), .i32(0), .i64(-1)]) } == .interrupted)
    }
    async let suspended: Trap.Code? = {
      let store = Store(engine)
      let instance = try await linked.instantiate(in: store)
      try store.setEpochDeadline(ticks: 2)
      ready.update { $0 += 1 }
      do {
        _ = try await instance.function("wait32").async([.i32(0), .i32(0), .i64(-1)])
        return nil
      } catch let error as WasmError { return error.trapCode }
    }()
    while ready.now < 2 { await Task.yield() }
    engine.incrementEpoch()
    engine.incrementEpoch()
    try await sleeper
    #expect(try await suspended == .interrupted)
    #expect(try memory.notify(at: 0) == 0)
  }

  @Test func fuelIsEachStoresOwn() throws {
    var configuration = Self.engine.configuration
    configuration.fuelMetering = true
    configuration.initialFuel = 1000
    let engine = try Engine(configuration)
    let memory = try Self.memory(engine)
    let linked = try Self.linked(memory)
    let instance = try linked.instantiate(in: Store(engine))
    #expect(trapCode { _ = try instance.function("take")([.i32(1000)]) } == .outOfFuel)
    try memory.atomicStore(UInt32(0), at: 0)
    let store = Store(engine)
    let other = try linked.instantiate(in: store)
    _ = try other.function("take")([.i32(1)])
    let fuel = try store.fuel
    #expect(fuel < 1000 && fuel > 900)
  }
}
