/// Strings of the text format. Source: WebAssembly 3.0, section 6.3.3.
enum StringScanner {
  struct Scan {
    /// Past the closing quote, or where the problem is.
    var end: Int
    var problem: String?
  }

  /// Finds the end of the string whose opening quote is at `start`.
  static func scan(_ source: [UInt8], from start: Int, limit: Int) -> Scan {
    var index = start + 1
    while index < limit {
      let byte = source[index]
      switch byte {
      case UInt8(ascii: "\""): return Scan(end: index + 1)
      case UInt8(ascii: "\\"):
        let length = escapeLength(source, index, limit)
        if length == 0 { return Scan(end: index, problem: "illegal escape") }
        index += length
      case 0x0A: return Scan(end: index, problem: "unclosed string literal")
      case 0..<0x20, 0x7F: return Scan(end: index, problem: "illegal control character in string literal")
      case 0x20..<0x80: index += 1
      default:
        let length = utf8Length(source, at: index, limit: limit)
        if length == 0 { return Scan(end: index, problem: "malformed UTF-8 encoding") }
        index += length
      }
    }
    return Scan(end: limit, problem: "unclosed string literal")
  }

  /// Length of the escape at `index`, or 0 when it is none.
  private static func escapeLength(_ source: [UInt8], _ index: Int, _ limit: Int) -> Int {
    func isHex(_ at: Int) -> Bool {
      at < limit && CharacterClass.table[Int(source[at])] & CharacterClass.hexDigit != 0
    }
    guard index + 1 < limit else { return 0 }
    switch source[index + 1] {
    case UInt8(ascii: "t"), UInt8(ascii: "n"), UInt8(ascii: "r"),
      UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"):
      return 2
    case UInt8(ascii: "u"):
      guard index + 2 < limit, source[index + 2] == UInt8(ascii: "{"), isHex(index + 3) else { return 0 }
      var value: UInt32 = 0
      var at = index + 3
      while at < limit, source[at] != UInt8(ascii: "}") {
        if source[at] == UInt8(ascii: "_"), at > index + 3, isHex(at + 1), source[at - 1] != UInt8(ascii: "_") {
          at += 1
          continue
        }
        guard isHex(at) else { return 0 }
        value = value << 4 | UInt32(hexValue(source[at]))
        if value > 0x10FFFF { return 0 }
        at += 1
      }
      guard at < limit, value < 0xD800 || value >= 0xE000 else { return 0 }
      return at + 1 - index
    default:
      return isHex(index + 1) && isHex(index + 2) ? 3 : 0
    }
  }

  /// Bytes that a scanned string (with its quotes) stands for.
  static func decode(_ source: [UInt8], _ range: Range<Int>) -> [UInt8] {
    var result: [UInt8] = []
    append(source, range, to: &result)
    return result
  }

  /// Appends the bytes that a scanned string (with its quotes) stands for.
  static func append(_ source: [UInt8], _ range: Range<Int>, to result: inout [UInt8]) {
    let contents = range.lowerBound + 1..<range.upperBound - 1
    var index = contents.lowerBound
    var plainStart = index
    while index < contents.upperBound {
      guard source[index] == UInt8(ascii: "\\") else {
        index += 1
        continue
      }
      result += source[plainStart..<index]
      index += 1
      switch source[index] {
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "n"): result.append(0x0A)
      case UInt8(ascii: "r"): result.append(0x0D)
      case UInt8(ascii: "u"):
        index += 2
        var value: UInt32 = 0
        while source[index] != UInt8(ascii: "}") {
          if source[index] != UInt8(ascii: "_") { value = value << 4 | UInt32(hexValue(source[index])) }
          index += 1
        }
        if let scalar = Unicode.Scalar(value), let encoded = UTF8.encode(scalar) { result += encoded }
      case let byte where CharacterClass.table[Int(byte)] & CharacterClass.hexDigit != 0:
        index += 1
        result.append(hexValue(byte) << 4 | hexValue(source[index]))
      case let byte: result.append(byte)
      }
      index += 1
      plainStart = index
    }
    result += source[plainStart..<contents.upperBound]
  }
}
