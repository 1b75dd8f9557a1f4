import Aviary
import Testing

/// Guests that are suspended while a host function awaits.
@Suite struct AsyncCallTests {
  actor Counter {
    var value: Int32 = 0
    func add(_ amount: Int32) -> Int32 {
      value += amount
      return value
    }
  }

  struct Tenant {
    var counter = Counter()
    var gate = Gate()
    var instance: Instance?
    var log: [Int32] = []
  }

  /// Opens once; who comes before waits.
  actor Gate {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var arrivals = 0
    private var watchers: [CheckedContinuation<Void, Never>] = []
    func pass() async {
      arrivals += 1
      for watcher in watchers { watcher.resume() }
      watchers = []
      if !isOpen { await withCheckedContinuation { waiting.append($0) } }
    }
    /// Until somebody waits.
    func arrival() async { if arrivals == 0 { await withCheckedContinuation { watchers.append($0) } } }
    func open() {
      isOpen = true
      for one in waiting { one.resume() }
      waiting = []
    }
  }

  static let wat = """
    (module
      (import "env" "add" (func $add (param i32) (result i32)))
      (import "env" "wait" (func $wait))
      (import "env" "fail" (func $fail (param i32)))
      (import "env" "reenter" (func $reenter (param i32) (result i32)))
      (import "env" "mixed" (func $mixed (param i32 i64 f32 f64) (result i32 i64 f32 f64)))
      (import "env" "six" (func $six (param i32 i64 f32 f64 funcref externref) (result i64)))
      (import "env" "sync" (func $sync (param i32) (result i32)))
      (memory (export "memory") 1 10)
      (table (export "table") 1 10 funcref)
      (func (export "once") (param i32) (result i32) (call $add (local.get 0)))
      (func (export "wait") (result i32) (call $wait) (i32.const 1))
      (func (export "fail") (param i32) (result i32) (call $fail (local.get 0)) (i32.const 1))
      (func (export "reenter") (param i32) (result i32) (call $reenter (local.get 0)))
      (func (export "sync") (param i32) (result i32) (call $sync (local.get 0)))
      (func (export "six") (param i32 i64 f32 f64 funcref externref) (result i64)
        (call $six (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)))
      (func (export "mixed") (param i32 i64 f32 f64) (result i32 i64 f32 f64)
        (call $mixed (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
      ;; Locals, floats and a deep operand stack live over each suspension.
      (func (export "many") (param $n i32) (result i64)
        (local $i i32) (local $s i64) (local $f f64) (local $a i64) (local $b i64)
        (local.set $f (f64.const 0.5))
        (local.set $a (i64.const 3))
        (loop $again
          (local.set $s (i64.add (local.get $s)
            (i64.add (i64.mul (local.get $a) (i64.const 1000))
              (i64.extend_i32_s (call $add (i32.const 1))))))
          (local.set $f (f64.add (local.get $f) (f64.const 1.25)))
          (local.set $a (i64.add (local.get $a) (i64.const 2)))
          (local.set $b (i64.xor (local.get $b) (local.get $s)))
          (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (i64.add (local.get $s) (i64.trunc_f64_s (f64.mul (local.get $f) (f64.const 4)))))
      (func $nest (export "nest") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (call $add (i32.const 1)))
          (else (i32.add (i32.const 1) (call $nest (i32.sub (local.get 0) (i32.const 1)))))))
      (func $deep (export "deep") (param i32) (result i32)
        (drop (call $add (i32.const 1)))
        (i32.add (i32.const 1) (call $spin-down (i32.const 0))))
      (func $spin-down (param i32) (result i32) (i32.add (i32.const 1) (call $spin-down (local.get 0))))
      (func (export "trap") (result i32) (drop (call $add (i32.const 1))) unreachable)
      (func (export "spin") (result i32) (loop $l (br $l)) (i32.const 1))
      (func (export "late-spin") (result i32) (drop (call $add (i32.const 1))) (loop $l (br $l)) (i32.const 1))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "grow-table") (param i32) (result i32) (table.grow (ref.null func) (local.get 0)))
      (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
      (func (export "nothing")))
    """

