/// A position in a token buffer, and the literals that stand there.
struct TokenReader {
  let source: [UInt8]
  let tokens: [Token]
  let annotations: [Annotation]
  /// Invariant: at most the index of the final `endOfInput`.
  var index = 0

  init(source: [UInt8], buffer: TokenBuffer) {
    self.source = source
    tokens = buffer.tokens
    annotations = buffer.annotations
  }

  // MARK: Position

  var token: Token { tokens[index] }
  /// The token after the current one; `endOfInput` stays the last.
  var nextToken: Token { tokens[min(index + 1, tokens.count - 1)] }
  var isAtRightParen: Bool { tokens[index].kind == .rightParen }
  var isAtLeftParen: Bool { tokens[index].kind == .leftParen }
  var isAtID: Bool { tokens[index].kind == .id || tokens[index].kind == .quotedID }
  var isAtIndex: Bool { tokens[index].kind == .nat || isAtID }

  mutating func advance() { if index < tokens.count - 1 { index += 1 } }

  /// Moves behind the form that opens here.
  mutating func skipForm() { index = Int(tokens[index].end) + 1 }

  // MARK: Errors

  func text(_ token: Token) -> String {
    token.kind == .endOfInput ? "<EOF>" : String(decoding: source[token.range].prefix(64), as: UTF8.self)
  }

  func error(_ kind: TextError.Kind, _ message: String, at token: Token) -> TextError {
    TextError(kind, message, in: source, at: Int(token.start))
  }

  @inline(never)
  func unexpected(_ token: Token) -> TextError {
    token.kind == .reserved
      ? error(.syntax, "unknown operator \(text(token))", at: token)
      : error(.syntax, "unexpected token \(text(token))", at: token)
  }
  @inline(never)
  func unexpected() -> TextError { unexpected(token) }

  // MARK: Words

  func isAt(_ keyword: Keyword) -> Bool { tokens[index].keyword == keyword }

  /// Whether `(keyword` stands here.
  func isAtForm(_ keyword: Keyword) -> Bool { isAtLeftParen && tokens[index + 1].keyword == keyword }

  mutating func take(_ keyword: Keyword) -> Bool {
    guard isAt(keyword) else { return false }
    index += 1
    return true
  }

  /// Moves behind `(keyword` if that stands here.
  mutating func takeForm(_ keyword: Keyword) -> Bool {
    guard isAtForm(keyword) else { return false }
    index += 2
    return true
  }

  mutating func expect(_ keyword: Keyword) throws(TextError) {
    if !take(keyword) { throw unexpected() }
  }
  mutating func expectLeftParen() throws(TextError) {
    if !isAtLeftParen { throw unexpected() }
    index += 1
  }
  mutating func expectRightParen() throws(TextError) {
    if !isAtRightParen { throw unexpected() }
    index += 1
  }

  /// The identifier here, if there is one.
  mutating func takeID() -> Token? {
    guard isAtID else { return nil }
    index += 1
    return tokens[index - 1]
  }

  // MARK: Strings

  /// Appends the bytes of the string here.
  mutating func takeString(into bytes: inout [UInt8]) throws(TextError) {
    guard token.kind == .string else { throw unexpected() }
    StringScanner.append(source, token.range, to: &bytes)
    index += 1
  }

  /// A string that must be well-formed UTF-8.
  mutating func takeName() throws(TextError) -> [UInt8] {
    let token = token
    var bytes: [UInt8] = []
    try takeString(into: &bytes)
    if !isUTF8(bytes, 0..<bytes.count) { throw error(.lexical, "malformed UTF-8 encoding", at: token) }
    return bytes
  }

  // MARK: Numbers

  mutating func takeNatural32() throws(TextError) -> UInt32 {
    guard token.kind == .nat else { throw unexpected() }
    guard let value = IntegerLiteral(source, token.range).natural(bits: 32) else {
      throw error(.range, "i32 constant out of range", at: token)
    }
    index += 1
    return UInt32(truncatingIfNeeded: value)
  }

  mutating func takeNatural64() throws(TextError) -> UInt64 {
    guard token.kind == .nat else { throw unexpected() }
    guard let value = IntegerLiteral(source, token.range).natural(bits: 64) else {
      throw error(.range, "i64 constant out of range", at: token)
    }
    index += 1
    return value
  }

  /// A lane index.
  mutating func takeLane() throws(TextError) -> UInt8 {
    let token = token
    guard token.kind == .nat else { throw unexpected() }
    guard let value = IntegerLiteral(source, token.range).natural(bits: 8) else {
      throw error(.range, "i8 constant out of range", at: token)
    }
    index += 1
    return UInt8(truncatingIfNeeded: value)
  }

  /// The bits of an integer of `bits` bits, signed or unsigned.
  mutating func takeInteger(bits: UInt64) throws(TextError) -> UInt64 {
    let token = token
    guard token.kind == .nat || token.kind == .int else { throw unexpected() }
    guard let value = IntegerLiteral(source, token.range).wrapped(bits: bits) else {
      throw error(.range, "constant out of range", at: token)
    }
    index += 1
    return value
  }

  var isAtNumber: Bool { token.isNumber }

  mutating func takeF32() throws(TextError) -> UInt32 {
    let token = token
    guard isAtNumber else { throw unexpected() }
    guard let value = FloatLiteral.f32(source, token.range) else {
      throw error(.range, "constant out of range", at: token)
    }
    index += 1
    return value
  }

  mutating func takeF64() throws(TextError) -> UInt64 {
    let token = token
    guard isAtNumber else { throw unexpected() }
    guard let value = FloatLiteral.f64(source, token.range) else {
      throw error(.range, "constant out of range", at: token)
    }
    index += 1
    return value
  }
}
