import Aviary
import Testing

@testable import AviaryCLI

@Suite struct ValueTextTests {
  @Test(arguments: [
    ("0", 0), ("-1", -1), ("4294967295", -1), ("2147483648", .min), ("-2147483648", .min), ("+7", 7), ("0xff", 255),
    ("-0x1", -1), ("0xFFFFFFFF", -1),
  ] as [(String, Int32)])
  func integers(text: String, value: Int32) { #expect(ValueText.parse(text, as: .i32) == .i32(value)) }

  @Test(arguments: ["", "-", "4294967296", "-2147483649", "1.0", "x", "0x", "--1", "-+1", "1 ", " 1", "0x1_0", "٣"])
  func wrongIntegers(text: String) { #expect(ValueText.parse(text, as: .i32) == nil) }

  @Test func longIntegers() {
    #expect(ValueText.parse("18446744073709551615", as: .i64) == .i64(-1))
    #expect(ValueText.parse("-9223372036854775808", as: .i64) == .i64(.min))
    #expect(ValueText.parse("18446744073709551616", as: .i64) == nil)
    #expect(ValueText.parse("-9223372036854775809", as: .i64) == nil)
  }

  @Test(arguments: [
    ("1.5", 0x3FC0_0000), ("-0", 0x8000_0000), ("0x1p-149", 1), ("inf", 0x7F80_0000), ("-inf", 0xFF80_0000),
    ("nan", 0x7FC0_0000), ("-nan", 0xFFC0_0000), ("nan:0x1", 0x7F80_0001), ("nan:0x7fffff", 0x7FFF_FFFF),
    ("1e10", 0x5015_02F9),
  ] as [(String, UInt32)])
  func floats(text: String, bits: UInt32) {
    #expect(ValueText.parse(text, as: .f32) == .f32(Float(bitPattern: bits)))
  }

  @Test(arguments: ["", "-", "nan:", "nan:0x", "nan:0x0", "nan:0x800000", "nan:0x+1", "nanx", "infinity", "1,5", "e5", " 1"])
  func wrongFloats(text: String) { #expect(ValueText.parse(text, as: .f32) == nil) }

  @Test func doubles() {
    #expect(ValueText.parse("0.1", as: .f64) == .f64(0.1))
    #expect(ValueText.parse("nan:0xfffffffffffff", as: .f64) == .f64(Double(bitPattern: 0x7FFF_FFFF_FFFF_FFFF)))
  }

  @Test func vectorsAndReferences() {
    #expect(ValueText.parse("0x1", as: .v128) == .v128(V128(low: 1, high: 0)))
    #expect(
      ValueText.parse("0x00112233445566778899aabbccddeeff", as: .v128)
        == .v128(V128(low: 0x8899_AABB_CCDD_EEFF, high: 0x0011_2233_4455_6677)))
    #expect(ValueText.parse("0x100112233445566778899aabbccddeeff", as: .v128) == nil)
    #expect(ValueText.parse("1", as: .v128) == nil)
    #expect(ValueText.parse("i32x4:1,-1,0x10,4", as: .v128) == .v128(V128(SIMD4<Int32>(1, -1, 16, 4))))
    #expect(ValueText.parse("i8x16:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,255", as: .v128)
      == .v128(V128(SIMD16<UInt8>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255))))
    #expect(ValueText.parse("i16x8:1,2,3,4,5,6,7,-8", as: .v128) == .v128(V128(SIMD8<Int16>(1, 2, 3, 4, 5, 6, 7, -8))))
    #expect(ValueText.parse("i64x2:-1,2", as: .v128) == .v128(V128(SIMD2<Int64>(-1, 2))))
    #expect(ValueText.parse("f32x4:1.5,-2,inf,0", as: .v128) == .v128(V128(SIMD4<Float>(1.5, -2, .infinity, 0))))
    #expect(ValueText.parse("f64x2:0.1,-inf", as: .v128) == .v128(V128(SIMD2<Double>(0.1, -.infinity))))
    for wrong in ["i32x4:", "i32x4:1,2,3", "i32x4:1,2,3,4,5", "i32x4:1,2,,4", "i32x5:1", "i8x16", ":1", "f32x4:1,2,3,x", "i64x2:1 ,2"] {
      #expect(ValueText.parse(wrong, as: .v128) == nil)
    }
    #expect(ValueText.parse("null", as: .funcref) == .funcref(nil))
    #expect(ValueText.parse("null", as: .externref) == .externref(nil))
    #expect(ValueText.parse("0", as: .funcref) == nil)
    #expect(ValueText.parse("null", as: .reference(.init(.function, isNullable: false))) == nil)
  }

  /// What is printed reads back as the same bits. Seed 1.
  @Test func roundTrips() {
    var state: UInt64 = 1
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state
    }
    let edges: [UInt64] = [0, 1, .max, 1 << 63, 0x7FF0 << 48, 0xFFF0 << 48, 0x7FF8 << 48, 0x7FF0_0000_0000_0001, 0x7F80_0001, 0x7FC0_0000]
    for bits in edges + (0..<2000).map({ _ in next() }) {
      let values: [(Value, ValueType)] = [
        (.i32(Int32(truncatingIfNeeded: bits)), .i32), (.i64(Int64(bitPattern: bits)), .i64),
        (.f32(Float(bitPattern: UInt32(truncatingIfNeeded: bits))), .f32), (.f64(Double(bitPattern: bits)), .f64),
        (.v128(V128(low: bits, high: next())), .v128),
      ]
      for (value, type) in values { #expect(ValueText.parse(ValueText.print(value), as: type) == value) }
    }
  }

  @Test func argumentsAreChecked() throws {
    let type = FunctionType(parameters: [.i32, .f64])
    #expect(try type.arguments(from: ["1", "2"], of: "f") == [.i32(1), .f64(2)])
    #expect(throws: Failure.self) { try type.arguments(from: ["1"], of: "f") }
    let error = #expect(throws: Failure.self) { try type.arguments(from: ["1", "x"], of: "f") }
    #expect(error?.message == "argument 2 of f: \"x\" is no f64")
  }
}