  static func linker(_ engine: Engine) -> Linker<Tenant> {
    let linker = Linker<Tenant>(engine)
    linker.define("env", "add") { (caller: borrowing Caller<Tenant>, amount: Int32) async throws -> Int32 in
      await caller.state.counter.add(amount)
    }
    linker.define("env", "wait") { (caller: borrowing Caller<Tenant>) async throws in
      await caller.state.gate.pass()
    }
    linker.define("env", "fail") { (caller: borrowing Caller<Tenant>, number: Int32) async throws in
      await Task.yield()
      throw Mishap(number: Int(number))
    }
    linker.define("env", "reenter") { (caller: borrowing Caller<Tenant>, n: Int32) async throws -> Int32 in
      guard let instance = caller.instance else { throw Mishap(number: 0) }
      await Task.yield()
      let doubled = try instance.function("double", as: ((Int32) -> Int32).self)(n)
      let once = try await instance.function("once", as: ((Int32) -> Int32).self).async(doubled)
      let again = try instance.function("double", as: ((Int32) -> Int32).self)(once)
      return again
    }
    linker.define("env", "mixed") {
      (caller: borrowing Caller<Tenant>, a: Int32, b: Int64, c: Float, d: Double) async throws -> (Int32, Int64, Float, Double) in
      await Task.yield()
      return (a + 1, b + 1, c + 1, d + 1)
    }
    linker.define("env", "six") {
      (caller: borrowing Caller<Tenant>, a: Int32, b: Int64, c: Float, d: Double, e: Function?, f: ExternRef?) async throws -> Int64 in
      await Task.yield()
      return Int64(a) + b + Int64(c) + Int64(d) + (e == nil ? 0 : 1000) + (f == nil ? 0 : 10000)
    }
    linker.define("env", "sync") { (caller: borrowing Caller<Tenant>, n: Int32) throws -> Int32 in
      guard let instance = caller.instance else { throw Mishap(number: 0) }
      return try instance.function("once", as: ((Int32) -> Int32).self)(n)
    }
    return linker
  }

  static let plugin: LinkedModule<Tenant> = try! linker(Fixture.engine).link(Fixture.compile(wat))

  /// What "many" gives where its tenant counts from 0.
  static func many(_ n: Int) -> Int64 {
    var sum: Int64 = 0
    for i in 0..<Int64(n) { sum += (3 + 2 * i) * 1000 + i + 1 }
    return sum + Int64((0.5 + 1.25 * Double(n)) * 4)
  }

  static func make() async throws -> (Store<Tenant>, Instance) {
    let store = Store(Fixture.engine, state: Tenant())
    return (store, try await plugin.instantiate(in: store))
  }

  @Test func valuesLiveOverSuspensions() async throws {
    let (_, instance) = try await Self.make()
    let many = try instance.function("many", as: ((Int32) -> Int64).self)
    #expect(try await many.async(20) == Self.many(20))
    #expect(try await instance.function("nest", as: ((Int32) -> Int32).self).async(1000) == 21 + 1000)
    try await instance.function("nothing", as: (() -> Void).self).async()
  }

  @Test func callsOfEveryShape() async throws {
    let (_, instance) = try await Self.make()
    let untyped = try await instance.function("mixed").async([.i32(1), .i64(2), .f32(3.5), .f64(4.5)])
    #expect("\(untyped)" == "\([Value.i32(2), .i64(3), .f32(4.5), .f64(5.5)])")
    let handed = try await instance.function("six").async([.i32(1), .i64(2), .f32(3), .f64(4), .funcref(nil), .externref(nil)])
    #expect("\(handed)" == "\([Value.i64(10)])")
    let six = try instance.function("six", as: ((Int32, Int64, Float, Double, Function?, ExternRef?) -> Int64).self)
    #expect(try await six.async(1, 2, 3, 4, six.function, nil) == 1010)
    #expect(try await six.async(1, 2, 3, 4, nil, nil) == 10)
    let mixed = try instance.function("mixed", as: ((Int32, Int64, Float, Double) -> (Int32, Int64, Float, Double)).self)
    let results = try await mixed.async(1, 2, 3.5, 4.5)
    #expect(results == (2, 3, 4.5, 5.5))
  }

  @Test func errorsComeBackUnchanged() async throws {
    let (_, instance) = try await Self.make()
    let fail = try instance.function("fail", as: ((Int32) -> Int32).self)
    await #expect(throws: Mishap(number: 7)) { try await fail.async(7) }
    await #expect(throws: Mishap(number: 8)) { try await fail.async(8) }
    #expect(try await instance.function("once", as: ((Int32) -> Int32).self).async(5) == 5)
  }

  @Test func trapsAfterSuspension() async throws {
    let (_, instance) = try await Self.make()
    let error = await #expect(throws: WasmError.self) { try await instance.function("trap", as: (() -> Int32).self).async() }
    #expect(error?.trapCode == .unreachable)
    guard case .trap(let trap) = error else { return }
    #expect(trap.frames.count == 1)
    let deep = await #expect(throws: WasmError.self) { try await instance.function("deep", as: ((Int32) -> Int32).self).async(1) }
    #expect(deep?.trapCode == .callStackExhausted)
    #expect(try await instance.function("once", as: ((Int32) -> Int32).self).async(5) == 7)
  }

