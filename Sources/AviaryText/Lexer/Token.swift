/// One token, as a range of the source's bytes.
struct Token: BitwiseCopyable, Sendable {
  enum Kind: UInt8, BitwiseCopyable, Sendable {
    /// `end` holds the index of the matching parenthesis in the token buffer.
    case leftParen
    case rightParen
    case string
    /// `$name`
    case id
    /// `$"name"`: UTF-8 and non-empty, as the lexer checked.
    case quotedID
    /// An unsigned integer.
    case nat
    /// A signed integer.
    case int
    case float
    /// `payload` is a `Keyword`.
    case keyword
    /// `payload` is an `Opcode`.
    case opcode
    /// `offset=N`
    case offsetEquals
    /// `align=N`
    case alignEquals
    /// Lexically sound, but no token of the grammar.
    case reserved
    /// Always the last one of a buffer.
    case endOfInput
  }
  var kind: Kind
  var payload: UInt16
  var start: UInt32
  var end: UInt32

  init(_ kind: Kind, payload: UInt16 = 0, start: Int, end: Int) {
    self.kind = kind
    self.payload = payload
    self.start = UInt32(truncatingIfNeeded: start)
    self.end = UInt32(truncatingIfNeeded: end)
  }
  var isNumber: Bool { kind == .nat || kind == .int || kind == .float }
  /// Byte range; for a parenthesis, of one byte.
  var range: Range<Int> {
    kind == .leftParen ? Int(start)..<Int(start) + 1 : Int(start)..<Int(end)
  }
}

/// An annotation that the encoder understands; all others are blanks.
struct Annotation: Sendable {
  enum Kind: Sendable { case custom, name, branchHint }
  var kind: Kind
  /// How many tokens of the buffer stand before it.
  var position: Int
  /// Byte offset of its parenthesis.
  var start: Int
  /// Byte range of what follows its name, without the closing parenthesis.
  var contents: Range<Int>
}

/// Tokens of one text, with matched parentheses.
///
/// Invariant: parentheses balance, and the last token is `endOfInput`.
struct TokenBuffer: Sendable {
  var tokens: [Token] = []
  var annotations: [Annotation] = []
}
