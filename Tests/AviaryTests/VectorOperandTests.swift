import Aviary
import Testing

/// Loads that an instruction of vectors takes as its memory operand: the same values and traps as by themselves.
@Suite struct VectorOperandTests {
  private static let operators = [
    "i8x16.add", "i16x8.sub", "i32x4.eq", "i64x2.gt_s", "i8x16.min_u", "i8x16.narrow_i16x8_s", "v128.xor", "v128.andnot",
    "f32x4.add", "f64x2.sub", "i32x4.dot_i16x8_s", "f32x4.pmin", "i16x8.q15mulr_sat_s", "i8x16.swizzle", "f32x4.lt", "i32x4.ge_u",
    "i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23", "i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31",
    "i8x16.shuffle 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18", "i64x2.extmul_low_i32x4_u", "i64x2.mul",
  ]
  private static let unary = [
    "i8x16.abs", "i8x16.neg", "f32x4.sqrt", "f64x2.sqrt", "i16x8.extend_low_i8x16_s", "i64x2.extend_high_i32x4_u", "f32x4.convert_i32x4_s",
    "f64x2.convert_low_i32x4_s", "f32x4.demote_f64x2_zero", "f64x2.promote_low_f32x4", "i8x16.popcnt", "v128.not", "f64x2.nearest",
    "i16x8.extadd_pairwise_i8x16_u", "i32x4.trunc_sat_f32x4_s",
  ]

  private static let wat: String = {
    var functions = ""
    for (number, name) in operators.enumerated() {
      functions += """
        (func (export "left\(number)") (param i32 v128) (result v128) (\(name) (v128.load (local.get 0)) (local.get 1)))
        (func (export "right\(number)") (param i32 v128) (result v128) (\(name) (local.get 1) (v128.load (local.get 0))))
        (func (export "both\(number)") (param i32 v128) (result v128) (local v128)
          (local.set 2 (\(name) (v128.load (local.get 0)) (v128.load (local.get 0)))) (local.get 2))
        (func (export "tee\(number)") (param i32 v128) (result v128) (local v128)
          (v128.xor (\(name) (local.get 1) (local.tee 2 (v128.load (local.get 0)))) (local.get 2)))
        (func (export "plain\(number)") (param v128 v128) (result v128) (\(name) (local.get 0) (local.get 1)))

        """
    }
    for (number, name) in unary.enumerated() {
      functions += """
        (func (export "unary\(number)") (param i32) (result v128) (\(name) (v128.load (local.get 0))))
        (func (export "plainUnary\(number)") (param v128) (result v128) (\(name) (local.get 0)))

        """
    }
    return """
      (module (memory (export "memory") 1) \(functions)
        ;; A branch comes to behind the load: it is no part of the addition.
        (func (export "join") (param i32 v128 i32) (result v128)
          (i32x4.add (local.get 1) (block (result v128)
            (drop (br_if 0 (local.get 1) (local.get 2))) (v128.load (local.get 0)))))
        (func (export "block") (param i32 v128 i32) (result v128)
          (i32x4.add (local.get 1) (block (result v128) (v128.load (local.get 0)))))
        (func (export "arms") (param i32 v128 i32) (result v128)
          (i32x4.add (local.get 1) (if (result v128) (local.get 2) (then (local.get 1)) (else (v128.load (local.get 0)))))))
      """
  }()

  @Test(arguments: VectorFixture.names)
  func sameAsByThemselves(_ name: String) throws {
    let instance = try VectorFixture.instance(Self.wat, VectorFixture.named(name))
    let memory = try instance.memory("memory")
    var random = VectorRandom(seed: 5)
    func call(_ name: String, _ values: Value...) throws -> V128 {
      guard case .v128(let result)? = try instance.function(name)(values).first else { throw Mishap(number: 1) }
      return result
    }
    for round in 0..<8 {
      let (a, b) = (random.vector(), round == 0 ? V128(low: 0, high: 0) : random.vector())
      for address in [16, 65520] {
        try memory.write((0..<16).map { V128(low: a.low, high: a.high).lanes(as: SIMD16<UInt8>.self)[$0] }, at: address)
        let at = Value.i32(Int32(address))
        for number in Self.operators.indices {
          let expected = try call("plain\(number)", .v128(a), .v128(b))
          let swapped = try call("plain\(number)", .v128(b), .v128(a))
          #expect(try call("left\(number)", at, .v128(b)) == expected, "\(Self.operators[number])")
          #expect(try call("right\(number)", at, .v128(b)) == swapped, "\(Self.operators[number])")
          #expect(try call("both\(number)", at, .v128(b)) == call("plain\(number)", .v128(a), .v128(a)))
          #expect(try call("tee\(number)", at, .v128(b)) == V128(low: swapped.low ^ a.low, high: swapped.high ^ a.high))
        }
        for number in Self.unary.indices {
          #expect(try call("unary\(number)", at) == call("plainUnary\(number)", .v128(a)), "\(Self.unary[number])")
        }
        let sum = V128(a.lanes(as: SIMD4<UInt32>.self) &+ b.lanes())
        let double = V128(b.lanes(as: SIMD4<UInt32>.self) &+ b.lanes())
        for name in ["join", "block", "arms"] {
          #expect(try call(name, at, .v128(b), .i32(0)) == sum)
          #expect(try call(name, at, .v128(b), .i32(1)) == (name == "block" ? sum : double))
        }
      }
    }
  }

  /// All 16 bytes count, whatever the instruction needs of them.
  @Test(arguments: VectorFixture.names)
  func trapsAreKept(_ name: String) throws {
    let instance = try VectorFixture.instance(Self.wat, VectorFixture.named(name))
    let value = Value.v128(V128(low: 1, high: 2))
    for address: Int32 in [65521, 65528, 65535, 65536, -1] {
      for number in Self.operators.indices {
        for name in ["left", "right", "both", "tee"] {
          #expect(
            trapCode { _ = try instance.function("\(name)\(number)")([.i32(address), value]) } == .memoryOutOfBounds,
            "\(name) \(Self.operators[number]) at \(address)")
        }
      }
      for number in Self.unary.indices {
        #expect(
          trapCode { _ = try instance.function("unary\(number)")([.i32(address)]) } == .memoryOutOfBounds,
          "\(Self.unary[number]) at \(address)")
      }
      for name in ["join", "block", "arms"] {
        #expect(trapCode { _ = try instance.function(name)([.i32(address), value, .i32(0)]) } == .memoryOutOfBounds)
      }
    }
  }
}
