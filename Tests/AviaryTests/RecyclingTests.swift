import Aviary
import Testing

/// A store that served one tenant is given to the next: nothing of the first one may be found there.
@Suite struct RecyclingTests {
  final class Tenant {
    let id: Int32
    var calls: [Int32] = []
    init(_ id: Int32) { self.id = id }
  }

  /// Everything of an instance that a tenant can change, with ways to change it and to look at it.
  static let wat = """
    (module
      (import "env" "whoami" (func $whoami (param i32) (result i32)))
      (memory (export "memory") 1 4)
      (table $t (export "table") 4 16 funcref)
      (table $x (export "objects") 2 8 externref)
      (global $g (export "g") (mut i32) (i32.const 7))
      (global $l (mut i64) (i64.const -1))
      (global $v (export "v") (mut v128) (v128.const i64x2 1 2))
      (global $f (mut funcref) (ref.func $one))
      (global $o (export "o") (mut externref) (ref.null extern))
      (data (i32.const 16) "active")
      (data $passive "passive")
      (elem (table $t) (i32.const 1) func $one $two)
      (elem $spare func $two $one)
      (type $i (func (result i32)))
      (func $one (result i32) i32.const 1)
      (func $two (result i32) i32.const 2)
      (func $start (i32.store (i32.const 0) (call $whoami (i32.const 0))))
      (start $start)
      (func (export "whoami") (param i32) (result i32) (call $whoami (local.get 0)))
      (func (export "setG") (param i32) (result i32) (global.set $g (local.get 0)) (i32.const 0))
      (func (export "setL") (param i32) (result i32) (global.set $l (i64.extend_i32_s (local.get 0))) (i32.const 0))
      (func (export "setF") (param i32) (result i32) (global.set $f (ref.null func)) (i32.const 0))
      (func (export "store") (param i32) (result i32) (i32.store8 (local.get 0) (i32.const 165)) (i32.const 0))
      (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "growTable") (param i32) (result i32) (table.grow $t (ref.func $two) (local.get 0)))
      (func (export "growObjects") (param i32) (result i32) (table.grow $x (global.get $o) (local.get 0)))
      (func (export "setElement") (param i32) (result i32) (table.set $t (local.get 0) (ref.func $two)) (i32.const 0))
      (func (export "clearElement") (param i32) (result i32) (table.set $t (local.get 0) (ref.null func)) (i32.const 0))
      (func (export "dropData") (param i32) (result i32) (data.drop $passive) (i32.const 0))
      (func (export "initData") (param i32) (result i32)
        (memory.init $passive (local.get 0) (i32.const 0) (i32.const 7)) (i32.const 0))
      (func (export "dropElements") (param i32) (result i32) (elem.drop $spare) (i32.const 0))
      (func (export "initElements") (param i32) (result i32)
        (table.init $t $spare (local.get 0) (i32.const 0) (i32.const 2)) (i32.const 0))
      (func (export "call") (param i32) (result i32) (call_indirect $t (type $i) (local.get 0)))
      (func $deep (export "deep") (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))
      (func $nest (export "nest") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
          (else (i32.add (i32.const 1) (call $nest (i32.sub (local.get 0) (i32.const 1)))))))
      (func (export "unreachable") (param i32) (result i32) unreachable)
      (func (export "look") (param i32) (result i32)
        (local $h i32)
        (local.set $h (global.get $g))
        (local.set $h (i32.add (i32.mul (local.get $h) (i32.const 31)) (i32.wrap_i64 (global.get $l))))
        (local.set $h (i32.add (i32.mul (local.get $h) (i32.const 31)) (ref.is_null (global.get $f))))
        (local.set $h (i32.add (i32.mul (local.get $h) (i32.const 31)) (ref.is_null (global.get $o))))
        (local.set $h (i32.add (i32.mul (local.get $h) (i32.const 31)) (memory.size)))
        (local.set $h (i32.add (i32.mul (local.get $h) (i32.const 31)) (table.size $t)))
        (i32.add (i32.mul (local.get $h) (i32.const 31)) (table.size $x))))
    """

