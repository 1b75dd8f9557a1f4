/// Reads a module's bytes from front to back: bytes, LEB128 integers, fixed-width words.
///
/// A cursor spans `[start, end)` of a buffer whose first byte is offset 0 of the module, and
/// never leaves it. Integers of one byte are read inline; all else is out of line and gives its
/// result by value, so that the position can stay in a register.
///
/// Unsafe contract: the buffer outlives the cursor and does not change. Whoever makes one
/// holds the `ModuleBytes` for as long.
///
/// Source of encoding and wording: WebAssembly 3.0 section 5.2 and its reference interpreter.
@safe public struct ByteCursor {
  /// Address of the module's first byte.
  @usableFromInline let origin: UnsafePointer<UInt8>
  @usableFromInline var next: UnsafePointer<UInt8>
  @usableFromInline let end: UnsafePointer<UInt8>

  /// - Precondition: `range` lies in `bytes`; checked.
  public init(_ bytes: ModuleBytes, in range: Range<Int>) {
    unsafe self.init(buffer: bytes.buffer, in: range)
  }

  /// Unsafe contract: as above for `buffer`.
  public init(buffer: UnsafeRawBufferPointer, in range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= buffer.count)
    guard let base = buffer.baseAddress else {
      // An empty buffer may have no address: any address will do, nothing is read.
      let nowhere = unsafe UnsafePointer<UInt8>(bitPattern: 16)!
      unsafe self.origin = nowhere
      unsafe self.next = nowhere
      unsafe self.end = nowhere
      return
    }
    let first = unsafe base.assumingMemoryBound(to: UInt8.self)
    unsafe self.origin = first
    unsafe self.next = first + range.lowerBound
    unsafe self.end = first + range.upperBound
  }

  /// Byte offset in the module of what is read next.
  @inlinable public var offset: Int { unsafe next - origin }
  @inlinable public var endOffset: Int { unsafe end - origin }
  @inlinable public var remaining: Int { unsafe end - next }
  @inlinable public var isAtEnd: Bool { unsafe next >= end }

  @inlinable public mutating func readByte() throws(ModuleError) -> UInt8 {
    guard unsafe next < end else { throw unexpectedEnd() }
    let byte = unsafe next.pointee
    unsafe next += 1
    return byte
  }

  /// The next byte, left in place; nil at the end.
  @inlinable public var peek: UInt8? { isAtEnd ? nil : unsafe next.pointee }

  @inlinable public mutating func readU32() throws(ModuleError) -> UInt32 {
    if unsafe next < end {
      let byte = unsafe next.pointee
      if byte < 0x80 {
        unsafe next += 1
        return UInt32(byte)
      }
    }
    return UInt32(truncatingIfNeeded: try readUnsigned(bits: 32))
  }

  @inlinable public mutating func readU64() throws(ModuleError) -> UInt64 {
    if unsafe next < end {
      let byte = unsafe next.pointee
      if byte < 0x80 {
        unsafe next += 1
        return UInt64(byte)
      }
    }
    return try readUnsigned(bits: 64)
  }

  @inlinable public mutating func readS32() throws(ModuleError) -> Int32 {
    Int32(truncatingIfNeeded: try readSigned(bits: 32))
  }
  @inlinable public mutating func readS33() throws(ModuleError) -> Int64 { try readSigned(bits: 33) }
  @inlinable public mutating func readS64() throws(ModuleError) -> Int64 { try readSigned(bits: 64) }

  @inlinable public mutating func readFixed32() throws(ModuleError) -> UInt32 {
    guard remaining >= 4 else { throw unexpectedEnd() }
    let word = unsafe UnsafeRawPointer(next).loadUnaligned(as: UInt32.self)
    unsafe next += 4
    return UInt32(littleEndian: word)
  }

  @inlinable public mutating func readFixed64() throws(ModuleError) -> UInt64 {
    guard remaining >= 8 else { throw unexpectedEnd() }
    let word = unsafe UnsafeRawPointer(next).loadUnaligned(as: UInt64.self)
    unsafe next += 8
    return UInt64(littleEndian: word)
  }

  /// Moves on by `count` bytes.
  public mutating func skip(_ count: Int) throws(ModuleError) {
    guard count >= 0, count <= remaining else { throw unexpectedEnd() }
    unsafe next += count
  }

  /// A count of things of which each takes at least one byte (or a count of bytes): hardly more than
  /// what remains, so that it may size an array. (The reference counts the length's own bytes among
  /// what remains; so do we, for the sake of its wording.)
  @inlinable public mutating func readLength() throws(ModuleError) -> Int {
    let before = remaining
    let offset = offset
    let length = Int(try readU32())
    guard length <= before else {
      throw ModuleError(.malformed, "length out of bounds", offset: offset)
    }
    return length
  }

  /// A cursor over the next `count` bytes, which this one skips.
  public mutating func split(_ count: Int) throws(ModuleError) -> ByteCursor {
    let start = offset
    try skip(count)
    return unsafe ByteCursor(buffer: UnsafeRawBufferPointer(start: origin, count: offset), in: start..<offset)
  }

  /// The text of `range` of the module; nil where it is not UTF-8.
  public func text(in range: Range<Int>) -> String? {
    precondition(range.lowerBound >= 0 && range.upperBound <= endOffset)
    return unsafe String(
      validating: UnsafeBufferPointer(start: origin + range.lowerBound, count: range.count), as: UTF8.self)
  }

  /// A name: its length in bytes, then UTF-8.
  public mutating func readName() throws(ModuleError) -> String {
    let length = try readLength()
    let start = offset
    try skip(length)
    guard let name = text(in: start..<offset) else {
      throw ModuleError(.malformed, "malformed UTF-8 encoding", offset: start)
    }
    return name
  }

  // MARK: Integers of more than a byte

  @inlinable mutating func readUnsigned(bits: Int) throws(ModuleError) -> UInt64 {
    let read = unsafe try Self.unsigned(at: next, end: end, origin: origin, bits: bits)
    unsafe next += read.length
    return read.value
  }

  @inlinable mutating func readSigned(bits: Int) throws(ModuleError) -> Int64 {
    if unsafe next < end {
      let byte = unsafe next.pointee
      if byte < 0x80 {
        unsafe next += 1
        // Sign extension from bit 6.
        return Int64(Int8(bitPattern: byte << 1) >> 1)
      }
    }
    let read = unsafe try Self.signed(at: next, end: end, origin: origin, bits: bits)
    unsafe next += read.length
    return read.value
  }

  @usableFromInline @inline(never)
  static func unsigned(
    at start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>, origin: UnsafePointer<UInt8>, bits: Int
  ) throws(ModuleError) -> (value: UInt64, length: Int) {
    var value: UInt64 = 0
    var shift = 0
    var position = unsafe start
    while true {
      guard shift < bits else { throw unsafe tooLong(position - origin) }
      guard unsafe position < end else { throw unsafe endReached(position - origin) }
      let byte = unsafe position.pointee
      let left = bits - shift
      if left < 7 && byte & 0x7F >= 1 << left { throw unsafe tooLarge(position - origin) }
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      unsafe position += 1
      shift += 7
      if byte & 0x80 == 0 { return unsafe (value, position - start) }
    }
  }

  @usableFromInline @inline(never)
  static func signed(
    at start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>, origin: UnsafePointer<UInt8>, bits: Int
  ) throws(ModuleError) -> (value: Int64, length: Int) {
    var value: UInt64 = 0
    var shift = 0
    var position = unsafe start
    while true {
      guard shift < bits else { throw unsafe tooLong(position - origin) }
      guard unsafe position < end else { throw unsafe endReached(position - origin) }
      let byte = unsafe position.pointee
      let left = bits - shift
      if left < 7 {
        // Bits beyond the width must repeat the sign.
        let mask = (0xFF << UInt8(left - 1)) & 0x7F as UInt8
        if byte & mask != 0 && byte & mask != mask { throw unsafe tooLarge(position - origin) }
      }
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      unsafe position += 1
      shift += 7
      if byte & 0x80 == 0 {
        if byte & 0x40 != 0 && shift < 64 { value |= ~0 << UInt64(shift) }
        return unsafe (Int64(bitPattern: value), position - start)
      }
    }
  }

  // MARK: Errors

  @usableFromInline @inline(never)
  func unexpectedEnd() -> ModuleError { Self.endReached(endOffset) }
  @inline(never)
  private static func endReached(_ offset: Int) -> ModuleError {
    ModuleError(.malformed, "unexpected end of section or function", offset: offset)
  }
  @inline(never)
  private static func tooLong(_ offset: Int) -> ModuleError {
    ModuleError(.malformed, "integer representation too long", offset: offset)
  }
  @inline(never)
  private static func tooLarge(_ offset: Int) -> ModuleError {
    ModuleError(.malformed, "integer too large", offset: offset)
  }
}
