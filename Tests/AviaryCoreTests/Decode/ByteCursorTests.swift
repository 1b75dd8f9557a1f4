import Testing

@testable import AviaryCore

@Suite struct ByteCursorTests {
  private func cursor(_ bytes: [UInt8]) -> (ModuleBytes, ByteCursor) {
    let owner = ModuleBytes(bytes)
    return (owner, ByteCursor(owner, in: 0..<bytes.count))
  }

  private func read<Value>(
    _ bytes: [UInt8], _ read: (inout ByteCursor) throws(ModuleError) -> Value
  ) -> Result<Value, ModuleError> {
    var (owner, cursor) = cursor(bytes)
    defer { withExtendedLifetime(owner) {} }
    do throws(ModuleError) { return .success(try read(&cursor)) } catch { return .failure(error) }
  }

  private func message<Value>(_ result: Result<Value, ModuleError>) -> String? {
    if case .failure(let error) = result { error.message } else { nil }
  }

  @Test(arguments: [
    ([0x00], 0), ([0x7F], 127), ([0x80, 0x01], 128), ([0xFF, 0xFF, 0xFF, 0xFF, 0x0F], UInt32.max),
    ([0x80, 0x80, 0x80, 0x80, 0x00], 0),
  ] as [([UInt8], UInt32)])
  func unsigned32(_ bytes: [UInt8], _ value: UInt32) throws {
    #expect(try read(bytes) { (c) throws(ModuleError) in try c.readU32() }.get() == value)
  }

  @Test(arguments: [
    ([0x00], 0), ([0x7F], -1), ([0x40], -64), ([0x3F], 63), ([0xC0, 0x00], 64), ([0x80, 0x7F], -128),
    ([0xFF, 0xFF, 0xFF, 0xFF, 0x07], Int32.max), ([0x80, 0x80, 0x80, 0x80, 0x78], Int32.min),
  ] as [([UInt8], Int32)])
  func signed32(_ bytes: [UInt8], _ value: Int32) throws {
    #expect(try read(bytes) { (c) throws(ModuleError) in try c.readS32() }.get() == value)
  }

  @Test func signed64() throws {
    let minimum: [UInt8] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7F]
    let maximum: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00]
    #expect(try read(minimum) { (c) throws(ModuleError) in try c.readS64() }.get() == .min)
    #expect(try read(maximum) { (c) throws(ModuleError) in try c.readS64() }.get() == .max)
    let all: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]
    #expect(try read(all) { (c) throws(ModuleError) in try c.readU64() }.get() == .max)
  }

  @Test func signed33() throws {
    #expect(try read([0xFF, 0xFF, 0xFF, 0xFF, 0x0F]) { (c) throws(ModuleError) in try c.readS33() }.get() == 0xFFFF_FFFF)
    #expect(try read([0x40]) { (c) throws(ModuleError) in try c.readS33() }.get() == -64)
  }

  @Test func errorsAreTheReferences() {
    func u32(_ bytes: [UInt8]) -> String? { message(read(bytes) { (c) throws(ModuleError) in try c.readU32() }) }
    func s32(_ bytes: [UInt8]) -> String? { message(read(bytes) { (c) throws(ModuleError) in try c.readS32() }) }
    func s64(_ bytes: [UInt8]) -> String? { message(read(bytes) { (c) throws(ModuleError) in try c.readS64() }) }
    #expect(u32([]) == "unexpected end of section or function")
    #expect(u32([0x80]) == "unexpected end of section or function")
    #expect(u32([0x80, 0x80, 0x80, 0x80, 0x80, 0x00]) == "integer representation too long")
    #expect(u32([0x80, 0x80, 0x80, 0x80, 0x10]) == "integer too large")
    #expect(s32([0x80, 0x80, 0x80, 0x80, 0x80, 0x00]) == "integer representation too long")
    #expect(s32([0x80, 0x80, 0x80, 0x80, 0x08]) == "integer too large")
    #expect(s32([0xFF, 0xFF, 0xFF, 0xFF, 0x77]) == "integer too large")
    #expect(s64([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]) == "integer too large")
    #expect(message(read([9, 1]) { (c) throws(ModuleError) in try c.readLength() }) == "length out of bounds")
    #expect(message(read([2, 0xC3, 0x28]) { (c) throws(ModuleError) in try c.readName() }) == "malformed UTF-8 encoding")
    #expect(message(read([1, 2, 3]) { (c) throws(ModuleError) in try c.readFixed32() })?.hasPrefix("unexpected end") == true)
  }

  /// Every integer written in any allowed length is read back, and nothing beyond is touched.
  @Test func roundTripsOfPaddedIntegers() throws {
    var random = SplitMix64(seed: 0x5EED)
    for _ in 0..<2_000 {
      let value = UInt32(truncatingIfNeeded: random.next() >> (random.next() & 31))
      var bytes = ModuleBuilder.leb(UInt64(value))
      while bytes.count < 5 && random.next() & 1 == 0 {
        bytes[bytes.count - 1] |= 0x80
        bytes.append(0)
      }
      var (owner, cursor) = cursor(bytes + [0xAA])
      defer { withExtendedLifetime(owner) {} }
      #expect(try cursor.readU32() == value)
      #expect(cursor.offset == bytes.count)
    }
  }

  @Test func splitStaysInside() throws {
    var (owner, cursor) = cursor([1, 2, 3, 4])
    defer { withExtendedLifetime(owner) {} }
    _ = try cursor.readByte()
    var inner = try cursor.split(2)
    #expect(inner.offset == 1)
    #expect(try inner.readByte() == 2)
    #expect(try inner.readByte() == 3)
    #expect(throws: ModuleError.self) { try inner.readByte() }
    #expect(try cursor.readByte() == 4)
    #expect(throws: ModuleError.self) { try cursor.split(1) }
    #expect(throws: ModuleError.self) { try cursor.skip(-1) }
  }
}
