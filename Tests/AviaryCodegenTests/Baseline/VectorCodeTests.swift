import AviaryCodegen
import AviaryContract
import AviaryCore
import Testing

/// What the baseline makes of functions with vectors, as far as it shows in the bytes.
@Suite struct VectorCodeTests {
  private static func code(_ artifact: Artifact, _ function: Int) -> [UInt8] {
    let range = artifact.functions[function]
    return Array(artifact.text[Int(range.offset)..<Int(range.offset + range.size)])
  }

  private static func positions(of pattern: [UInt8], in code: [UInt8]) -> [Int] {
    guard code.count >= pattern.count else { return [] }
    return (0...(code.count - pattern.count)).filter { Array(code[$0..<$0 + pattern.count]) == pattern }
  }

  /// Each value stands once behind the function, aligned; zeros and ones stand nowhere.
  @Test(arguments: [CPUFeatures.baseline, [.avx], [.avx, .avx2, .fma]])
  func constants(_ cpu: CPUFeatures) throws {
    var tunables = Tunables()
    tunables.cpu = cpu
    let artifact = try BaselineFixture.compile("""
      (module (global $g (mut v128) (v128.const i64x2 0 0)) (global $f (mut f64) (f64.const 0))
        (func
          (global.set $g (v128.const i8x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16))
          (global.set $f (f64.const 1.5))
          (global.set $g (v128.const i8x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16))
          (global.set $g (v128.const i64x2 0 0)) (global.set $g (v128.const i64x2 -1 -1))
          (global.set $g (v128.const i8x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 17)))
        ;; Never used by an instruction.
        (func (drop (v128.const i8x16 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9))))
      """, tunables: tunables)
    let code = Self.code(artifact, 0)
    let first = Self.positions(of: Array(1...16), in: code)
    #expect(first.count == 1)
    #expect(first.allSatisfy { ($0 + Int(artifact.functions[0].offset)) % 16 == 0 })
    #expect(Self.positions(of: Array(1...15) + [17], in: code).count == 1)
    #expect(Self.positions(of: Array(repeating: 0xFF, count: 16), in: code).isEmpty)
    #expect(Self.positions(of: Array(repeating: 0, count: 16), in: code).isEmpty)
    #expect(Self.positions(of: Array(repeating: 9, count: 16), in: Self.code(artifact, 1)).isEmpty)
  }

  /// Vectors elsewhere in the module change nothing of a function without any.
  @Test func otherFunctionsAreAsTheyWere() throws {
    let scalar = """
      (func (param i32 i64 f64) (result i64) (local i64 f64 i32)
        (local.set 3 (i64.mul (local.get 1) (i64.const 3)))
        (block (result i64 i32) (local.get 3) (i32.const 1) (br_if 0 (local.get 0)))
        (drop) (i64.add (local.get 3)) (i64.trunc_sat_f64_s (local.get 2)) (i64.xor))
      """
    let alone = try BaselineFixture.compile("(module \(scalar))")
    let beside = try BaselineFixture.compile("""
      (module \(scalar) (func (param v128) (result v128) (local v128) (i32x4.add (local.get 0) (local.get 1))))
      """)
    #expect(Self.code(alone, 0) == Self.code(beside, 0))
  }

  /// `vmulps xmm, xmm, [memory]` where there is AVX; where there is not, the operand may not be aligned.
  @Test func loadsAsOperands() throws {
    let wat = """
      (module (memory 1)
        (func (param i32 v128) (result v128) (f32x4.mul (local.get 1) (v128.load offset=3 (local.get 0)))))
      """
    var tunables = Tunables()
    tunables.cpu = [.avx]
    let artifact = try BaselineFixture.compile(wat, tunables: tunables)
    let code = Self.code(artifact, 0)
    // VEX.128.0F 59 with a memory operand: no movups, and the only access is that of the multiplication.
    #expect(Self.positions(of: [0x0F, 0x10], in: code).isEmpty)
    #expect(artifact.traps.count == 1)
    let fault = Int(artifact.traps[0].offset) - Int(artifact.functions[0].offset)
    #expect(code[fault] == 0xC4 || code[fault] == 0xC5)
    #expect(artifact.addresses.contains { $0.offset == artifact.traps[0].offset })

    tunables.cpu = .baseline
    let plain = Self.code(try BaselineFixture.compile(wat, tunables: tunables), 0)
    #expect(!Self.positions(of: [0x0F, 0x10], in: plain).isEmpty)
  }

  /// The widest types: frames, stack arguments and result areas of a thousand vectors.
  @Test func thousandVectors() throws {
    let types = String(repeating: "v128 ", count: 1000)
    let values = (0..<1000).map { "(local.get \($0))" }.joined(separator: " ")
    let artifact = try BaselineFixture.compile("""
      (module (func $f (param \(types)) (result \(types)) \(values) (call $f))
        (func (param \(types)) (result \(types)) \(values) (return_call $f)))
      """)
    #expect(artifact.functions.count == 2)
    // What the callee pops fits in the instruction that does it.
    let pop: [UInt8] = [0xC2, UInt8(16 * 992 & 0xFF), UInt8((16 * 992) >> 8)]
    #expect(!Self.positions(of: pop, in: Self.code(artifact, 0)).isEmpty)
  }
}