  static let operations = [
    "setG", "setL", "setF", "store", "grow", "growTable", "growObjects", "setElement", "clearElement", "dropData",
    "initData", "dropElements", "initElements", "deep", "nest", "unreachable", "whoami",
  ]

  static func plugin(_ engine: Engine) throws -> LinkedModule<Tenant> {
    let linker = Linker<Tenant>(engine)
    linker.define("env", "whoami") { (caller: borrowing Caller<Tenant>, note: Int32) -> Int32 in
      caller.state.calls.append(note)
      return caller.state.id
    }
    return try linker.link(try engine.compile(wat: wat))
  }

  static func pooled() throws -> Engine {
    var configuration = EngineConfiguration()
    configuration.allocation = .pooling(.init(instances: 64, maxMemory: .mebibytes(1)))
    if case .pooling(var pool) = configuration.allocation {
      pool.tablesPerInstance = 2
      configuration.allocation = .pooling(pool)
    }
    return try Engine(configuration)
  }

  static func call(_ instance: Instance, _ name: String, _ argument: Int32) -> String {
    do {
      return "\(try instance.function(name, as: ((Int32) -> Int32).self)(argument))"
    } catch let error as WasmError { return "\(error.trapCode.map { "\($0)" } ?? "\(error)")" } catch { return "\(error)" }
  }

  /// All that can be seen of an instance.
  static func look(_ instance: Instance) throws -> String {
    var lines = [call(instance, "look", 0)]
    lines.append("\(try instance.global("v").value) \(try instance.global("g").value) \(try instance.global("o").value)")
    let table = try instance.table("table")
    lines.append((0..<table.count).map { index in "\((try? table.get(index)) as Value?)" }.joined(separator: " "))
    lines.append((0..<4).map { call(instance, "call", $0) }.joined(separator: " "))
    let objects = try instance.table("objects")
    lines.append((0..<objects.count).map { index in "\((try? objects.get(index)) as Value?)" }.joined(separator: " "))
    let memory = try instance.memory()
    let bytes = try memory.bytes(at: 0, count: memory.byteCount)
    lines.append("\(bytes.count) " + bytes.enumerated().filter { $0.element != 0 }.map { "\($0.offset):\($0.element)" }.joined(separator: " "))
    lines.append(call(instance, "initData", 100))
    lines.append(call(instance, "initElements", 0))
    return lines.joined(separator: "\n")
  }

  private static func fresh(_ engine: Engine) throws -> String {
    let plugin = try plugin(engine)
    return try look(try plugin.instantiate(in: Store(engine, state: Tenant(1))))
  }

  @Test(arguments: [false, true], operations) func nothingSurvives(_ isPooled: Bool, _ operation: String) throws {
    let engine = isPooled ? try Self.pooled() : Fixture.engine
    let expected = try Self.fresh(engine)
    let plugin = try Self.plugin(engine)
    for round in 0..<3 {
      do {
        let store = Store(engine, state: Tenant(2))
        let instance = try plugin.instantiate(in: store)
        _ = Self.call(instance, operation, operation == "store" ? 5000 : 2)
        try instance.global("v").set(.v128(V128(low: 3, high: 4)))
        if operation == "growObjects" {
          try instance.global("o").set(.externref(ExternRef(store.state)))
          _ = Self.call(instance, operation, 2)
        }
      }
      #expect(plugin.idleStores == 1, "round \(round)")
      let store = Store(engine, state: Tenant(1))
      let instance = try plugin.instantiate(in: store)
      #expect(plugin.idleStores == 0)
      #expect(store.state.calls == [0])
      #expect(try Self.look(instance) == expected)
    }
  }

