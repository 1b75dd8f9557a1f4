internal import AviaryCore

/// Reads a script (`.wast`) command by command.
///
/// ```swift
/// var parser = try ScriptParser(bytes)
/// while let item = try parser.next() { … }
/// ```
/// Only the form at hand is in memory as tokens. Text modules are encoded when asked
/// for (`ScriptModule.encode`), so a wrong one does not stop the script.
package struct ScriptParser {
  let source: [UInt8]
  private var lexer: Lexer
  private var isFirst = true
  // Lines are counted onwards from the last command.
  private var line = 1
  private var lineOffset = 0

  package init(_ source: [UInt8]) throws(TextError) {
    self.source = source
    lexer = try Lexer(source)
  }

  /// The next command, nil at the end.
  package mutating func next() throws(TextError) -> ScriptItem? {
    let start = lexer
    let buffer = try lexer.lexForm()
    var reader = TokenReader(source: source, buffer: buffer)
    if reader.token.kind == .endOfInput { return nil }
    advanceLine(to: Int(reader.token.start))
    defer { isFirst = false }
    if isFirst, let keyword = reader.nextToken.keyword, Self.isModuleField(keyword) {
      // The whole script is one module without its parentheses.
      lexer = start
      let whole = try lexer.lexAll()
      let fields = 0..<whole.tokens.count - 1
      let module = ScriptModule(
        form: .text, name: nil, isDefinition: false, source: source, buffer: whole, fields: fields, id: nil)
      return ScriptItem(command: .module(module), line: line)
    }
    let command = try reader.isAtForm(.thread) ? .thread(Self.takeThread(&reader, line, depth: 0)) : Self.command(&reader)
    try reader.expectRightParen()
    return ScriptItem(command: command, line: line)
  }

  private mutating func advanceLine(to offset: Int) {
    for byte in source[lineOffset..<offset] where byte == 0x0A { line += 1 }
    lineOffset = offset
  }

  private static func isModuleField(_ keyword: Keyword) -> Bool {
    switch keyword {
    case .type, .rec, .import, .func, .table, .memory, .global, .tag, .export, .start, .elem, .data: true
    default: false
    }
  }

  // MARK: Commands

  private static func command(_ reader: inout TokenReader) throws(TextError) -> ScriptCommand {
    try reader.expectLeftParen()
    guard let keyword = reader.token.keyword else { throw reader.unexpected() }
    switch keyword {
    case .module:
      if reader.nextToken.keyword == .instance {
        reader.index += 2
        let name = takeIdentifier(&reader)
        return .instance(name: name, definition: takeIdentifier(&reader))
      }
      reader.index -= 1
      let module = try takeModule(&reader)
      // The form's own parenthesis is checked by the caller.
      reader.index -= 1
      return .module(module)
    case .register:
      reader.advance()
      let name = try takeText(&reader)
      return .register(name: name, instance: takeIdentifier(&reader))
    case .invoke, .get:
      reader.index -= 1
      let action = try takeAction(&reader)
      reader.index -= 1
      return .action(action)
    case .wait:
      reader.advance()
      guard let name = takeIdentifier(&reader) else { throw reader.unexpected() }
      return .wait(name)
    default:
      reader.advance()
      return try assertion(keyword, &reader)
    }
  }

  /// Threads within threads, at most.
  private static let deepestThread = 16

  /// What stands in `(thread …)`, whose parenthesis is checked by the caller.
  /// - Parameter line: of the form's first character.
  private static func takeThread(
    _ reader: inout TokenReader, _ line: Int, depth: Int
  ) throws(TextError) -> ScriptThread {
    if depth == deepestThread { throw reader.unexpected(reader.nextToken) }
    var line = line
    var place = Int(reader.token.start)
    reader.index += 2
    guard let name = takeIdentifier(&reader) else { throw reader.unexpected() }
    var thread = ScriptThread(name: name, shared: [], commands: [])
    while reader.takeForm(.shared) {
      guard reader.takeForm(.module), let instance = takeIdentifier(&reader) else { throw reader.unexpected() }
      try reader.expectRightParen()
      try reader.expectRightParen()
      thread.shared.append(instance)
    }
    while reader.isAtLeftParen {
      let start = Int(reader.token.start)
      for byte in reader.source[place..<start] where byte == 0x0A { line += 1 }
      place = start
      let command =
        try reader.isAtForm(.thread) ? .thread(takeThread(&reader, line, depth: depth + 1)) : command(&reader)
      try reader.expectRightParen()
      thread.commands.append(ScriptItem(command: command, line: line))
    }
    return thread
  }

  private static func assertion(_ keyword: Keyword, _ reader: inout TokenReader) throws(TextError) -> ScriptCommand {
    switch keyword {
    case .assertReturn:
      let action = try takeAction(&reader)
      var patterns: [ResultPattern] = []
      while reader.isAtLeftParen { patterns.append(try takePattern(&reader)) }
      return .assertReturn(action, patterns)
    case .assertException:
      return .assertException(try takeAction(&reader))
    case .assertExhaustion:
      let action = try takeAction(&reader)
      return .assertExhaustion(action, message: try takeText(&reader))
    case .assertSuspension:
      let action = try takeAction(&reader)
      return .assertSuspension(action, message: try takeText(&reader))
    case .assertTrap:
      if reader.isAtForm(.module) {
        let module = try takeModule(&reader)
        return .assertModuleTrap(module, message: try takeText(&reader))
      }
      let action = try takeAction(&reader)
      return .assertTrap(action, message: try takeText(&reader))
    default: break
    }
    let word = reader.tokens[reader.index - 1]
    guard reader.isAtForm(.module) else { throw reader.unexpected(word) }
    let module = try takeModule(&reader)
    let message = try takeText(&reader)
    switch keyword {
    case .assertMalformed: return .assertMalformed(module, message: message)
    case .assertInvalid: return .assertInvalid(module, message: message)
    case .assertMalformedCustom: return .assertMalformedCustom(module, message: message)
    case .assertInvalidCustom: return .assertInvalidCustom(module, message: message)
    case .assertUnlinkable: return .assertUnlinkable(module, message: message)
    default: throw reader.unexpected(word)
    }
  }

  // MARK: Parts

  private static func takeIdentifier(_ reader: inout TokenReader) -> String? {
    guard let token = reader.takeID() else { return nil }
    let range = token.range.lowerBound + 1..<token.range.upperBound
    if token.kind == .quotedID { return String(decoding: StringScanner.decode(reader.source, range), as: UTF8.self) }
    return String(decoding: reader.source[range], as: UTF8.self)
  }

  private static func takeText(_ reader: inout TokenReader) throws(TextError) -> String {
    String(decoding: try reader.takeName(), as: UTF8.self)
  }

  /// `(module …)`; the reader ends behind it.
  private static func takeModule(_ reader: inout TokenReader) throws(TextError) -> ScriptModule {
    let end = Int(reader.token.end)
    guard reader.takeForm(.module) else { throw reader.unexpected() }
    let isDefinition = reader.take(.definition)
    let idToken = reader.token
    let name = takeIdentifier(&reader)
    var form = ScriptModule.Form.text
    if reader.isAt(.binary) || reader.isAt(.quote) {
      let isBinary = reader.isAt(.binary)
      reader.advance()
      var bytes: [UInt8] = []
      while reader.token.kind == .string { try reader.takeString(into: &bytes) }
      if reader.index != end { throw reader.unexpected() }
      form = isBinary ? .binary(bytes) : .quote(bytes)
    }
    defer { reader.index = end + 1 }
    return ScriptModule(
      form: form, name: name, isDefinition: isDefinition, source: reader.source,
      buffer: TokenBuffer(tokens: reader.tokens, annotations: reader.annotations),
      fields: reader.index..<end, id: name == nil ? nil : idToken)
  }

  private static func takeAction(_ reader: inout TokenReader) throws(TextError) -> ScriptAction {
    if reader.takeForm(.get) {
      let instance = takeIdentifier(&reader)
      let name = try takeText(&reader)
      try reader.expectRightParen()
      return .get(instance: instance, name: name)
    }
    guard reader.takeForm(.invoke) else { throw reader.unexpected(reader.nextToken) }
    let instance = takeIdentifier(&reader)
    let name = try takeText(&reader)
    var arguments: [ScriptValue] = []
    while reader.isAtLeftParen { arguments.append(try takeValue(&reader)) }
    try reader.expectRightParen()
    return .invoke(instance: instance, name: name, arguments: arguments)
  }
}
