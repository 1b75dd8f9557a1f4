import Testing

@testable import Aviary

@Suite struct InstancePoolTests {
  struct Tenant { var id: Int }

  static let wat = """
    (module (import "env" "id" (func $id (result i32)))
      (memory (export "memory") 1) (global $g (mut i32) (i32.const 0))
      (data (i32.const 100) "image")
      (func (export "touch") (result i32)
        (global.set $g (i32.add (global.get $g) (i32.const 1)))
        (i32.store (i32.const 40000) (i32.add (i32.load (i32.const 40000)) (i32.const 1)))
        (i32.add (i32.mul (call $id) (i32.const 10000))
          (i32.add (i32.mul (global.get $g) (i32.const 100)) (i32.load (i32.const 40000)))))
      (func (export "fault") (drop (i32.load (i32.const 0x7ffffff0)))))
    """

  static func plugin(_ engine: Engine = Fixture.engine) throws -> LinkedModule<Tenant> {
    let linker = Linker<Tenant>(engine)
    linker.define("env", "id") { (caller: borrowing Caller<Tenant>) -> Int32 in Int32(caller.state.id) }
    return try linker.link(try engine.compile(wat: wat))
  }

  static func touch(_ instance: Instance) throws -> Int32 {
    try instance.function("touch", as: (() -> Int32).self)()
  }