  /// Random lives, each in a store that served others before and in a fresh one: every result is the same.
  @Test(arguments: [false, true]) func randomLivesAreThoseOfFreshStores(_ isPooled: Bool) throws {
    let engine = isPooled ? try Self.pooled() : Fixture.engine
    let used = try Self.plugin(engine)
    let fresh = try Self.plugin(engine)
    let seed = UInt64.random(in: .min ... .max)
    var state = seed
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for life in 0..<200 {
      fresh.dropIdleStores()
      let id = Int32(life)
      let a = try used.instantiate(in: Store(engine, state: Tenant(id)))
      let b = try fresh.instantiate(in: Store(engine, state: Tenant(id)))
      for _ in 0..<next(12) {
        let operation = Self.operations[next(Self.operations.count)]
        let argument = Int32(operation == "nest" ? next(3000) : operation == "store" ? next(70_000) : next(6))
        let (x, y) = (Self.call(a, operation, argument), Self.call(b, operation, argument))
        try #require(x == y, "seed \(seed), life \(life), \(operation) \(argument)")
      }
      let (seen, expected) = (try Self.look(a), try Self.look(b))
      try #require(seen == expected, "seed \(seed), life \(life)")
    }
    #expect(used.idleStores == 1)
  }

  @Test func hostFunctionsSeeThePresentTenant() throws {
    let plugin = try Self.plugin(Fixture.engine)
    for id in 0..<20 as Range<Int32> {
      let store = Store(Fixture.engine, state: Tenant(id))
      let instance = try plugin.instantiate(in: store)
      #expect(Self.call(instance, "whoami", 5) == "\(id)")
      #expect(store.state.calls == [0, 5])
    }
    #expect(plugin.idleStores == 1)
  }

  @Test func tenantsAndTheirObjectsGo() throws {
    let plugin = try Self.plugin(Fixture.engine)
    for _ in 0..<5 {
      weak var tenant: Tenant?
      weak var reference: ExternRef?
      do {
        let state = Tenant(3)
        let object = ExternRef(state)
        (tenant, reference) = (state, object)
        let instance = try plugin.instantiate(in: Store(Fixture.engine, state: state))
        try instance.table("objects").set(0, to: .externref(object))
        try instance.global("o").set(.externref(object))
      }
      #expect(tenant == nil && reference == nil)
    }
  }

  @Test func handlesKeepTheStore() throws {
    let plugin = try Self.plugin(Fixture.engine)
    var function: TypedFunction<(Int32) -> Int32>? = try plugin.instantiate(in: Store(Fixture.engine, state: Tenant(9)))
      .function("whoami", as: ((Int32) -> Int32).self)
    #expect(plugin.idleStores == 0)
    let other = try plugin.instantiate(in: Store(Fixture.engine, state: Tenant(10)))
    #expect(try function?(0) == 9)
    #expect(Self.call(other, "whoami", 0) == "10")
    function = nil
    #expect(plugin.idleStores == 1)
  }

