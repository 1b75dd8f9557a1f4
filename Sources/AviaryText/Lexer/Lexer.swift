/// Cuts a text into tokens. Source: WebAssembly 3.0, section 6.3.
///
/// A token is a maximal run of identifier characters and strings; what the run is
/// gets decided afterwards. Words that the language does not know become `reserved`
/// tokens: the parser reports them, so errors come out in source order.
struct Lexer {
  let source: [UInt8]
  /// The lexer does not look at bytes from here on.
  let limit: Int
  private(set) var offset: Int
  private let classes = CharacterClass.table
  private let words = KeywordTable.shared

  /// - Throws: when the text is too long for 32-bit token ranges.
  init(_ source: [UInt8], range: Range<Int>? = nil) throws(TextError) {
    guard source.count < Int(UInt32.max) else {
      throw TextError(.range, "source text too long", line: 1, column: 1)
    }
    self.source = source
    offset = range?.lowerBound ?? 0
    limit = range?.upperBound ?? source.count
  }

  func failure(_ message: String, at offset: Int) -> TextError {
    TextError(.lexical, message, in: source, at: offset)
  }

  private func byte(_ index: Int) -> UInt8 { index < limit ? source[index] : 0 }
  private func isClass(_ index: Int, _ mask: UInt8) -> Bool {
    index < limit && classes[Int(source[index])] & mask != 0
  }

  // MARK: Buffers

  /// All tokens up to the end.
  mutating func lexAll() throws(TextError) -> TokenBuffer {
    var buffer = TokenBuffer()
    buffer.tokens.reserveCapacity((limit - offset) / 6 + 2)
    var open: [Int] = []
    while true {
      let token = try next(&buffer)
      try append(token, to: &buffer, open: &open)
      if token.kind == .endOfInput { return buffer }
    }
  }

  /// Tokens of the next balanced form; only `endOfInput` when there is none.
  mutating func lexForm() throws(TextError) -> TokenBuffer {
    var buffer = TokenBuffer()
    var open: [Int] = []
    while true {
      let token = try next(&buffer)
      try append(token, to: &buffer, open: &open)
      if token.kind == .endOfInput { return buffer }
      if open.isEmpty {
        buffer.tokens.append(Token(.endOfInput, start: offset, end: offset))
        return buffer
      }
    }
  }

  private func append(_ token: Token, to buffer: inout TokenBuffer, open: inout [Int]) throws(TextError) {
    switch token.kind {
    case .leftParen: open.append(buffer.tokens.count)
    case .rightParen:
      guard let opening = open.popLast() else {
        throw TextError(.syntax, "unexpected token )", in: source, at: Int(token.start))
      }
      buffer.tokens[opening].end = UInt32(truncatingIfNeeded: buffer.tokens.count)
    case .endOfInput:
      if !open.isEmpty { throw TextError(.syntax, "unexpected token <EOF>", in: source, at: Int(token.start)) }
    default: break
    }
    buffer.tokens.append(token)
  }

  // MARK: Tokens

  private mutating func next(_ buffer: inout TokenBuffer) throws(TextError) -> Token {
    while offset < limit {
      let start = offset
      let first = source[start]
      let kind = classes[Int(first)]
      if kind & CharacterClass.space != 0 {
        offset += 1
        continue
      }
      if kind & CharacterClass.identifier != 0 || first == UInt8(ascii: "\"") { return try run() }
      switch first {
      case UInt8(ascii: "("):
        if byte(start + 1) == UInt8(ascii: ";") {
          try skipBlockComment()
          continue
        }
        if byte(start + 1) == UInt8(ascii: "@") {
          try annotation(&buffer)
          continue
        }
        offset += 1
        return Token(.leftParen, start: start, end: start + 1)
      case UInt8(ascii: ")"):
        offset += 1
        return Token(.rightParen, start: start, end: start + 1)
      case UInt8(ascii: ";") where byte(start + 1) == UInt8(ascii: ";"):
        try skipLineComment()
      default:
        if kind & CharacterClass.punctuation == 0 { throw illegalCharacter(at: start) }
        offset += 1
        return Token(.reserved, start: start, end: start + 1)
      }
    }
    return Token(.endOfInput, start: limit, end: limit)
  }

  private func illegalCharacter(at offset: Int) -> TextError {
    utf8Length(source, at: offset, limit: limit) == 0
      ? failure("malformed UTF-8 encoding", at: offset) : failure("illegal character", at: offset)
  }

  private mutating func skipLineComment() throws(TextError) {
    while offset < limit {
      let first = source[offset]
      if first == 0x0A || first == 0x0D { return }
      let length = first < 0x80 ? 1 : utf8Length(source, at: offset, limit: limit)
      if length == 0 { throw failure("malformed UTF-8 encoding", at: offset) }
      offset += length
    }
  }

  private mutating func skipBlockComment() throws(TextError) {
    let start = offset
    var depth = 0
    while offset < limit {
      let first = source[offset]
      if first == UInt8(ascii: "("), byte(offset + 1) == UInt8(ascii: ";") {
        depth += 1
        offset += 2
      } else if first == UInt8(ascii: ";"), byte(offset + 1) == UInt8(ascii: ")") {
        depth -= 1
        offset += 2
        if depth == 0 { return }
      } else {
        let length = first < 0x80 ? 1 : utf8Length(source, at: offset, limit: limit)
        if length == 0 { throw failure("malformed UTF-8 encoding", at: offset) }
        offset += length
      }
    }
    throw failure("unclosed comment", at: start)
  }

