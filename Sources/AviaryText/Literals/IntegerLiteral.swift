/// An integer token's value, before it is fitted to a type.
struct IntegerLiteral {
  var isNegative: Bool
  var magnitude: UInt64
  /// Whether the magnitude did not fit 64 bits.
  var overflows: Bool

  /// - Parameter range: a token that the lexer classified as `nat` or `int`.
  init(_ source: [UInt8], _ range: Range<Int>) {
    var index = range.lowerBound
    isNegative = source[index] == UInt8(ascii: "-")
    if isNegative || source[index] == UInt8(ascii: "+") { index += 1 }
    var base: UInt64 = 10
    if index + 1 < range.upperBound, source[index + 1] == UInt8(ascii: "x") {
      base = 16
      index += 2
    }
    magnitude = 0
    overflows = false
    while index < range.upperBound {
      let byte = source[index]
      index += 1
      if byte == UInt8(ascii: "_") { continue }
      let (product, overflowed) = magnitude.multipliedReportingOverflow(by: base)
      let (sum, carried) = product.addingReportingOverflow(UInt64(hexValue(byte)))
      magnitude = sum
      overflows = overflows || overflowed || carried
    }
  }

  /// The two's complement bits when the value fits `bits` bits, read as signed or
  /// as unsigned (`bits` is 8 to 64).
  func wrapped(bits: UInt64) -> UInt64? {
    if overflows { return nil }
    let mask = UInt64.max >> (64 - bits)
    if isNegative {
      return magnitude <= 1 << (bits - 1) ? (0 &- magnitude) & mask : nil
    }
    return magnitude <= mask ? magnitude : nil
  }

  /// The value when it is a natural number of at most `bits` bits.
  func natural(bits: UInt64) -> UInt64? {
    !isNegative && !overflows && magnitude <= UInt64.max >> (64 - bits) ? magnitude : nil
  }
}
