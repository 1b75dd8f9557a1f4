import Aviary
import Testing

/// Swizzles by vectors that the compiler knows, or only seems to know, to be lane numbers.
@Suite struct SwizzleTests {
  /// What makes the lane numbers of `$x`, and the same for one byte.
  private static let indexes: [(text: String, byte: @Sendable (UInt8) -> UInt8)] = [
    ("(v128.and (local.get $x) (i8x16.splat (i32.const 0x0F)))", { $0 & 0x0F }),
    ("(v128.and (i8x16.splat (i32.const 0x8F)) (local.get $x))", { $0 & 0x8F }),
    ("(v128.and (local.get $x) (i8x16.splat (i32.const 0x1F)))", { $0 & 0x1F }),
    ("(v128.and (local.get $x) (i8x16.splat (i32.const 0x4F)))", { $0 & 0x4F }),
    ("(i8x16.shr_u (local.get $x) (i32.const 4))", { $0 >> 4 }),
    ("(i8x16.shr_u (local.get $x) (i32.const 15))", { $0 >> 7 }),
    ("(i8x16.shr_u (local.get $x) (i32.const 3))", { $0 >> 3 }),
    ("(i8x16.shr_s (local.get $x) (i32.const 4))", { UInt8(bitPattern: Int8(bitPattern: $0) >> 4) }),
    // What was known of a value holds for no other one that takes its register.
    (
      "(i8x16.add (v128.and (local.get $x) (i8x16.splat (i32.const 15))) (i8x16.splat (i32.const 9)))",
      { ($0 & 15) &+ 9 }
    ),
    ("(i8x16.shl (i8x16.shr_u (local.get $x) (i32.const 4)) (i32.const 2))", { ($0 >> 4) << 2 }),
    ("(v128.not (i8x16.shr_u (local.get $x) (i32.const 4)))", { ~($0 >> 4) }),
    (
      "(v128.or (v128.and (local.get $x) (i8x16.splat (i32.const 15))) (i8x16.splat (i32.const 0x30)))",
      { $0 & 15 | 0x30 }
    ),
    (
      "(local.tee $x (v128.and (local.get $x) (i8x16.splat (i32.const 15)))) (local.get $x) i8x16.add",
      { ($0 & 15) &* 2 }
    ),
  ]

  @Test(arguments: [false, true])
  func masksAndShifts(isLocal: Bool) throws {
    let functions = Self.indexes.enumerated().map { number, index in
      let swizzle =
        isLocal
        ? "(v128.load (i32.const 16)) \(index.text) (local.set $x) (local.get $x) i8x16.swizzle (local.set $x) (local.get $x)"
        : "(v128.load (i32.const 16)) \(index.text) i8x16.swizzle"
      return """
        (func (export "f\(number)") (local $x v128)
          (local.set $x (v128.load (i32.const 0)))
          (i32.const 32) \(swizzle) v128.store)
        """
    }
    let instance = try Fixture.instance("(module (memory (export \"memory\") 1) \(functions.joined()))")
    let memory = try instance.memory("memory")
    let table = (0..<16).map { UInt8(0xA0 + $0) }
    try memory.write(table, at: 16)
    for start in stride(from: 0, to: 256, by: 16) {
      let x = (0..<16).map { UInt8(start + $0) }
      try memory.write(x, at: 0)
      for (number, index) in Self.indexes.enumerated() {
        _ = try instance.function("f\(number)")([])
        let expected = x.map { byte -> UInt8 in
          let lane = index.byte(byte)
          return lane < 16 ? table[Int(lane)] : 0
        }
        #expect(try memory.bytes(at: 32, count: 16) == expected, "\(index.text), \(start)")
      }
    }
  }
}
