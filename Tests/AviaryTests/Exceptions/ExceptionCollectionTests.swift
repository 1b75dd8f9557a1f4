import Aviary
import Testing

/// Exceptions that references exist to: kept where one may be found, freed otherwise.
@Suite struct ExceptionCollectionTests {
  static let wat = """
    (module
      (import "env" "collect" (func $collect))
      (tag $e (param i64)) (tag $chain (param exnref i64))
      (table $t (export "table") 8 10000 exnref)
      (global $g (mut exnref) (ref.null exn))
      (func $make (param i64) (result exnref)
        (block $caught (result i64 exnref)
          (try_table (catch_ref $e $caught) (throw $e (local.get 0))) (unreachable))
        (return))
      (func $value (param exnref) (result i64)
        (block $caught (result i64) (try_table (catch $e $caught) (throw_ref (local.get 0))) (i64.const -1)))
      (func (export "plain") (param i32) (result i64)
        (local $i i32) (local $s i64)
        (loop $l
          (block $caught (result i64)
            (try_table (catch $e $caught) (throw $e (i64.extend_i32_u (local.get $i)))) (i64.const 0))
          (local.set $s (i64.add (local.get $s)))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
        (local.get $s))
      (func (export "references") (param i32) (result i64)
        (local $i i32) (local $s i64) (local $x exnref)
        (loop $l
          (local.set $x (call $make (i64.extend_i32_u (local.get $i))))
          (local.set $s (i64.add (local.get $s) (call $value (local.get $x))))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
        (local.get $s))
      ;; In a local, on the operand stack, in a global, a table, a payload of a payload, and a caller's frame.
      (func $hold (param $x exnref) (param $n i32) (result i64)
        (local $y exnref)
        (local.set $y (call $make (i64.const 2)))
        (call $make (i64.const 3))
        (global.set $g (call $make (i64.const 4)))
        (table.set $t (i32.const 5) (call $make (i64.const 5)))
        (call $chain (call $chain (call $make (i64.const 6))))
        (call $churn (local.get $n))
        (call $collect)
        (local.set $x (local.get $x))
        (call $unchain (call $unchain)) (call $value)
        (i64.add (i64.mul (i64.const 10) (call $value (table.get $t (i32.const 5)))))
        (i64.add (i64.mul (i64.const 100) (call $value (global.get $g))))
        (local.set $n (i32.wrap_i64))
        (call $value)
        (i64.mul (i64.const 1000)) (i64.add (i64.extend_i32_u (local.get $n)))
        (i64.add (i64.mul (i64.const 10000) (call $value (local.get $y))))
        (i64.add (i64.mul (i64.const 100000) (call $value (local.get $x)))))
      (func (export "hold") (param $n i32) (result i64) (call $hold (call $make (i64.const 1)) (local.get $n)))
      (func $chain (param exnref) (result exnref)
        (block $caught (result exnref i64 exnref)
          (try_table (catch_ref $chain $caught) (throw $chain (local.get 0) (i64.const 0))) (unreachable))
        (local.set 0) (drop) (drop) (local.get 0))
      (func $unchain (param exnref) (result exnref)
        (block $caught (result exnref i64)
          (try_table (catch $chain $caught) (throw_ref (local.get 0))) (unreachable))
        (drop))
      (func $churn (param i32)
        (loop $l
          (drop (call $make (i64.const 99)))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
      (func (export "churn") (param i32) (call $churn (local.get 0)))
      (func (export "make") (param i64) (result exnref) (call $make (local.get 0)))
      (func (export "value") (param exnref) (result i64) (call $value (local.get 0)))
      ;; A chain that holds all that were ever made.
      (func (export "hoard") (param i32)
        (loop $l
          (global.set $g (call $chain (global.get $g)))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
      (func (export "clear") (global.set $g (ref.null exn)))
      (func (export "grow") (param i32) (result i32) (table.grow $t (call $make (i64.const 7)) (local.get 0)))
      (func (export "element") (param i32) (result i64) (call $value (table.get $t (local.get 0)))))
    """

  private func instance(_ engine: Engine, limiter: (any ResourceLimiter)? = nil) throws -> Instance {
    let linker = Linker<Void>(engine)
    linker.define("env", "collect") { (caller: borrowing Caller<Void>) throws -> Void in caller.context.collectExceptions() }
    return try linker.instantiate(try engine.compile(wat: Self.wat), in: Store<Void>(engine, limiter: limiter))
  }

  @Test func aMillionThrowsTakeBoundedMemory() throws {
    let instance = try instance(ExceptionFixture.plain)
    #expect(try instance.function("plain", as: ((Int32) -> Int64).self)(1_000_000) == 499_999_500_000)
    #expect(instance.context.exceptionUse == (0, 0, 0))
    #expect(try instance.function("references", as: ((Int32) -> Int64).self)(1_000_000) == 499_999_500_000)
    let use = instance.context.exceptionUse
    #expect(use.bytes <= 64 << 10 && use.collections > 100)
    instance.context.collectExceptions()
    #expect(instance.context.exceptionUse.count == 0)
  }

  @Test(arguments: ExceptionFixture.kinds) func referencesAreFoundWhereverTheyAre(_ kind: ExceptionFixture.Kind) throws {
    let instance = try instance(kind.engine)
    let hold = try instance.function("hold", as: ((Int32) -> Int64).self)
    for n: Int32 in [1, 10_000] {
      #expect(try hold(n) == 123_456)
    }
    instance.context.collectExceptions()
    // The global's and the table's.
    #expect(instance.context.exceptionUse.count == 2)
  }

