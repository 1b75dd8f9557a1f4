import Testing

@testable import AviaryText

struct LiteralTests {
  private func f32(_ text: String) -> UInt32? { FloatLiteral.f32(Array(text.utf8), 0..<text.utf8.count) }
  private func f64(_ text: String) -> UInt64? { FloatLiteral.f64(Array(text.utf8), 0..<text.utf8.count) }
  private func integer(_ text: String) -> IntegerLiteral { IntegerLiteral(Array(text.utf8), 0..<text.utf8.count) }

  @Test func `integers fit signed or unsigned`() {
    #expect(integer("255").wrapped(bits: 8) == 255)
    #expect(integer("256").wrapped(bits: 8) == nil)
    #expect(integer("-128").wrapped(bits: 8) == 128)
    #expect(integer("-129").wrapped(bits: 8) == nil)
    #expect(integer("-0x8000_0000").wrapped(bits: 32) == 0x8000_0000)
    #expect(integer("0xFFFF_FFFF_FFFF_FFFF").wrapped(bits: 64) == .max)
    #expect(integer("-9223372036854775808").wrapped(bits: 64) == 1 << 63)
    #expect(integer("-9223372036854775809").wrapped(bits: 64) == nil)
    #expect(integer("18446744073709551616").wrapped(bits: 64) == nil)
    #expect(integer("99999999999999999999999999").natural(bits: 64) == nil)
  }

  @Test(arguments: [
    // One half of the last place: ties to even, both ways; then just above a tie.
    ("0x1.000001p0", UInt32(0x3F80_0000)), ("0x1.000003p0", 0x3F80_0002), ("0x1.00000100000001p0", 0x3F80_0001),
    ("0x1.00000100000000000000000000000000001p0", 0x3F80_0001),
    // Through f64 this one would be rounded twice.
    ("1.00000017881393432617187499", 0x3F80_0001), ("1.00000017881393432617187501", 0x3F80_0002),
    // The subnormal border, the least subnormal, and below.
    ("0x1p-126", 0x0080_0000), ("0x0.ffffffp-126", 0x0080_0000), ("0x1p-149", 1), ("0x1p-150", 0),
    ("0x1.000001p-150", 1), ("0x1p-151", 0), ("1e-46", 0), ("0x1p-9999999999999999999999", 0),
    ("-0x0p99999999999", 0x8000_0000), ("0x1.fffffep127", 0x7F7F_FFFF), ("0x1.fffffefffp127", 0x7F7F_FFFF),
    ("inf", 0x7F80_0000), ("-nan", 0xFFC0_0000), ("nan:0x1", 0x7F80_0001), ("0x123456789abcdef", 0x5B91_A2B4),
    ("1.", 0x3F80_0000), ("1.e0", 0x3F80_0000), ("1_0.0_1e0_1", 0x42C8_3333),
  ])
  func `f32 is exact`(text: String, bits: UInt32) {
    #expect(f32(text) == bits)
  }

  @Test(arguments: [
    ("0x1.00000000000008p0", UInt64(0x3FF0_0000_0000_0000)), ("0x1.00000000000018p0", 0x3FF0_0000_0000_0002),
    ("0x1.000000000000080000000001p0", 0x3FF0_0000_0000_0001), ("0x1p-1074", 1), ("0x1p-1075", 0),
    ("0x1.8p-1075", 1), ("0x1.fffffffffffffp1023", 0x7FEF_FFFF_FFFF_FFFF), ("2.2250738585072011e-308", 0x000F_FFFF_FFFF_FFFF),
    ("0x0.fffffffffffffcp-1022", 0x0010_0000_0000_0000), ("1e-400", 0), ("-inf", 0xFFF0_0000_0000_0000),
  ])
  func `f64 is exact`(text: String, bits: UInt64) {
    #expect(f64(text) == bits)
  }

  @Test(arguments: [
    "0x1p128", "0x1.ffffffp127", "340282356779733661637539395458142568448", "1e39", "nan:0x0", "nan:0x800000",
    "0x1p99999999999999999999",
  ])
  func `f32 out of range`(text: String) { #expect(f32(text) == nil) }

  @Test(arguments: ["0x1p1024", "0x1.fffffffffffff8p1023", "1e309", "nan:0x0", "nan:0x10000000000000"])
  func `f64 out of range`(text: String) { #expect(f64(text) == nil) }

  /// Decimal and hexadecimal texts of random values read back as themselves.
  @Test func `random floats read back`() {
    let seed: UInt64 = 0x5EED_F10A
    print("seed \(seed)")
    var random = SplitMix64(seed: seed)
    var wrong: [UInt64] = []
    for _ in 0..<20_000 {
      let wide = random.next()
      let narrow = UInt32(truncatingIfNeeded: random.next())
      let value = Double(bitPattern: wide)
      var isRight = f64(FloatText.f64(wide)) == wide && f32(FloatText.f32(narrow)) == narrow
      if value.isFinite { isRight = isRight && f64(hexadecimal(value)) == wide }
      // Conversion of a double's exact text must agree with the hardware's rounding.
      if value.isFinite, abs(value) < 1e38 {
        isRight = isRight && f32(hexadecimal(value)) == Float(value).bitPattern
      }
      if !isRight { wrong.append(wide) }
    }
    #expect(wrong.isEmpty)
  }

  /// The exact value as an integer times a power of two.
  private func hexadecimal(_ value: Double) -> String {
    let fraction = value.bitPattern & 0xF_FFFF_FFFF_FFFF
    let exponent = Int(value.bitPattern >> 52 & 0x7FF)
    let significand = exponent == 0 ? fraction : fraction | 1 << 52
    let sign = value.sign == .minus ? "-" : ""
    return sign + "0x" + String(significand, radix: 16) + "p\(max(exponent, 1) - 1075)"
  }
}
