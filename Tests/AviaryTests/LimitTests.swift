import Aviary
import Testing

@Suite struct LimitTests {
  final class Watcher: ResourceLimiter {
    var memory: [(UInt64, UInt64, UInt64?)] = []
    var tables: [(UInt64, UInt64, UInt64?)] = []
    var decide: (UInt64) throws -> GrowthDecision = { _ in .allow }
    func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> GrowthDecision {
      memory.append((current, desired, maximum))
      return try decide(desired)
    }
    func tableGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> GrowthDecision {
      tables.append((current, desired, maximum))
      return try decide(desired)
    }
  }

  static let wat = """
    (module (memory (export "memory") 1 10) (table (export "table") 1 10 funcref)
      (func (export "memory.grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "table.grow") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))
    """

  @Test func limiterDecides() throws {
    let watcher = Watcher()
    let store = Store(Fixture.engine, limiter: watcher)
    let instance = try Linker<Void>(Fixture.engine).instantiate(try Fixture.compile(Self.wat), in: store)
    let growMemory = try instance.function("memory.grow", as: ((Int32) -> Int32).self)
    let growTable = try instance.function("table.grow", as: ((Int32) -> Int32).self)
    #expect(watcher.memory.map(\.1) == [65536])
    #expect(try growMemory(1) == 1)
    #expect(try growTable(2) == 1)
    #expect(watcher.memory.last.map { $0 == (65536, 131072, 655360) } == true)
    #expect(watcher.tables.last.map { $0 == (1, 3, 10) } == true)
    watcher.decide = { _ in .deny }
    #expect(try growMemory(1) == -1)
    #expect(try growTable(1) == -1)
    watcher.decide = { _ in .trap }
    #expect(trapCode { _ = try growMemory(1) } == .growthDenied)
    watcher.decide = { throw Mishap(number: Int($0)) }
    #expect(throws: Mishap(number: 196608)) { try growMemory(1) }
    #expect(throws: Mishap(number: 4)) { try growTable(1) }
    #expect(throws: Mishap(number: 4)) { try instance.table("table").grow(by: 1, filledWith: .funcref(nil)) }
    watcher.decide = { _ in .allow }
    #expect(try growMemory(1) == 2)
    // What cannot be is not asked.
    let asked = watcher.memory.count
    #expect(try growMemory(100) == -1)
    #expect(watcher.memory.count == asked)
  }

  @Test func storeLimits() throws {
    let store = Store(Fixture.engine, limits: .init(memory: .kibibytes(128), tableElements: 4, instances: 2))
    let linker = Linker<Void>(Fixture.engine)
    let module = try Fixture.compile(Self.wat)
    let instance = try linker.instantiate(module, in: store)
    let growMemory = try instance.function("memory.grow", as: ((Int32) -> Int32).self)
    #expect(try growMemory(2) == -1)
    #expect(try growMemory(1) == 1)
    #expect(try growMemory(1) == -1)
    #expect(try instance.function("table.grow", as: ((Int32) -> Int32).self)(4) == -1)
    #expect(try instance.function("table.grow", as: ((Int32) -> Int32).self)(3) == 1)
    // All memories together: a second instance has no room.
    guard case .limit? = wasmError({ _ = try linker.instantiate(module, in: store) }) else {
      Issue.record("a limit was passed")
      return
    }
    let empty = try Fixture.compile("(module)")
    let few = Store(Fixture.engine, limits: .init(instances: 2))
    _ = try linker.instantiate(empty, in: few)
    _ = try linker.instantiate(empty, in: few)
    guard case .limit? = wasmError({ _ = try linker.instantiate(empty, in: few) }) else {
      Issue.record("a limit was passed")
      return
    }
  }

  @Test func configurationsThatContradictThemselves() {
    let changes: [(inout EngineConfiguration) -> Void] = [
      { $0.memoryReservation = .bytes(1000) }, { $0.memoryReservation = .gibibytes(5) },
      { $0.maxGuestStack = .kibibytes(1) }, { $0.parallelism = 0 }, { $0.memoryGuard = .bytes(.max - 65535) },
    ]
    for (index, change) in changes.enumerated() {
      var configuration = EngineConfiguration()
      change(&configuration)
      guard case .limit(let message)? = wasmError({ _ = try Engine(configuration) }) else {
        Issue.record("configuration \(index) was accepted")
        continue
      }
      #expect(message.contains { $0.isNumber })
    }
  }
}