  // MARK: Runs

  /// A maximal run of identifier characters and strings, classified.
  private mutating func run() throws(TextError) -> Token {
    let start = offset
    var end = start
    var strings = 0
    var stringStart = start
    while end < limit {
      if classes[Int(source[end])] & CharacterClass.identifier != 0 {
        end += 1
      } else if source[end] == UInt8(ascii: "\"") {
        let scan = StringScanner.scan(source, from: end, limit: limit)
        if let problem = scan.problem {
          if end == start { throw failure(problem, at: scan.end) }
          break
        }
        strings += 1
        stringStart = end
        end = scan.end
      } else {
        break
      }
    }
    offset = end
    let first = source[start]
    if strings == 0 {
      if first == UInt8(ascii: "$") {
        if end == start + 1 { throw failure("empty identifier", at: start) }
        return Token(.id, start: start, end: end)
      }
      return word(start, end)
    }
    if strings == 1 && stringStart == start && source[end - 1] == UInt8(ascii: "\"")
      && StringScanner.scan(source, from: start, limit: limit).end == end
    {
      return Token(.string, start: start, end: end)
    }
    if strings == 1 && first == UInt8(ascii: "$") && stringStart == start + 1
      && StringScanner.scan(source, from: stringStart, limit: limit).end == end
    {
      let name = StringScanner.decode(source, stringStart..<end)
      if name.isEmpty { throw failure("empty identifier", at: start) }
      if !isUTF8(name, 0..<name.count) { throw failure("malformed UTF-8 encoding", at: start) }
      return Token(.quotedID, start: start, end: end)
    }
    return Token(.reserved, start: start, end: end)
  }

  private func word(_ start: Int, _ end: Int) -> Token {
    let first = source[start]
    switch first {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"):
      return Token(NumberScanner.classify(source, start, end), start: start, end: end)
    case UInt8(ascii: "a")...UInt8(ascii: "z"):
      if let token = words.token(source, start, end) { return token }
      if first == UInt8(ascii: "n") || first == UInt8(ascii: "i") {
        return Token(NumberScanner.classify(source, start, end), start: start, end: end)
      }
      if first == UInt8(ascii: "o") || first == UInt8(ascii: "a") {
        for (prefix, kind) in [("offset=", Token.Kind.offsetEquals), ("align=", .alignEquals)] {
          let length = prefix.utf8.count
          if source[start..<end].starts(with: prefix.utf8),
            NumberScanner.classify(source, start + length, end) == .nat
          {
            return Token(kind, start: start, end: end)
          }
        }
      }
      return Token(.reserved, start: start, end: end)
    default:
      return Token(.reserved, start: start, end: end)
    }
  }

  // MARK: Annotations

  private mutating func annotation(_ buffer: inout TokenBuffer) throws(TextError) {
    let start = offset
    offset += 2
    var name: [UInt8] = []
    if byte(offset) == UInt8(ascii: "\"") && offset < limit {
      let scan = StringScanner.scan(source, from: offset, limit: limit)
      if scan.problem == nil {
        name = StringScanner.decode(source, offset..<scan.end)
        if !isUTF8(name, 0..<name.count) { throw failure("malformed UTF-8 encoding", at: offset) }
        offset = scan.end
      }
    } else {
      let nameStart = offset
      while isClass(offset, CharacterClass.identifier) { offset += 1 }
      name = Array(source[nameStart..<offset])
    }
    if name.isEmpty { throw failure("empty annotation id", at: start) }
    let contentsStart = offset
    try skipAnnotationContents(openedAt: start)
    let kind: Annotation.Kind
    switch String(decoding: name, as: UTF8.self) {
    case "custom": kind = .custom
    case "name": kind = .name
    case "metadata.code.branch_hint": kind = .branchHint
    default: return
    }
    buffer.annotations.append(
      Annotation(kind: kind, position: buffer.tokens.count, start: start, contents: contentsStart..<offset - 1))
  }

  /// Everything up to and including the parenthesis that closes the annotation.
  private mutating func skipAnnotationContents(openedAt start: Int) throws(TextError) {
    var depth = 1
    while offset < limit {
      let first = source[offset]
      switch first {
      case UInt8(ascii: "("):
        if byte(offset + 1) == UInt8(ascii: ";") {
          try skipBlockComment()
        } else {
          depth += 1
          offset += 1
        }
      case UInt8(ascii: ")"):
        depth -= 1
        offset += 1
        if depth == 0 { return }
      case UInt8(ascii: "\""):
        let scan = StringScanner.scan(source, from: offset, limit: limit)
        if let problem = scan.problem { throw failure(problem, at: scan.end) }
        offset = scan.end
      case UInt8(ascii: ";") where byte(offset + 1) == UInt8(ascii: ";"):
        try skipLineComment()
      default:
        let known = CharacterClass.identifier | CharacterClass.space | CharacterClass.punctuation
        if classes[Int(first)] & known == 0 { throw illegalCharacter(at: offset) }
        offset += 1
      }
    }
    throw failure("unclosed annotation", at: start)
  }
}
