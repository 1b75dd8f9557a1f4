import Aviary
import Testing

/// Checks in loops and prologues, reached at each of them: whatever is in registers, in slots and below rsp must be
/// the same behind a check, whether the guest was suspended there or not. A host function counts the epoch up, so
/// that the next check finds its word set.
@Suite struct CheckedCodeTests {
  /// Code with and without calls, with few and many locals, floats and operands below a loop.
  private static func text(integers: Int, floats: Int, isLeaf: Bool) -> String {
    let i = (0..<integers).map { "$i\($0)" }
    let f = (0..<floats).map { "$f\($0)" }
    let step = i.indices.map { "(local.set \(i[$0]) (i64.add (i64.mul (local.get \(i[$0])) (i64.const \(2 * $0 + 3))) (local.get \(i[($0 + 1) % i.count]))))" }
    let steps = f.indices.map { "(local.set \(f[$0]) (f64.add (local.get \(f[$0])) (f64.convert_i32_s (i32.add (local.get $n) (i32.const \($0))))))" }
    let sum = i.map { "(local.set $r (i64.xor (i64.rotl (local.get $r) (i64.const 7)) (local.get \($0))))" }
    let sums = f.map { "(local.set $r (i64.xor (i64.rotl (local.get $r) (i64.const 7)) (i64.trunc_sat_f64_s (local.get \($0)))))" }
    let set = i.indices.map { "(local.set \(i[$0]) (i64.mul (local.get $seed) (i64.const \(3 * $0 + 1))))" }
    let sets = f.indices.map { "(local.set \(f[$0]) (f64.const \($0)))" }
    let locals = i.map { "(local \($0) i64)" } + f.map { "(local \($0) f64)" }
    return """
      (module
        (import "env" "tick" (func $tick))
        (func $kernel (param $seed i64) (param $n i32) (result i64) (local $r i64) \(locals.joined())
          \(set.joined()) \(sets.joined())
          ;; Operands below the loop, which is itself in an expression.
          (i64.mul (i64.const 3) (local.get $seed))
          (i64.popcnt (local.get $seed))
          (f64.convert_i64_s (local.get $seed))
          (loop $again (result i64)
            \(isLeaf ? "" : "(call $tick)")
            \(step.joined()) \(steps.joined())
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
            (i64.clz (local.get \(i[0]))))
          (local.set $r) (i64.trunc_sat_f64_s) (i64.xor) (i64.add)
          (local.set $r (i64.add (local.get $r)))
          \(sum.joined()) \(sums.joined())
          (local.get $r))
        (func (export "run") (param i64) (result i64) (local $k i32) (local $s i64)
          (loop $more
            (call $tick)
            (local.set $s (i64.add (i64.mul (local.get $s) (i64.const 31)) (call $kernel (i64.add (local.get 0) (local.get $s)) (i32.const 3))))
            (br_if $more (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 20))))
          (local.get $s)))
      """
  }

  private static let shapes: [(integers: Int, floats: Int)] = [(1, 0), (3, 1), (7, 3), (9, 12), (20, 20)]

  private static func instance(
    _ configuration: EngineConfiguration, _ shape: (integers: Int, floats: Int), _ isLeaf: Bool
  ) throws -> (Instance, Store<Void>) {
    let engine = try Engine(configuration)
    let linker = Linker<Void>(engine)
    linker.define("env", "tick") { (_: borrowing Caller<Void>) in engine.incrementEpoch() }
    let module = try engine.compile(wat: text(integers: shape.integers, floats: shape.floats, isLeaf: isLeaf))
    let store = Store(engine)
    return (try linker.instantiate(module, in: store), store)
  }

  @Test(arguments: 0..<shapes.count, [true, false])
  func stateSurvivesChecks(_ shape: Int, _ isLeaf: Bool) async throws {
    let plain = try Self.instance(.init(), Self.shapes[shape], isLeaf).0
    let seeds: [Int64] = [1, -1, 0x1234_5678_9ABC_DEF0]
    let expected = try seeds.map { try plain.function("run")([.i64($0)]) }
    for fuel in [false, true] {
      for isExplicit in [false, true] {
        var configuration = EngineConfiguration()
        configuration.interruption = .epoch(tick: .zero, action: .yield)
        configuration.fuelMetering = fuel
        configuration.explicitStackChecks = isExplicit
        let instance = try Self.instance(configuration, Self.shapes[shape], isLeaf).0
        for (seed, expected) in zip(seeds, expected) {
          #expect(try instance.function("run")([.i64(seed)]) == expected)
          #expect(try await instance.function("run").async([.i64(seed)]) == expected)
        }
      }
    }
  }

  /// Work costs the same, however it is compiled and however often it is suspended.
  @Test(arguments: [true, false])
  func fuelDoesNotDependOnSuspension(_ isLeaf: Bool) async throws {
    func used(_ interruption: Interruption, isAsync: Bool) async throws -> UInt64 {
      var configuration = EngineConfiguration()
      configuration.interruption = interruption
      configuration.fuelMetering = true
      let (instance, store) = try Self.instance(configuration, (7, 3), isLeaf)
      try store.setFuel(1_000_000)
      if isAsync {
        _ = try await instance.function("run").async([.i64(1)])
      } else {
        _ = try instance.function("run")([.i64(1)])
      }
      return 1_000_000 - (try store.fuel)
    }
    let expected = try await used(.signals, isAsync: false)
    #expect(expected > 1000)
    #expect(try await used(.epoch(tick: .zero, action: .yield), isAsync: false) == expected)
    #expect(try await used(.epoch(tick: .zero, action: .yield), isAsync: true) == expected)
    #expect(try await used(.signals, isAsync: true) == expected)
  }
}
