/// Numbers of the binary format. Source: WebAssembly 3.0, section 5.2.
extension [UInt8] {
  mutating func appendUnsigned(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }
  mutating func appendUnsigned(_ value: UInt32) { appendUnsigned(UInt64(value)) }
  mutating func appendCount(_ value: Int) { appendUnsigned(UInt64(value)) }

  mutating func appendSigned(_ value: Int64) {
    var rest = value
    while rest < -64 || rest > 63 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest) & 0x7F)
  }

  mutating func appendLittleEndian(_ value: UInt64, bytes: Int) {
    var rest = value
    for _ in 0..<bytes {
      append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  /// A vector of bytes: count and contents.
  mutating func appendVector(_ bytes: [UInt8]) {
    appendCount(bytes.count)
    append(contentsOf: bytes)
  }
}
