import Aviary
import Testing

/// Vectors that are alive where a guest is suspended: by an asynchronous host function, by epoch checks.
@Suite struct VectorSuspensionTests {
  private static let wat = """
    (module
      (import "env" "fetch" (func $fetch (param v128 i32 v128) (result v128)))
      (import "env" "split" (func $split (param v128) (result v128 v128)))
      (memory 1) (data (i32.const 0) "0123456789abcdefghijklmnopqrstuv")
      (func (export "run") (param v128 i32) (result v128 v128 v128 v128 v128) (local v128 v128)
        (local.set 2 (v128.load (i32.const 0)))
        (v128.load (i32.const 16))
        (loop
          (local.set 3 (call $fetch (local.get 0) (local.get 1) (local.get 2)))
          (local.set 2 (v128.load8_lane 3 (local.get 1) (local.get 2)))
          (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
        (v128.const i32x4 1 2 3 4) (local.get 3) (local.get 2) (local.get 0))
      (func (export "split") (param v128) (result v128 v128) (call $split (local.get 0))))
    """

  @Test(arguments: VectorFixture.names)
  func asyncHostFunctions(_ name: String) async throws {
    let instance = try VectorFixture.instance(Self.wat, VectorFixture.named(name)) { linker in
      linker.define("env", "fetch") {
        (_: borrowing Caller<Void>, a: SIMD4<Float>, n: Int32, text: SIMD16<UInt8>) async throws -> SIMD4<Float> in
        await Task.yield()
        #expect(n == 3 || text[3] == UInt8(ascii: "0") + UInt8(n + 1))
        return a * Float(n)
      }
      linker.define("env", "split") { (_: borrowing Caller<Void>, a: SIMD8<UInt16>) async throws -> (SIMD8<UInt16>, V128) in
        await Task.yield()
        return (a &+ 1, V128(a))
      }
    }
    let run = try instance.function("run")
    let start = SIMD4<Float>(1, 2, 3, 4)
    for _ in 0..<3 {
      let results = try await run.async([.v128(V128(start)), .i32(3)])
      #expect(results.count == 5)
      #expect(results[0] == .v128(V128(SIMD16<UInt8>("ghijklmnopqrstuv".utf8))))
      #expect(results[1] == .v128(V128(SIMD4<Int32>(1, 2, 3, 4))))
      #expect(results[2] == .v128(V128(start)))
      #expect(results[3] == .v128(V128(SIMD16<UInt8>("0121456789abcdef".utf8))))
      #expect(results[4] == .v128(V128(start)))
    }
    let split = try instance.function("split", as: ((SIMD8<UInt16>) -> (SIMD8<UInt16>, V128)).self)
    let (more, same) = try await split.async(SIMD8(repeating: 7))
    #expect(more == SIMD8(repeating: 8))
    #expect(same == V128(SIMD8<UInt16>(repeating: 7)))
  }

  // MARK: Checks

  /// Vectors in registers, homes and slots below a loop, all of them used behind it.
  private static func kernel(_ count: Int, isLeaf: Bool) -> String {
    let names = (0..<count).map { "$v\($0)" }
    let set = names.indices.map { "(local.set \(names[$0]) (v128.load offset=\(16 * $0) (i32.const 0)))" }
    let steps = names.indices.map {
      "(local.set \(names[$0]) (v128.load8_lane \($0 % 16) (local.get $n) (local.get \(names[($0 + 1) % count]))))"
    }
    let stores = names.indices.map { "(v128.store offset=\(1024 + 16 * $0) (i32.const 0) (local.get \(names[$0])))" }
    return """
      (module
        (import "env" "tick" (func $tick))
        (memory (export "memory") 1)
        (data (i32.const 0) "\((0..<1000).map { "\\" + String($0 * 7 % 223 + 32, radix: 16) }.joined())")
        (func $kernel (param $n i32) (result v128 v128) (local $x v128) (local $y v128) \(names.map { "(local \($0) v128)" }.joined())
          \(set.joined())
          (v128.load (i32.const 100)) (v128.const i64x2 5 6) (local.get \(names[0]))
          (loop $again \(isLeaf ? "" : "(call $tick)")
            \(steps.joined())
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
          (local.set $x) (local.set $y)
          (v128.store offset=2048 (i32.const 0) (local.get $x)) (v128.store offset=2064 (i32.const 0) (local.get $y))
          \(stores.joined()) (local.get \(names[0])))
        (func (export "run") (result v128 v128) (local $k i32)
          (loop $more
            (call $tick) (call $kernel (i32.const 9)) (drop) (drop)
            (br_if $more (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 8))))
          (call $tick) (call $kernel (i32.const 20))))
      """
  }

  private static let yielding = VectorFixture.engine { $0.interruption = .epoch(tick: .zero, action: .yield) }
  private static let yieldingBaseline = VectorFixture.engine {
    $0.interruption = .epoch(tick: .zero, action: .yield)
    $0.usesBaselineCPU = true
    $0.fuelMetering = true
  }

  private static func instance(_ engine: Engine, _ wat: String, isAsync: Bool) throws -> Instance {
    let linker = Linker<Void>(engine)
    linker.define("env", "tick") { (_: borrowing Caller<Void>) in engine.incrementEpoch() }
    let store = Store(engine)
    if isAsync { try store.setEpochDeadline(ticks: 1) }
    return try linker.instantiate(try engine.compile(wat: wat), in: store)
  }

  private static func outcome(_ engine: Engine, _ wat: String, isAsync: Bool) async throws -> ([Value], [UInt8]) {
    let instance = try instance(engine, wat, isAsync: isAsync)
    let run = try instance.function("run")
    let results = isAsync ? try await run.async([]) : try run([])
    return (results, try instance.memory("memory").bytes(at: 0, count: 4096))
  }

  @Test(arguments: [1, 4, 10, 11, 25], [true, false])
  func stateSurvivesChecks(_ count: Int, _ isLeaf: Bool) async throws {
    let wat = Self.kernel(count, isLeaf: isLeaf)
    let expected = try await Self.outcome(VectorFixture.plain, wat, isAsync: false)
    for engine in [Self.yielding, Self.yieldingBaseline] {
      let actual = try await Self.outcome(engine, wat, isAsync: true)
      #expect(actual.0 == expected.0)
      #expect(actual.1 == expected.1)
    }
  }

  /// Every operator of vectors costs one, as all others do.
  @Test func fuel() throws {
    let engine = VectorFixture.metered
    let store = Store(engine)
    try store.setEpochDeadline(ticks: 1 << 40)
    let instance = try Linker<Void>(engine).instantiate(
      try engine.compile(wat: """
        (module (memory 1) (func (export "f") (param v128)
          (v128.store8_lane 1 (i32.const 0) (v128.load8_lane 2 (i32.const 1) (v128.const i64x2 1 2)))))
        """), in: store)
    try store.setFuel(1000)
    _ = try instance.function("f")([.v128(V128(low: 0, high: 0))])
    #expect(try store.fuel == 1000 - 5)
    try store.setFuel(4)
    #expect(trapCode { _ = try instance.function("f")([.v128(V128(low: 0, high: 0))]) } == .outOfFuel)
  }
}