  @Test func whatIsMadeBesideEndsTheReuse() throws {
    let plugin = try Self.plugin(Fixture.engine)
    func live(_ body: (Store<Tenant>, Instance) throws -> Void) throws {
      let store = Store(Fixture.engine, state: Tenant(1))
      try body(store, try plugin.instantiate(in: store))
    }
    try live { store, _ in _ = try plugin.instantiate(in: store) }
    try live { store, _ in _ = try Memory(in: store, MemoryType(minimum: 1)) }
    try live { store, _ in _ = try Global(in: store, GlobalType(.i32, isMutable: true), .i32(1)) }
    try live { store, instance in
      let function = try Function(in: store, FunctionType(results: [.i32])) { _, _ in [.i32(77)] }
      try instance.table("table").set(0, to: .funcref(function))
      #expect(Self.call(instance, "call", 0) == "77")
    }
    #expect(plugin.idleStores == 0)
    try live { _, instance in #expect(Self.call(instance, "call", 0) == "uninitializedElement") }
    #expect(plugin.idleStores == 1)
  }

  @Test func interruptersDoNotReachTheNextTenant() throws {
    let plugin = try Self.plugin(Fixture.engine)
    var interrupter: Interrupter?
    do {
      let store = Store(Fixture.engine, state: Tenant(1))
      _ = try plugin.instantiate(in: store)
      interrupter = try store.interrupter()
    }
    #expect(plugin.idleStores == 0)
    let next = try plugin.instantiate(in: Store(Fixture.engine, state: Tenant(2)))
    interrupter?.interrupt()
    #expect(Self.call(next, "whoami", 0) == "2")
    // One that is gone in time leaves no mark, though it interrupted.
    do {
      let store = Store(Fixture.engine, state: Tenant(3))
      let instance = try plugin.instantiate(in: store)
      interrupter = try store.interrupter()
      interrupter?.interrupt()
      #expect(Self.call(instance, "whoami", 0) == "interrupted")
      interrupter = nil
    }
    #expect(plugin.idleStores == 1)
    #expect(Self.call(try plugin.instantiate(in: Store(Fixture.engine, state: Tenant(4))), "whoami", 0) == "4")
  }

  final class Denier: ResourceLimiter {
    func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> GrowthDecision {
      current == 0 ? .allow : .deny
    }
  }

  @Test func limitsAreThePresentTenants() throws {
    let plugin = try Self.plugin(Fixture.engine)
    func grow(_ limits: StoreLimits = .init(), _ limiter: (any ResourceLimiter)? = nil) throws -> String {
      Self.call(try plugin.instantiate(in: Store(Fixture.engine, state: Tenant(1), limits: limits, limiter: limiter)), "grow", 1)
    }
    weak var gone: Denier?
    for _ in 0..<3 {
      #expect(try grow() == "1")
      #expect(try grow(.init(memory: .kibibytes(64))) == "-1")
      #expect(try grow(.init(memory: .kibibytes(128))) == "1")
      do {
        let denier = Denier()
        gone = denier
        #expect(try grow(.init(), denier) == "-1")
      }
      #expect(gone == nil)
      #expect(plugin.idleStores == 1)
      #expect(wasmError { _ = try grow(.init(memory: .kibibytes(63))) } != nil)
      #expect(wasmError { _ = try grow(.init(tableElements: 3)) } != nil)
      #expect(wasmError { _ = try grow(.init(instances: 0)) } != nil)
      #expect(wasmError { _ = try grow(.init(memories: 0)) } != nil)
      #expect(wasmError { _ = try grow(.init(tables: 1)) } != nil)
    }
  }

  /// A store that was refused half-way has no way to a memory that is another tenant's by now.
  @Test func aRefusedTenantHasNothing() throws {
    let plugin = try Self.plugin(Fixture.engine)
    _ = try plugin.instantiate(in: Store(Fixture.engine, state: Tenant(1)))
    let store = Store(Fixture.engine, state: Tenant(2), limits: .init(tableElements: 3))
    #expect(wasmError { _ = try plugin.instantiate(in: store) } != nil)
    #expect(wasmError { _ = try plugin.instantiate(in: store) } != nil)
    #expect(plugin.idleStores == 0)
    let next = try plugin.instantiate(in: Store(Fixture.engine, state: Tenant(3)))
    #expect(Self.call(next, "whoami", 0) == "3")
  }

  private final class Moody: ResourceLimiter {
    let isAgreeable = Shared(false)
    func memoryGrowing(from: UInt64, to: UInt64, maximum: UInt64?) -> GrowthDecision { isAgreeable.now ? .allow : .deny }
    func tableGrowing(from: UInt64, to: UInt64, maximum: UInt64?) -> GrowthDecision { .allow }
  }

  /// What was refused counts for nothing, whether an earlier tenant's store was there or not.
  @Test(arguments: [false, true]) func aRefusedTenantMayTryAgain(_ isRecycled: Bool) throws {
    let plugin = try Self.plugin(Fixture.engine)
    if isRecycled { _ = try plugin.instantiate(in: Store(Fixture.engine, state: Tenant(1))) }
    let limiter = Moody()
    let store = Store(
      Fixture.engine, state: Tenant(2), limits: .init(memory: .kibibytes(64), instances: 1), limiter: limiter)
    #expect(wasmError { _ = try plugin.instantiate(in: store) } != nil)
    limiter.isAgreeable.update { $0 = true }
    #expect(Self.call(try plugin.instantiate(in: store), "whoami", 0) == "2")
  }

  private final class Meddler: ResourceLimiter {
    var store: Store<Tenant>?
    var made: Function?
    func memoryGrowing(from: UInt64, to: UInt64, maximum: UInt64?) throws -> GrowthDecision {
      guard let store else { return .allow }
      made = try Function(in: store, FunctionType(parameters: [], results: [.i32])) { _, _ in [.i32(5)] }
      return .deny
    }
  }

  /// What a limiter makes in the store that it refuses a memory stays good.
  @Test func handlesOfARefusedTenantKeepTheStore() throws {
    let plugin = try Self.plugin(Fixture.engine)
    _ = try plugin.instantiate(in: Store(Fixture.engine, state: Tenant(1)))
    let limiter = Meddler()
    let store = Store(Fixture.engine, state: Tenant(2), limiter: limiter)
    limiter.store = store
    #expect(wasmError { _ = try plugin.instantiate(in: store) } != nil)
    let made = try #require(limiter.made)
    let results = try made([])
    #expect("\(results)" == "\([Value.i32(5)])")
    limiter.store = nil
    limiter.made = nil
  }

  @Test func deadlinesEnd() throws {
    let engine = Fixture.engine
    let plugin = try Linker<Void>(engine).link(
      try engine.compile(wat: "(module (func (export \"spin\") (loop (br 0))) (func (export \"one\") (result i32) i32.const 1))"))
    for _ in 0..<3 {
      let store = Store(engine)
      let instance = try plugin.instantiate(in: store)
      let spin = try instance.function("spin", as: (() -> Void).self)
      #expect(trapCode { try store.withDeadline(after: .milliseconds(1)) { try spin() } } == .interrupted)
    }
    let instance = try plugin.instantiate(in: Store(engine))
    #expect(try instance.function("one", as: (() -> Int32).self)() == 1)
  }

  @Test func aStartFunctionThatTrapsLeavesNothing() throws {
    let engine = Fixture.engine
    let linker = Linker<Tenant>(engine)
    linker.define("env", "may") { (caller: borrowing Caller<Tenant>) throws -> Void in
      if caller.state.id < 0 { throw Mishap(number: 1) }
    }
    let plugin = try linker.link(
      try engine.compile(
        wat: """
          (module (import "env" "may" (func $may)) (global $g (export "g") (mut i32) (i32.const 0))
            (func $start (global.set $g (i32.add (global.get $g) (i32.const 1))) (call $may)) (start $start))
          """))
    for id in [1, -1, 2, -1, -1, 3] as [Int32] {
      let store = Store(engine, state: Tenant(id))
      if id < 0 {
        #expect(throws: Mishap(number: 1)) { try plugin.instantiate(in: store) }
      } else {
        #expect(try plugin.instantiate(in: store).global("g").value == .i32(1))
      }
    }
  }

  @Test func storesOutliveTheirLinkedModule() throws {
    weak var tenant: Tenant?
    do {
      let state = Tenant(4)
      tenant = state
      let instance = try Self.plugin(Fixture.engine).instantiate(in: Store(Fixture.engine, state: state))
      #expect(Self.call(instance, "whoami", 0) == "4")
      #expect(instance.module.exports.count > 10)
    }
    #expect(tenant == nil)
  }

  @Test func threadsDoNotMeet() async throws {
    let plugin = try Self.plugin(Fixture.engine)
    let wrong = await withTaskGroup(of: Int.self) { group in
      for worker in 0..<4 as Range<Int32> {
        group.addTask {
          var wrong = 0
          for round in 0..<300 as Range<Int32> {
            let id = worker * 1000 + round
            guard let instance = try? plugin.instantiate(in: Store(Fixture.engine, state: Tenant(id))) else { wrong += 1; continue }
            if (try? instance.global("g").value) != .i32(7) { wrong += 1 }
            if Self.call(instance, "load", 0) != "\(id & 0xFF)" { wrong += 1 }
            _ = Self.call(instance, "setG", id)
            if (try? instance.global("g").value) != .i32(id) { wrong += 1 }
            if Self.call(instance, "whoami", 0) != "\(id)" { wrong += 1 }
          }
          return wrong
        }
      }
      return await group.reduce(0, +)
    }
    #expect(wrong == 0)
  }
}
