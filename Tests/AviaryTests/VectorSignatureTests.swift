import Aviary
import Testing

/// Random signatures with vectors among other types: direct, indirect and tail calls, imports and exports, in registers,
/// stack arguments and result areas.
@Suite struct VectorSignatureTests {
  private static let types: [ValueType] = [.v128, .v128, .v128, .i32, .i64, .f32, .f64]

  private static func name(_ types: [ValueType]) -> String { types.map { "\($0)" }.joined(separator: " ") }

  private static func value(_ type: ValueType, _ random: inout VectorRandom) -> Value {
    switch type {
    case .i32: .i32(Int32(truncatingIfNeeded: random.next()))
    case .i64: .i64(Int64(bitPattern: random.next()))
    case .f32: .f32(Float(Int32(truncatingIfNeeded: random.next())))
    case .f64: .f64(Double(Int64(bitPattern: random.next())))
    default: .v128(random.vector())
    }
  }

  /// Results are parameters in another order, by way of locals, operand slots and a frame of its own.
  private static func wat(_ parameters: [ValueType], _ order: [Int]) -> String {
    let type = "(param \(name(parameters))) (result \(name(order.map { parameters[$0] })))"
    let arguments = parameters.indices.map { "(local.get \($0))" }.joined(separator: " ")
    let results = order.map { "(local.get \($0))" }.joined(separator: " ")
    let block = "(block (result \(name(order.map { parameters[$0] }))) \(results) (br_if 0 (i32.const 0)))"
    return """
      (module
        (type $t (func \(type)))
        (import "env" "host" (func $host (type $t)))
        (import "env" "other" (func $other (type $t)))
        (table funcref (elem $permute $host $other))
        (func $permute (export "permute") (type $t) \(results))
        (func (export "block") (type $t) \(block))
        (func (export "direct") (type $t) \(arguments) (call $permute))
        (func (export "import") (type $t) \(arguments) (call $host))
        (func (export "instance") (type $t) \(arguments) (call $other))
        (func (export "indirect") (type $t) \(arguments) (call_indirect (type $t) (i32.const 1)))
        (func (export "reference") (type $t) \(arguments) (call_ref $t (ref.func $permute)))
        (func (export "tail") (type $t) \(arguments) (return_call $permute))
        (func (export "tailImport") (type $t) \(arguments) (return_call $other))
        (func (export "tailIndirect") (type $t) \(arguments) (return_call_indirect (type $t) (i32.const 1)))
        ;; From a caller whose own arguments are others.
        (func $grow (param v128 i64 v128) (result \(name(order.map { parameters[$0] }))) (local \(name(parameters)))
          \(parameters.indices.map { "(local.get \($0 + 3))" }.joined(separator: " ")) (return_call $permute))
        (func (export "zeros") (result \(name(order.map { parameters[$0] })))
          (call $grow (v128.const i64x2 1 2) (i64.const 3) (v128.const i64x2 4 5))))
      """
  }

  /// Seeds 1 to 40 for each engine.
  @Test(arguments: VectorFixture.names)
  func permutations(_ name: String) throws {
    let engine = VectorFixture.named(name)
    for seed in 1...40 as ClosedRange<UInt64> {
      var random = VectorRandom(seed: seed)
      let parameters = (0..<Int(random.next() % 24 + 1)).map { _ in Self.types[Int(random.next() % 7)] }
      let order = (0..<Int(random.next() % 24 + 1)).map { _ in Int(random.next() % UInt64(parameters.count)) }
      let type = FunctionType(parameters: parameters, results: order.map { parameters[$0] })
      let arguments = parameters.map { Self.value($0, &random) }
      let expected = order.map { arguments[$0] }
      let store = Store(engine)
      if case .epoch = engine.configuration.interruption { try store.setEpochDeadline(ticks: 1 << 40) }
      let linker = Linker<Void>(engine)
      linker.define("env", "host", type) { _, arguments in order.map { arguments[$0] } }
      let other = try linker.instantiate(
        try engine.compile(wat: """
          (module (func (export "f") (param \(Self.name(parameters))) (result \(Self.name(type.results)))
            \(order.map { "(local.get \($0))" }.joined(separator: " "))))
          """), in: store)
      linker.define("env", "other", try other.function("f"))
      let instance = try linker.instantiate(try engine.compile(wat: Self.wat(parameters, order)), in: store)
      for export in [
        "permute", "block", "direct", "import", "instance", "indirect", "reference", "tail", "tailImport", "tailIndirect",
      ] {
        #expect(try instance.function(export)(arguments) == expected, "seed \(seed), \(export)")
      }
      #expect(try instance.function("zeros")([]) == type.results.map { Value(defaultOf: $0) }, "seed \(seed)")
    }
  }

  /// Frames of more than a page and operand stacks beyond the window: all of 16 bytes.
  @Test(arguments: VectorFixture.names, [1, 40, 300, 3000])
  func largeFrames(_ name: String, _ count: Int) throws {
    let gets = (0..<count).map { "(local.get \($0 % 5))" }.joined(separator: " ")
    let locals = (0..<count).map { "(local.set \($0 + 2) (local.get \($0 % 2)))" }.joined(separator: " ")
    let stores = (0..<count).map { _ in "(local.set 0)" }.joined(separator: " ")
    let instance = try VectorFixture.instance("""
      (module
        (func $leaf (param v128) (result v128) (local.get 0))
        (func (export "stack") (param v128 v128 i32 i64 v128) (result v128)
          \(gets.replacing("(local.get 2)", with: "(local.get 0)").replacing("(local.get 3)", with: "(local.get 1)"))
          (call $leaf (local.get 4)) (drop) \(stores) (local.get 0))
        (func (export "locals") (param v128 v128) (result v128 v128) (local \(String(repeating: "v128 ", count: count)))
          \(locals) (block (loop (drop (call $leaf (local.get 1))) (br_if 1 (i32.const 1)) (br 0)))
          (local.get \(count + 1)) (local.get 2))
        (func (export "zeros") (param i32) (result v128 i64 v128)
          (local v128 i64 \(String(repeating: "v128 ", count: count)))
          (loop (drop (local.get 1)) (drop (local.get 2)) (drop (local.get \(count + 2)))
            (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
          (local.get 1) (local.get 2) (local.get \(count + 2))))
      """, VectorFixture.named(name))
    let (a, b, c) = (V128(low: 1, high: 2), V128(low: 3, high: 4), V128(low: 5, high: 6))
    #expect(try instance.function("stack")([.v128(a), .v128(b), .i32(0), .i64(0), .v128(c)]) == [.v128(a)])
    #expect(try instance.function("locals")([.v128(a), .v128(b)]) == [.v128(count % 2 == 1 ? a : b), .v128(a)])
    let zero = Value.v128(V128(low: 0, high: 0))
    #expect(try instance.function("zeros")([.i32(3)]) == [zero, .i64(0), zero])
  }
}