  @Test func synchronousCallsCannotSuspend() async throws {
    let (_, instance) = try await Self.make()
    let once = try instance.function("once", as: ((Int32) -> Int32).self)
    func synchronously() -> WasmError? { wasmError { _ = try once(1) } }
    #expect("\(synchronously() as Any)".contains("the host function \"env\".\"add\" is asynchronous"))
    // Nor below a synchronous host function.
    let error = await #expect(throws: WasmError.self) { try await instance.function("sync", as: ((Int32) -> Int32).self).async(1) }
    #expect("\(error as Any)".contains("the host function \"env\".\"add\" is asynchronous"))
    #expect(try await once.async(1) == 1)
  }

  @Test func hostFunctionsEnterAgain() async throws {
    let (_, instance) = try await Self.make()
    let reenter = try instance.function("reenter", as: ((Int32) -> Int32).self)
    #expect(try await reenter.async(10) == 40)
    #expect(try await reenter.async(1) == 44)
  }

  @Test func othersAreRefused() async throws {
    let (store, instance) = try await Self.make()
    let gate = store.state.gate
    let box = Unchecked(instance)
    async let waiting = box.value.function("wait", as: (() -> Int32).self).async()
    await gate.arrival()
    let synchronous = { wasmError { _ = try instance.function("double", as: ((Int32) -> Int32).self)(1) } }()
    #expect("\(synchronous as Any)".contains("in use"))
    let asynchronous = await #expect(throws: WasmError.self) { try await instance.function("double", as: ((Int32) -> Int32).self).async(1) }
    #expect("\(asynchronous as Any)".contains("in use"))
    await gate.open()
    #expect(try await waiting == 1)
    #expect(try instance.function("double", as: ((Int32) -> Int32).self)(4) == 8)
  }

  struct Unchecked<T>: @unchecked Sendable {
    let value: T
    init(_ value: T) { self.value = value }
  }

  @Test func cancelledTasksEndTheirGuests() async throws {
    for name in ["spin", "late-spin"] {
      let (store, instance) = try await Self.make()
      let box = Unchecked(instance)
      let task = Task { try await box.value.function(name, as: (() -> Int32).self).async() }
      if name == "late-spin" { while await store.state.counter.value == 0 { await Task.yield() } }
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      // The store is as good as before.
      #expect(try await instance.function("once", as: ((Int32) -> Int32).self).async(1) > 0)
      #expect(try instance.function("double", as: ((Int32) -> Int32).self)(4) == 8)
    }
  }

  @Test func cancellationReachesTheAwaitedFunction() async throws {
    let linker = Linker<Void>(Fixture.engine)
    linker.define("env", "sleep") { (caller: borrowing Caller<Void>) async throws in try await Task.sleep(for: .seconds(3600)) }
    linker.define("env", "swallow") { (caller: borrowing Caller<Void>) async throws in try? await Task.sleep(for: .seconds(3600)) }
    let module = try Fixture.compile(
      """
      (module (import "env" "sleep" (func $s)) (import "env" "swallow" (func $w))
        (func (export "sleep") (call $s)) (func (export "swallow") (call $w) (loop $l (br $l))))
      """)
    for name in ["sleep", "swallow"] {
      let store = Store(Fixture.engine)
      let instance = try await linker.instantiate(module, in: store)
      let function = try instance.function(name, as: (() -> Void).self)
      let box = Unchecked(function)
      let task = Task { try await box.value.async() }
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      // And a deadline does.
      let error = await #expect(throws: WasmError.self) { try await function.async(deadline: .now + .milliseconds(5)) }
      #expect(error?.trapCode == .interrupted)
      let late = await #expect(throws: WasmError.self) { try await function.async(deadline: .now - .seconds(5)) }
      #expect(late?.trapCode == .interrupted)
    }
  }

  @Test func deadlinesStopGuests() async throws {
    let (_, instance) = try await Self.make()
    let spin = try instance.function("late-spin", as: (() -> Int32).self)
    let error = await #expect(throws: WasmError.self) { try await spin.async(deadline: .now + .milliseconds(5)) }
    #expect(error?.trapCode == .interrupted)
    #expect(try await instance.function("once", as: ((Int32) -> Int32).self).async(1, deadline: .now + .seconds(3600)) == 2)
  }

  /// An inner deadline that passes is the inner call's alone; an outer one ends both.
  @Test func deadlinesNest() async throws {
    let linker = Linker<Void>(Fixture.engine)
    linker.define("env", "inner") { (caller: borrowing Caller<Void>, milliseconds: Int32) async throws -> Int32 in
      guard let instance = caller.instance else { return -1 }
      let spin = try instance.function("spin", as: (() -> Void).self)
      do {
        try await spin.async(deadline: .now + .milliseconds(Int(milliseconds)))
      } catch WasmError.trap(let trap) where trap.code == .interrupted {
        return 7
      }
      return 0
    }
    let module = try Fixture.compile(
      """
      (module (import "env" "inner" (func $inner (param i32) (result i32)))
        (func (export "outer") (param i32) (result i32) (call $inner (local.get 0)))
        (func (export "spin") (loop $l (br $l))))
      """)
    let instance = try await linker.instantiate(module, in: Store(Fixture.engine))
    let outer = try instance.function("outer", as: ((Int32) -> Int32).self)
    #expect(try await outer.async(2) == 7)
    #expect(try await outer.async(2, deadline: .now + .seconds(3600)) == 7)
    let error = await #expect(throws: WasmError.self) { try await outer.async(3_600_000, deadline: .now + .milliseconds(5)) }
    #expect(error?.trapCode == .interrupted)
    #expect(try await outer.async(2) == 7)
  }

