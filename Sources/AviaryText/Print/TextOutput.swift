internal import AviaryCore

/// Text being printed, as UTF-8.
struct TextOutput {
  private(set) var bytes: [UInt8] = []
  /// More bytes than this are refused.
  private let limit: Int

  init(limit: Int = .max) { self.limit = limit }

  /// A few bytes of a module may stand for much text (a run of locals, a type of many
  /// parameters that every function uses), so its length is bounded.
  func checkSize(adding bytes: Int = 0) throws(ModuleError) {
    if self.bytes.count > limit - bytes { throw Self.tooLong }
  }
  static var tooLong: ModuleError { ModuleError(.unsupported, "text too long to print", offset: 0) }

  mutating func write(_ text: String) { bytes.append(contentsOf: text.utf8) }
  mutating func write(_ text: ArraySlice<UInt8>) { bytes.append(contentsOf: text) }

  /// A new line, indented. Deep levels share one indentation: nesting may be as deep as the
  /// module is long, and the text must not grow with its square.
  mutating func newLine(_ level: Int) {
    bytes.append(0x0A)
    bytes.append(contentsOf: repeatElement(0x20, count: 2 * min(level, 40)))
  }

  /// A string of any bytes.
  mutating func writeQuoted(bytes contents: some Sequence<UInt8>) {
    bytes.append(UInt8(ascii: "\""))
    for byte in contents {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes += [UInt8(ascii: "\\"), byte]
      case 0x20..<0x7F: bytes.append(byte)
      default: bytes += [UInt8(ascii: "\\"), Self.hex(byte >> 4), Self.hex(byte & 0xF)]
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private static func hex(_ digit: UInt8) -> UInt8 { digit < 10 ? 0x30 + digit : 0x57 + digit }

  /// A string of readable characters; others as escapes.
  mutating func writeQuoted(_ text: String) { write(Self.quoted(text)) }

  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case " "..<"\u{7F}": result.unicodeScalars.append(scalar)
      default:
        switch scalar.properties.generalCategory {
        case .control, .format, .unassigned, .privateUse, .surrogate, .lineSeparator, .paragraphSeparator,
          .spaceSeparator:
          result += "\\u{" + String(scalar.value, radix: 16) + "}"
        default: result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }

  /// `$name`, quoted where its characters need it; nil for the empty name.
  static func identifier(_ name: String) -> String? {
    if name.isEmpty { return nil }
    let classes = CharacterClass.table
    let isPlain = name.utf8.allSatisfy { classes[Int($0)] & CharacterClass.identifier != 0 }
    return "$" + (isPlain ? name : quoted(name))
  }
}

/// Literals that read back as the same bits.
enum FloatText {
  static func f32(_ bits: UInt32) -> String {
    let value = Float(bitPattern: bits)
    if value.isNaN { return nan(bits >> 31 != 0, UInt64(bits & 0x7F_FFFF), quiet: 0x40_0000) }
    return value.description
  }
  static func f64(_ bits: UInt64) -> String {
    let value = Double(bitPattern: bits)
    if value.isNaN { return nan(bits >> 63 != 0, bits & 0xF_FFFF_FFFF_FFFF, quiet: 0x8_0000_0000_0000) }
    return value.description
  }
  private static func nan(_ isNegative: Bool, _ payload: UInt64, quiet: UInt64) -> String {
    (isNegative ? "-nan" : "nan") + (payload == quiet ? "" : ":0x" + String(payload, radix: 16))
  }
}
