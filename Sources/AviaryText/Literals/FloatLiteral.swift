/// Exact conversion of float tokens to IEEE bit patterns, rounded to nearest, ties to even.
enum FloatLiteral {
  /// What tells f32 from f64.
  private struct Format {
    /// Bits of the significand, the implicit one included.
    var precision: Int
    var bias: Int
    var exponentMask: UInt64
    static let single = Format(precision: 24, bias: 127, exponentMask: 0xFF)
    static let double = Format(precision: 53, bias: 1023, exponentMask: 0x7FF)
    var infinity: UInt64 { exponentMask << UInt64(precision - 1) }
    var signShift: UInt64 { self.precision == 24 ? 31 : 63 }
  }

  /// nil when the value is out of range.
  static func f32(_ source: [UInt8], _ range: Range<Int>) -> UInt32? {
    bits(source, range, .single) { Float($0).map { UInt64($0.bitPattern) } }
      .map { UInt32(truncatingIfNeeded: $0) }
  }
  /// nil when the value is out of range.
  static func f64(_ source: [UInt8], _ range: Range<Int>) -> UInt64? {
    bits(source, range, .double) { Double($0).map { $0.bitPattern } }
  }

  private static func bits(
    _ source: [UInt8], _ range: Range<Int>, _ format: Format, decimal: (String) -> UInt64?
  ) -> UInt64? {
    var index = range.lowerBound
    let isNegative = source[index] == UInt8(ascii: "-")
    if isNegative || source[index] == UInt8(ascii: "+") { index += 1 }
    let text = source[index..<range.upperBound]
    var magnitude: UInt64
    if text.first == UInt8(ascii: "i") {
      magnitude = format.infinity
    } else if text.first == UInt8(ascii: "n") {
      magnitude = format.infinity | 1 << UInt64(format.precision - 2)
      if text.count > 3 {
        let payload = IntegerLiteral(source, index + 4..<range.upperBound)
        guard !payload.overflows, payload.magnitude != 0, payload.magnitude >> UInt64(format.precision - 1) == 0
        else { return nil }
        magnitude = format.infinity | payload.magnitude
      }
    } else {
      let isHex = text.count > 2 && source[index + 1] == UInt8(ascii: "x")
      guard let value = isHex ? hexadecimal(text.dropFirst(2), format) : decimal(plainDecimal(text)),
        value < format.infinity
      else { return nil }
      magnitude = value
    }
    if isNegative { magnitude |= 1 << format.signShift }
    return magnitude
  }

  /// The literal without underscores, and with a digit behind its point.
  private static func plainDecimal(_ text: ArraySlice<UInt8>) -> String {
    var plain: [UInt8] = []
    for byte in text where byte != UInt8(ascii: "_") {
      if plain.last == UInt8(ascii: "."), byte | 0x20 == UInt8(ascii: "e") { plain.append(UInt8(ascii: "0")) }
      plain.append(byte)
    }
    if plain.last == UInt8(ascii: ".") { plain.append(UInt8(ascii: "0")) }
    return String(decoding: plain, as: UTF8.self)
  }

  /// Bits of an unsigned hexadecimal literal (without `0x`); at least infinity on overflow.
  private static func hexadecimal(_ text: ArraySlice<UInt8>, _ format: Format) -> UInt64 {
    var significand: UInt64 = 0
    var sticky = false
    // Saturates far outside of any format's range; text lengths are below 2^32.
    var exponent = 0
    var behindPoint = false
    var index = text.startIndex
    scan: while index < text.endIndex {
      let byte = text[index]
      index += 1
      switch byte {
      case UInt8(ascii: "_"): continue
      case UInt8(ascii: "."): behindPoint = true
      case UInt8(ascii: "p"), UInt8(ascii: "P"):
        exponent += self.exponent(text[index...])
        break scan
      default:
        if significand >> 60 == 0 {
          significand = significand << 4 | UInt64(hexValue(byte))
          if behindPoint { exponent -= 4 }
        } else {
          sticky = sticky || byte != UInt8(ascii: "0")
          if !behindPoint { exponent += 4 }
        }
      }
    }
    return round(significand, sticky: sticky, exponent: exponent, format)
  }

  private static func exponent(_ text: ArraySlice<UInt8>) -> Int {
    var value = 0
    for byte in text where byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") {
      value = min(value * 10 + Int(byte - UInt8(ascii: "0")), 1 << 40)
    }
    return text.first == UInt8(ascii: "-") ? -value : value
  }

  /// Bits of `significand * 2^exponent`, a little more when `sticky`.
  private static func round(_ significand: UInt64, sticky: Bool, exponent: Int, _ format: Format) -> UInt64 {
    if significand == 0 { return 0 }
    let shift = significand.leadingZeroBitCount
    let normal = significand << UInt64(shift)
    // The value is 1.xxx * 2^scale.
    let scale = exponent - shift + 63
    if scale > format.bias { return format.infinity }
    let minimum = 1 - format.bias
    let drop = 64 - format.precision + max(0, minimum - scale)
    if drop > 64 { return 0 }
    var kept = drop == 64 ? 0 : normal >> UInt64(drop)
    let half = normal >> UInt64(drop - 1) & 1 == 1
    let rest = sticky || normal & ((1 << UInt64(drop - 1)) - 1) != 0
    if half && (rest || kept & 1 == 1) { kept += 1 }
    // A carry out of the significand lands in the exponent, as it should.
    if scale < minimum { return kept }
    return UInt64(scale + format.bias - 1) << UInt64(format.precision - 1) + kept
  }
}