  @Test func startFunctionsAreSuspended() async throws {
    let module = try Fixture.compile(
      """
      (module (import "env" "add" (func $add (param i32) (result i32))) (global $g (mut i32) (i32.const 0))
        (func $start (global.set $g (call $add (i32.const 41)))) (start $start)
        (func (export "g") (result i32) (i32.add (global.get $g) (i32.const 1))))
      """)
    let plugin = try Self.linker(Fixture.engine).link(module)
    for _ in 0..<3 {
      let instance = try await plugin.instantiate(in: Store(Fixture.engine, state: Tenant()))
      #expect(try instance.function("g", as: (() -> Int32).self)() == 42)
      func synchronously() -> WasmError? { wasmError { _ = try plugin.instantiate(in: Store(Fixture.engine, state: Tenant())) } }
      #expect("\(synchronously() as Any)".contains("asynchronous"))
    }
    let answer = try await InstancePool(plugin) { Tenant() }.withInstance { try $0.function("g", as: (() -> Int32).self)() }
    #expect(answer == 42)
  }

  final class Bank: AsyncResourceLimiter {
    var decision: GrowthDecision = .allow
    var error: Mishap?
    var asked: [[UInt64?]] = []
    func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) async throws -> GrowthDecision {
      await Task.yield()
      asked.append([current, desired, maximum])
      if let error { throw error }
      return decision
    }
    func tableGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) async throws -> GrowthDecision {
      await Task.yield()
      asked.append([current, desired, maximum])
      if let error { throw error }
      return decision
    }
  }

  @Test func limitersAreAwaited() async throws {
    let bank = Bank()
    let store = Store(Fixture.engine, state: Tenant(), asyncLimiter: bank)
    let instance = try await Self.plugin.instantiate(in: store)
    #expect(bank.asked == [[0, 65536, 655_360], [0, 1, 10]])
    let grow = try instance.function("grow", as: ((Int32) -> Int32).self)
    let growTable = try instance.function("grow-table", as: ((Int32) -> Int32).self)
    #expect(try await grow.async(2) == 1)
    #expect(try await growTable.async(3) == 1)
    #expect(bank.asked.suffix(2) == [[65536, 196_608, 655_360], [1, 4, 10]])
    // Beyond what the types allow it is not asked.
    #expect(try await grow.async(20) == -1)
    #expect(try await grow.async(0) == 3)
    #expect(bank.asked.count == 4)
    bank.decision = .deny
    #expect(try await grow.async(1) == -1)
    #expect(try await growTable.async(1) == -1)
    bank.decision = .trap
    let trap = await #expect(throws: WasmError.self) { try await grow.async(1) }
    #expect(trap?.trapCode == .growthDenied)
    bank.error = Mishap(number: 3)
    await #expect(throws: Mishap(number: 3)) { try await growTable.async(1) }
    bank.error = nil
    bank.decision = .allow
    func synchronously() -> WasmError? { wasmError { _ = try grow(1) } }
    #expect("\(synchronously() as Any)".contains("asynchronous"))
    #expect(try await grow.async(1) == 3)
    func instantiation() -> WasmError? { wasmError { _ = try Self.plugin.instantiate(in: Store(Fixture.engine, state: Tenant(), asyncLimiter: bank)) } }
    #expect("\(instantiation() as Any)".contains("asynchronous"))
    bank.decision = .deny
    await #expect(throws: WasmError.self) {
      _ = try await Self.plugin.instantiate(in: Store(Fixture.engine, state: Tenant(), asyncLimiter: bank))
    }
  }

  /// Many suspended at a time, on whatever threads there are.
  @Test func manyGuests() async throws {
    let total = try await withThrowingTaskGroup(of: Int64.self) { group in
      for index in 0..<200 {
        group.addTask {
          let (_, instance) = try await Self.make()
          return try await instance.function("many", as: ((Int32) -> Int64).self).async(Int32(index % 20) + 1)
        }
      }
      return try await group.reduce(0, +)
    }
    var expected: Int64 = 0
    for index in 0..<200 { expected += Self.many(index % 20 + 1) }
    #expect(total == expected)
  }
}
