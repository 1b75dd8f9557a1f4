/// Why a text is not a module or a script.
///
/// Positions are those of the source text; `message` is in the wording of the
/// WebAssembly specification's test suite.
public struct TextError: Error, Sendable, CustomStringConvertible {
  /// What stage refused the text.
  public enum Kind: Sendable, Hashable {
    /// The characters do not form tokens.
    case lexical
    /// The tokens do not follow the grammar.
    case syntax
    /// An identifier is unknown or bound twice, or a type use contradicts its type.
    case resolution
    /// An annotation that this encoder understands is wrong or stands in a wrong place.
    case annotation
    /// A number, string or count that no module may hold.
    case range
    /// The binary module to print could not be read.
    case binary
  }

  // One word in size, so that a typed throw is cheap.
  private final class Box: Sendable {
    let kind: Kind
    let message: String
    let line: Int
    let column: Int
    init(kind: Kind, message: String, line: Int, column: Int) {
      self.kind = kind
      self.message = message
      self.line = line
      self.column = column
    }
  }
  private let box: Box

  init(_ kind: Kind, _ message: String, line: Int, column: Int) {
    box = Box(kind: kind, message: message, line: line, column: column)
  }

  /// An error at byte `offset` of `source`; columns count characters.
  @inline(never)
  init(_ kind: Kind, _ message: String, in source: [UInt8], at offset: Int) {
    var line = 1
    var column = 1
    for byte in source[..<min(max(offset, 0), source.count)] {
      if byte == 0x0A {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    self.init(kind, message, line: line, column: column)
  }

  public var kind: Kind { box.kind }
  public var message: String { box.message }
  /// Line of the source, from 1; 0 when the error is in a binary module.
  public var line: Int { box.line }
  /// Column in Unicode scalars, from 1.
  public var column: Int { box.column }
  public var description: String { line == 0 ? message : "\(line):\(column): \(message)" }
}
