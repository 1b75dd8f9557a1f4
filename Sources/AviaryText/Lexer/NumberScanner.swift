/// Tells the kinds of number tokens apart.
enum NumberScanner {
  /// `.nat`, `.int`, `.float`, or `.reserved` when `source[start..<end]` is no number.
  static func classify(_ source: [UInt8], _ start: Int, _ end: Int) -> Token.Kind {
    var index = start
    var isSigned = false
    if index < end, source[index] == UInt8(ascii: "+") || source[index] == UInt8(ascii: "-") {
      isSigned = true
      index += 1
    }
    if matches(source, index, end, "inf") || matches(source, index, end, "nan") { return .float }
    if source[index..<end].starts(with: "nan:0x".utf8) {
      index += 6
      return digits(source, &index, end, hex: true) && index == end ? .float : .reserved
    }
    var isHex = false
    if index + 1 < end, source[index] == UInt8(ascii: "0"), source[index + 1] == UInt8(ascii: "x") {
      isHex = true
      index += 2
    }
    guard digits(source, &index, end, hex: isHex) else { return .reserved }
    if index == end { return isSigned ? .int : .nat }
    if source[index] == UInt8(ascii: ".") {
      index += 1
      if index < end, isDigit(source[index], hex: isHex) {
        guard digits(source, &index, end, hex: isHex) else { return .reserved }
      }
      if index == end { return .float }
    }
    let marker = source[index] | 0x20
    guard marker == (isHex ? UInt8(ascii: "p") : UInt8(ascii: "e")) else { return .reserved }
    index += 1
    if index < end, source[index] == UInt8(ascii: "+") || source[index] == UInt8(ascii: "-") { index += 1 }
    return digits(source, &index, end, hex: false) && index == end ? .float : .reserved
  }

  private static func matches(_ source: [UInt8], _ start: Int, _ end: Int, _ text: String) -> Bool {
    end - start == 3 && source[start..<end].elementsEqual(text.utf8)
  }

  private static func isDigit(_ byte: UInt8, hex: Bool) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): hex
    default: false
    }
  }

  /// One or more digits with single underscores between them.
  private static func digits(_ source: [UInt8], _ index: inout Int, _ end: Int, hex: Bool) -> Bool {
    guard index < end, isDigit(source[index], hex: hex) else { return false }
    index += 1
    while index < end {
      if isDigit(source[index], hex: hex) {
        index += 1
      } else if source[index] == UInt8(ascii: "_"), index + 1 < end, isDigit(source[index + 1], hex: hex) {
        index += 2
      } else {
        break
      }
    }
    return true
  }
}
