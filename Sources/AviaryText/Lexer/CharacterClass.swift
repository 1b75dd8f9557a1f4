/// Classes of bytes in the text format.
enum CharacterClass {
  static let identifier: UInt8 = 1
  static let space: UInt8 = 2
  static let digit: UInt8 = 4
  static let hexDigit: UInt8 = 8
  /// `, ; [ ] { }`: reserved, and single.
  static let punctuation: UInt8 = 16

  static let table: [UInt8] = {
    var table = [UInt8](repeating: 0, count: 256)
    for byte in UInt8(ascii: "a")...UInt8(ascii: "z") { table[Int(byte)] |= identifier }
    for byte in UInt8(ascii: "A")...UInt8(ascii: "Z") { table[Int(byte)] |= identifier }
    for byte in UInt8(ascii: "0")...UInt8(ascii: "9") { table[Int(byte)] |= identifier | digit | hexDigit }
    for byte in "!#$%&'*+-./:<=>?@\\^_`|~".utf8 { table[Int(byte)] |= identifier }
    for byte in "abcdefABCDEF".utf8 { table[Int(byte)] |= hexDigit }
    for byte in " \t\n\r".utf8 { table[Int(byte)] |= space }
    for byte in ",;[]{}".utf8 { table[Int(byte)] |= punctuation }
    return table
  }()
}

/// The value of a hexadecimal digit; the lexer has checked that it is one.
func hexValue(_ byte: UInt8) -> UInt8 {
  byte <= 0x39 ? byte &- 0x30 : (byte | 0x20) &- 0x61 &+ 10
}

/// Length of the well-formed UTF-8 sequence at `offset`, or 0 where there is none.
func utf8Length(_ bytes: [UInt8], at offset: Int, limit: Int) -> Int {
  func continuation(_ index: Int, _ low: UInt8 = 0x80, _ high: UInt8 = 0xBF) -> Bool {
    index < limit && bytes[index] >= low && bytes[index] <= high
  }
  let first = bytes[offset]
  switch first {
  case 0..<0x80: return 1
  case 0xC2...0xDF: return continuation(offset + 1) ? 2 : 0
  case 0xE0...0xEF:
    let low: UInt8 = first == 0xE0 ? 0xA0 : 0x80
    let high: UInt8 = first == 0xED ? 0x9F : 0xBF
    return continuation(offset + 1, low, high) && continuation(offset + 2) ? 3 : 0
  case 0xF0...0xF4:
    let low: UInt8 = first == 0xF0 ? 0x90 : 0x80
    let high: UInt8 = first == 0xF4 ? 0x8F : 0xBF
    return continuation(offset + 1, low, high) && continuation(offset + 2) && continuation(offset + 3) ? 4 : 0
  default: return 0
  }
}

/// Whether all of `bytes[range]` is well-formed UTF-8.
func isUTF8(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
  var offset = range.lowerBound
  while offset < range.upperBound {
    let length = utf8Length(bytes, at: offset, limit: range.upperBound)
    if length == 0 { return false }
    offset += length
  }
  return true
}