  @Test func theHostsHandlesKeepThem() throws {
    let instance = try instance(ExceptionFixture.plain)
    let make = try instance.function("make", as: ((Int64) -> ExnRef?).self)
    var kept = try (0..<100).map { try make(Int64($0)) }
    try instance.function("churn", as: ((Int32) -> Void).self)(20_000)
    instance.context.collectExceptions()
    #expect(instance.context.exceptionUse.count == 100)
    let value = try instance.function("value", as: ((ExnRef?) -> Int64).self)
    for (index, exception) in kept.enumerated() { #expect(try value(exception) == Int64(index)) }
    kept.removeLast(40)
    instance.context.collectExceptions()
    #expect(instance.context.exceptionUse.count == 60)
    kept = []
    instance.context.collectExceptions()
    #expect(instance.context.exceptionUse.count == 0)
  }

  private static let handing = """
    (module (tag $e (param i64))
      (func $make (param i64) (result exnref)
        (block $caught (result i64 exnref) (try_table (catch_ref $e $caught) (throw $e (local.get 0))) (unreachable))
        (return))
      (func (export "make") (param i64) (result exnref) (call $make (local.get 0)))
      (func (export "same") (param exnref) (result exnref) (local.get 0))
      (func (export "two") (param i64) (result i64 exnref) (local.get 0) (call $make (local.get 0))))
    """

  private final class Box: @unchecked Sendable { var handles: [ExnRef?] = [] }

  /// An error that carries a handle may be let go wherever it was caught, while the store is used elsewhere.
  @Test func handlesGoOnAnyThread() async throws {
    let instance = try ExceptionFixture.instance(ExceptionFixture.plain, Self.handing)
    let same = try instance.function("same", as: ((ExnRef?) -> ExnRef?).self)
    var exception = try instance.function("make", as: ((Int64) -> ExnRef?).self)(1)
    let box = Box()
    for _ in 0..<50_000 { box.handles.append(try same(exception)) }
    let other = Task.detached { box.handles = [] }
    for _ in 0..<50_000 { _ = try same(exception) }
    await other.value
    instance.context.collectExceptions()
    #expect(instance.context.exceptionUse.count == 1)
    #expect(exception != nil)
    exception = nil
    instance.context.collectExceptions()
    #expect(instance.context.exceptionUse.count == 0)
  }

  /// Stands for an i64, and has exceptions collected when it is read.
  private struct Collecting: WasmType {
    let value: Int64
    static var wasmType: ValueType { .i64 }
    init(slot: ValueSlot, in context: StoreContext) {
      value = Int64(slot: slot, in: context)
      context.collectExceptions()
    }
    func slot(in context: StoreContext) -> ValueSlot { value.slot(in: context) }
  }

  /// Results that were not read yet keep theirs.
  @Test func resultsAreKeptUntilTheyAreRead() async throws {
    let instance = try ExceptionFixture.instance(ExceptionFixture.plain, Self.handing)
    let two = try instance.function("two", as: ((Int64) -> (Collecting, ExnRef?)).self)
    for number: Int64 in [7, 8] {
      let (first, second) = number == 7 ? try two(number) : try await two.async(number)
      #expect(first.value == number && instance.context.exceptionUse.count == 1)
      #expect(second.map { "\($0.exception.values)" } == "[\(Value.i64(number))]")
    }
  }

  @Test func aHoarderIsStopped() throws {
    let instance = try instance(ExceptionFixture.plain)
    #expect(trapCode { try instance.function("hoard", as: ((Int32) -> Void).self)(2_000_000) } == .allocation)
    #expect(instance.context.exceptionUse.bytes <= 33 << 20)
    try instance.function("clear", as: (() -> Void).self)()
    // Outside of guests, so that no word that the hoarder left on the stack keeps the chain.
    instance.context.collectExceptions()
    #expect(instance.context.exceptionUse.count == 0)
    #expect(try instance.function("hold", as: ((Int32) -> Int64).self)(5) == 123_456)
  }

  /// A limiter that runs the guest while a table is about to be filled with a reference.
  private final class BusyLimiter: ResourceLimiter {
    var churn: (() throws -> Void)?
    func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) -> GrowthDecision { .allow }
    func tableGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) -> GrowthDecision {
      try? churn?()
      return .allow
    }
  }

  @Test func aTableThatGrowsKeepsItsReference() throws {
    let limiter = BusyLimiter()
    let instance = try instance(ExceptionFixture.plain, limiter: limiter)
    let churn = try instance.function("churn", as: ((Int32) -> Void).self)
    let context = instance.context
    limiter.churn = { [unowned context] in
      try churn(5000)
      context.collectExceptions()
      try churn(5000)
    }
    #expect(try instance.function("grow", as: ((Int32) -> Int32).self)(10) == 8)
    limiter.churn = nil
    for index: Int32 in [8, 17] {
      #expect(try instance.function("element", as: ((Int32) -> Int64).self)(index) == 7)
    }
  }

  @Test func nothingIsLeftToTheNextTenant() throws {
    let engine = ExceptionFixture.plain
    let linker = Linker<Void>(engine)
    linker.define("env", "collect") { (caller: borrowing Caller<Void>) throws -> Void in caller.context.collectExceptions() }
    let plugin = try linker.link(try engine.compile(wat: Self.wat))
    for _ in 0..<3 {
      let instance = try plugin.instantiate(in: Store<Void>(engine))
      #expect(instance.context.exceptionUse == (0, 0, 0))
      #expect(try instance.table("table").get(5) == .exnref(nil))
      #expect(try instance.function("hold", as: ((Int32) -> Int64).self)(3000) == 123_456)
      #expect(instance.context.exceptionUse.count > 0)
    }
    #expect(plugin.idleStores == 1)
  }
}
