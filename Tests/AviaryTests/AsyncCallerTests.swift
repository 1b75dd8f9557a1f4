import Aviary
import Dispatch
import Testing

/// What asynchronous calls owe to those who make them: their actor, their deadlines, and their own types.
@Suite(.timeLimit(.minutes(2))) struct AsyncCallerTests {
  // MARK: Actors

  /// What is isolated to an actor, a store's state above all, stays on it: with a deadline too.
  @MainActor @Test func bodiesRunOnTheCallersActor() async throws {
    // Once the process has given its first thread away, the main actor's queue has whatever thread there is.
    let key = DispatchSpecificKey<Bool>()
    DispatchQueue.main.setSpecific(key: key, value: true)
    defer { DispatchQueue.main.setSpecific(key: key, value: nil) }
    @Sendable func isMain() -> Bool { DispatchQueue.getSpecific(key: key) == true }
    let linker = Linker<Shared<[Bool]>>(Fixture.engine)
    linker.define("env", "where") { (caller: borrowing Caller<Shared<[Bool]>>) async throws in
      caller.state.update { $0.append(isMain()) }
      await Task.yield()
      caller.state.update { $0.append(isMain()) }
      await Task.detached {}.value
      caller.state.update { $0.append(isMain()) }
    }
    let seen = Shared<[Bool]>([])
    let instance = try await linker.instantiate(
      try Fixture.compile("(module (import \"env\" \"where\" (func $w)) (func (export \"run\") (call $w)))"),
      in: Store(Fixture.engine, state: seen))
    let run = try instance.function("run", as: (() -> Void).self)
    try await run.async()
    try await run.async(deadline: .now + .seconds(3600))
    _ = try await instance.function("run").async([], deadline: .now + .seconds(3600))
    #expect(seen.now == Array(repeating: true, count: 9))
  }

  // MARK: Limiters

  final class Slow: AsyncResourceLimiter {
    var isSlow = false
    func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) async throws -> GrowthDecision {
      if isSlow { try await Task.sleep(for: .seconds(3600)) }
      return .allow
    }
    func tableGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) async throws -> GrowthDecision {
      if isSlow { try await Task.sleep(for: .seconds(3600)) }
      return .deny
    }
  }

  @Test func deadlinesEndWhatLimitersWaitFor() async throws {
    let limiter = Slow()
    let store = Store(Fixture.engine, state: (), asyncLimiter: limiter)
    let instance = try await Linker<Void>(Fixture.engine).instantiate(
      try Fixture.compile(
        """
        (module (memory 1 10) (table 0 10 funcref)
          (func (export "grow") (result i32) (memory.grow (i32.const 1)))
          (func (export "table") (result i32) (table.grow (ref.null func) (i32.const 1))))
        """), in: store)
    for name in ["grow", "table"] {
      let grow = try instance.function(name, as: (() -> Int32).self)
      limiter.isSlow = true
      let error = await #expect(throws: WasmError.self) { try await grow.async(deadline: .now + .milliseconds(5)) }
      #expect(error?.trapCode == .interrupted)
      limiter.isSlow = false
      #expect(try await grow.async(deadline: .now + .seconds(3600)) == (name == "grow" ? 1 : -1))
    }
  }

  // MARK: Conformances that call the guest

  /// Stands for an i64, and calls the guest whenever it crosses the border.
  struct Nosy: WasmType {
    static let guest = Shared<AsyncCallTests.Unchecked<TypedFunction<(Int64) -> Int64>>?>(nil)
    var value: Int64
    init(_ value: Int64) { self.value = value }
    static var wasmType: ValueType { .i64 }
    init(slot: ValueSlot, in context: StoreContext) {
      value = Int64(slot: slot, in: context)
      _ = try? Self.guest.now?.value(-1)
    }
    func slot(in context: StoreContext) throws -> ValueSlot {
      _ = try Self.guest.now?.value(-1)
      return value.slot(in: context)
    }
  }

  /// Arguments and results of asynchronous calls lie where such a call of the guest runs.
  @Test func typesMayCallTheGuest() async throws {
    let instance = try Fixture.instance(
      """
      (module
        (func $deep (export "deep") (param i64) (result i64) (local i64 i64 i64 i64 i64 i64 i64 i64)
          (if (result i64) (i64.lt_s (local.get 0) (i64.const -20)) (then (i64.const -3))
            (else (i64.add (call $deep (i64.sub (local.get 0) (i64.const 1))) (i64.const 0)))))
        (func (export "swap") (param i64 i64 i64) (result i64 i64 i64) (local.get 2) (local.get 1) (local.get 0))
        (func (export "sum") (param i64 i64 i64) (result i64)
          (i64.add (i64.mul (local.get 0) (i64.const 100))
            (i64.add (i64.mul (local.get 1) (i64.const 10)) (local.get 2)))))
      """)
    Nosy.guest.update { $0 = .init(try! instance.function("deep", as: ((Int64) -> Int64).self)) }
    defer { Nosy.guest.update { $0 = nil } }
    let sum = try instance.function("sum", as: ((Int64, Nosy, Int64) -> Int64).self)
    #expect(try await sum.async(1, Nosy(2), 3) == 123)
    #expect(try await sum.async(1, Nosy(2), 3, deadline: .now + .seconds(3600)) == 123)
    let swap = try instance.function("swap", as: ((Int64, Nosy, Nosy) -> (Nosy, Nosy, Int64)).self)
    let results = try await swap.async(1, Nosy(2), Nosy(3))
    #expect(results.0.value == 3 && results.1.value == 2 && results.2 == 1)
    let late = try await swap.async(1, Nosy(2), Nosy(3), deadline: .now + .seconds(3600))
    #expect(late.0.value == 3 && late.1.value == 2 && late.2 == 1)
    let synchronous = try swap(1, Nosy(2), Nosy(3))
    #expect(synchronous.0.value == 3 && synchronous.1.value == 2 && synchronous.2 == 1)
  }
}