  /// Every instance is new, has its own state, and no more than allowed live at a time.
  @Test func manyTasks() async throws {
    let ids = Shared(0)
    let inside = Shared((now: 0, most: 0))
    let pool = InstancePool(try Self.plugin(), maxInstances: 3) {
      Tenant(id: ids.update { $0 += 1; return $0 })
    }
    let seen = try await withThrowingTaskGroup(of: Int32.self) { group in
      for _ in 0..<200 {
        group.addTask {
          try await pool.withStore { store, instance in
            inside.update {
              $0.now += 1
              $0.most = max($0.most, $0.now)
            }
            await Task.yield()
            let value = try Self.touch(instance)
            #expect(value == Int32(store.state.id) * 10000 + 101)
            inside.update { $0.now -= 1 }
            return value
          }
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(Set(seen).count == 200)
    #expect(inside.now.most <= 3)
  }

  @Test func everyPathGivesItsPlaceBack() async throws {
    let isBroken = Shared(false)
    let pool = InstancePool(try Self.plugin(), maxInstances: 1) {
      if isBroken.now { throw Mishap(number: 2) }
      return Tenant(id: 1)
    }
    for _ in 0..<20 {
      await #expect(throws: Mishap(number: 1)) { try await pool.withInstance { _ in throw Mishap(number: 1) } }
      await #expect(throws: WasmError.self) {
        try await pool.withInstance { instance in _ = try instance.function("fault")([]) }
      }
      isBroken.update { $0 = true }
      await #expect(throws: Mishap(number: 2)) { try await pool.withInstance { try Self.touch($0) } }
      isBroken.update { $0 = false }
      #expect(try await pool.withInstance { try Self.touch($0) } == 10101)
    }
    let trapping = InstancePool(
      try Linker<Void>(Fixture.engine).link(
        try Fixture.compile("(module (func $f unreachable) (start $f))")), maxInstances: 1)
    for _ in 0..<3 {
      await #expect(throws: WasmError.self) { try await trapping.withInstance { _ in } }
    }
  }

  /// A task that waits ends when it is cancelled, and its place serves others.
  @Test func cancellation() async throws {
    let pool = InstancePool(try Self.plugin(), maxInstances: 1) { Tenant(id: 1) }
    let (started, start) = AsyncStream<Void>.makeStream()
    let (released, release) = AsyncStream<Void>.makeStream()
    let holder = Task {
      try await pool.withInstance { instance in
        start.finish()
        for await _ in released {}
        return try Self.touch(instance)
      }
    }
    for await _ in started {}
    let waiters = (0..<10).map { _ in Task { try await pool.withInstance { try Self.touch($0) } } }
    for index in stride(from: 0, to: 10, by: 2) {
      waiters[index].cancel()
      await #expect(throws: CancellationError.self) { try await waiters[index].value }
    }
    release.finish()
    #expect(try await holder.value == 10101)
    for index in stride(from: 1, to: 10, by: 2) { #expect(try await waiters[index].value == 10101) }
  }

  /// A handle that escapes keeps its instance usable, and its place taken.
  @Test func escapedHandles() async throws {
    let pool = InstancePool(try Self.plugin(), maxInstances: 1) { Tenant(id: 1) }
    var escaped: Instance? = try await pool.withInstance { $0 }
    let waiter = Task { try await pool.withInstance { try Self.touch($0) } }
    #expect(try Self.touch(try #require(escaped)) == 10101)
    waiter.cancel()
    await #expect(throws: CancellationError.self) { try await waiter.value }
    escaped = nil
    #expect(try await pool.withInstance { try Self.touch($0) } == 10101)
  }

  // MARK: With a pooling engine

  enum Strategy: CaseIterable {
    case copyOnWrite, eager, stripedCopyOnWrite, stripedEager, decommit, keepResident
    var pooling: PoolingConfiguration {
      var pool = PoolingConfiguration(instances: 3, maxMemory: .mebibytes(1), protectionKeys: .off)
      pool.memoryInitialization = self == .eager || self == .stripedEager ? .eager : .copyOnWrite
      pool.stripesWithoutKeys = self == .stripedCopyOnWrite || self == .stripedEager
      if self == .decommit { pool.reset = .decommit }
      if self == .keepResident { pool.reset = .keepResident }
      return pool
    }
  }

  /// The engine's places bound two pools together; each instance is as new, and nothing stays taken.
  @Test(arguments: Strategy.allCases) func engineWithAPool(_ strategy: Strategy) async throws {
    var configuration = EngineConfiguration()
    configuration.allocation = .pooling(strategy.pooling)
    let engine = try Engine(configuration)
    let report = try #require(engine.poolReport)
    #expect(report.instances == 3 && report.memories == 3 && report.maxMemory == .mebibytes(1))
    #expect(report.notices == [])
    let plugin = try Self.plugin(engine)
    let pools = (0..<2).map { _ in InstancePool(plugin) { Tenant(id: 1) } }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<300 {
        group.addTask {
          let value = try await pools[index % 2].withInstance { instance in
            if index % 7 == 0 { await Task.yield() }
            if index % 11 == 0 { _ = wasmError { _ = try instance.function("fault")([]) } }
            try #expect(instance.memory("memory").bytes(at: 100, count: 5) == Array("image".utf8))
            try instance.memory("memory").write(Array("stain".utf8), at: 100)
            return try Self.touch(instance)
          }
          #expect(value == 10101)
        }
      }
      try await group.waitForAll()
    }
    // All places are free again, whatever still stands in a queue to be cleaned.
    let stores = (0..<3).map { Store(engine, state: Tenant(id: $0)) }
    for store in stores { #expect(try Self.touch(try await plugin.instantiate(in: store)) == Int32(store.state.id) * 10000 + 101) }
    let statistics = try #require(engine.poolStatistics)
    #expect(statistics.live == 3 && statistics.quarantined == 0 && statistics.waiting == 0)
    #expect(statistics.warm + statistics.cold == 0)
    let taken = statistics.affineAcquisitions + statistics.coldAcquisitions + statistics.evictingAcquisitions
    #expect(taken == 303)
    #expect(statistics.failedResets == 0)
  }

  @Test func aPoolThatIsFullThrowsWithoutWaiting() throws {
    var configuration = EngineConfiguration()
    configuration.allocation = .pooling(.init(instances: 2, maxMemory: .mebibytes(1), protectionKeys: .off))
    let engine = try Engine(configuration)
    let plugin = try Self.plugin(engine)
    let stores = (0..<3).map { Store(engine, state: Tenant(id: $0)) }
    _ = try plugin.instantiate(in: stores[0])
    _ = try plugin.instantiate(in: stores[1])
    guard case .limit(let message)? = wasmError({ _ = try plugin.instantiate(in: stores[2]) }) else {
      Issue.record("a third instance of two")
      return
    }
    #expect(message.contains("2"))
  }
}
