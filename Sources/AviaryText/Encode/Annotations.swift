internal import AviaryCore

/// Where the custom sections and branch hints of annotations go.
struct AnnotationPlaces {
  enum Section: String, Sendable {
    case first, type, `import`, `func`, table, memory, tag, global, export, start, elem, datacount, code, data, last
    static let inOrder: [Section] = [
      .type, .import, .func, .table, .memory, .tag, .global, .export, .start, .elem, .datacount, .code, .data,
    ]
  }
  struct Place: Equatable, Sendable {
    var isAfter: Bool
    var section: Section
  }
  struct Custom: Sendable {
    var name: [UInt8]
    var contents: [UInt8]
    var place: Place
  }
  var customs: [Custom] = []

  /// A hint waits for the instruction at the token it stands before.
  struct Hint {
    var token: Int
    var contents: [UInt8]
  }
  var hints: [Hint] = []
  /// The first hint that no instruction took yet.
  private var nextHint = 0
  private var function: UInt32?
  /// Hints of folded branches whose operands are not through, with the frame depth.
  private var waiting: [(depth: Int, hint: Int)] = []
  private(set) var placed: [(function: UInt32, offset: Int, hint: Int)] = []

  mutating func beginFunction(_ index: UInt32) { function = index }
  mutating func beginConstantExpression() { function = nil }

  /// The index of the hint before `token`.
  private mutating func takeHint(at token: Int) -> Int? {
    while nextHint < hints.count, hints[nextHint].token < token { nextHint += 1 }
    guard nextHint < hints.count, hints[nextHint].token == token, function != nil else { return nil }
    nextHint += 1
    return nextHint - 1
  }

  /// An `if` or `br_if` whose word is at `token` goes to `codeOffset`.
  mutating func noteBranch(at token: Int, codeOffset: Int) {
    if hints.isEmpty { return }
    if let hint = takeHint(at: token), let function { placed.append((function, codeOffset, hint)) }
  }

  /// The branch that was just noted at `codeOffset` is folded: its place is known once its
  /// operands are through.
  mutating func deferBranch(at codeOffset: Int, depth: Int) {
    if hints.isEmpty { return }
    guard let last = placed.last, last.offset == codeOffset, last.function == function else { return }
    placed.removeLast()
    waiting.append((depth, last.hint))
  }

  mutating func placeDeferred(depth: Int, codeOffset: Int) {
    guard let last = waiting.last, last.depth == depth, let function else { return }
    waiting.removeLast()
    placed.append((function, codeOffset, last.hint))
  }
}

extension ModuleEncoder {
  private func annotationError(_ name: String, _ message: String, _ annotation: Annotation) -> TextError {
    TextError(.annotation, "@\(name) annotation: \(message)", in: reader.source, at: annotation.start)
  }

  private func misplaced(_ name: String, _ annotation: Annotation) -> TextError {
    TextError(.annotation, "misplaced @\(name) annotation", in: reader.source, at: annotation.start)
  }

  /// Understands the annotations of the module; runs between the two passes.
  mutating func placeAnnotations() throws(TextError) {
    if reader.annotations.isEmpty { return }
    var field = fields.lowerBound
    var lastHint = -1
    for annotation in reader.annotations {
      while field < fields.upperBound, Int(reader.tokens[field].end) < annotation.position {
        field = Int(reader.tokens[field].end) + 1
      }
      let isInside = field < fields.upperBound && field < annotation.position
      switch annotation.kind {
      case .custom:
        if isInside { throw misplaced("custom", annotation) }
        try placeCustom(annotation)
      case .name: try placeName(annotation, field: isInside ? field : nil)
      case .branchHint:
        guard isInside, reader.tokens[field + 1].keyword == .func else {
          throw annotationError("metadata.code.branch_hint", "not in a function", annotation)
        }
        if annotation.position == lastHint {
          throw annotationError("metadata.code.branch_hint", "duplicate annotation", annotation)
        }
        lastHint = annotation.position
        try placeHint(annotation)
      }
    }
  }

  /// A reader over an annotation's contents.
  private func contentsReader(_ annotation: Annotation) throws(TextError) -> TokenReader {
    var lexer = try Lexer(reader.source, range: annotation.contents)
    return TokenReader(source: reader.source, buffer: try lexer.lexAll())
  }

  /// `(@custom "name" (before|after section)? "contents"*)`
  private mutating func placeCustom(_ annotation: Annotation) throws(TextError) {
    var contents = try contentsReader(annotation)
    guard contents.token.kind == .string else { throw annotationError("custom", "missing section name", annotation) }
    var name: [UInt8] = []
    try contents.takeString(into: &name)
    if !isUTF8(name, 0..<name.count) { throw annotationError("custom", "malformed UTF-8 encoding", annotation) }
    var place = AnnotationPlaces.Place(isAfter: true, section: .last)
    if contents.isAtLeftParen {
      contents.advance()
      let direction = contents.text(contents.token)
      guard direction == "before" || direction == "after" else {
        throw annotationError("custom", "malformed placement", annotation)
      }
      contents.advance()
      guard !contents.isAtRightParen, let section = AnnotationPlaces.Section(rawValue: contents.text(contents.token))
      else { throw annotationError("custom", "malformed section kind", annotation) }
      contents.advance()
      guard contents.isAtRightParen else { throw annotationError("custom", "malformed placement", annotation) }
      contents.advance()
      place = AnnotationPlaces.Place(isAfter: direction == "after", section: section)
    }
    var bytes: [UInt8] = []
    while contents.token.kind == .string { try contents.takeString(into: &bytes) }
    if contents.token.kind != .endOfInput {
      throw annotationError("custom", "unexpected token \(contents.text(contents.token))", annotation)
    }
    annotations.customs.append(.init(name: name, contents: bytes, place: place))
  }

  /// `(@name "…")` behind the word or identifier of what it names.
  private mutating func placeName(_ annotation: Annotation, field: Int?) throws(TextError) {
    var contents = try contentsReader(annotation)
    guard contents.token.kind == .string, contents.nextToken.kind == .endOfInput else {
      throw annotationError("name", "unexpected token", annotation)
    }
    let name = try contents.takeName()
    guard let field else {
      guard annotation.position == fields.lowerBound else { throw misplaced("name", annotation) }
      if names.hasAnnotatedModule { throw annotationError("name", "multiple module", annotation) }
      names.hasAnnotatedModule = true
      names.module = name
      return
    }
    // The form that it names: its word, or its word and identifier, stand right before.
    let before = reader.tokens[annotation.position - 1].kind
    let head = annotation.position - (before == .id || before == .quotedID ? 3 : 2)
    guard let space = nameableSpace(head, in: field) else { throw misplaced("name", annotation) }
    if names.byField.updateValue(name, forKey: head) != nil {
      throw annotationError("name", "multiple \(space.category)", annotation)
    }
  }

  /// The space of the definition whose form opens at token `head`: a field, the kind of an
  /// import, or a type of a recursion group.
  private func nameableSpace(_ head: Int, in field: Int) -> Space? {
    guard head >= field, reader.tokens[head].kind == .leftParen else { return nil }
    let isDefinition: Bool
    switch reader.tokens[field + 1].keyword {
    case .import: isDefinition = head == field + 4
    case .rec: isDefinition = reader.tokens[head + 1].keyword == .type
    default: isDefinition = head == field
    }
    return isDefinition ? Self.nameableSpace(reader.tokens[head + 1].keyword) : nil
  }

  /// Notes the annotated name of the definition at token `head`, which got `index`.
  mutating func noteAnnotatedName(head: Int, _ space: Space, _ index: UInt32) {
    guard let name = names.byField[head] else { return }
    names.annotated[NameCollector.key(space, index)] = name
  }

  static func nameableSpace(_ keyword: Keyword?) -> Space? {
    switch keyword {
    case .type: .type
    case .elem: .element
    case .data: .data
    default: externalSpace(keyword)
    }
  }

  private mutating func placeHint(_ annotation: Annotation) throws(TextError) {
    var contents = try contentsReader(annotation)
    var bytes: [UInt8] = []
    guard contents.token.kind == .string, contents.nextToken.kind == .endOfInput else {
      throw annotationError("metadata.code.branch_hint", "unexpected token", annotation)
    }
    try contents.takeString(into: &bytes)
    var target = annotation.position
    if reader.tokens[target].kind == .leftParen { target += 1 }
    guard let opcode = reader.tokens[target].opcode, opcode == .if || opcode == .brIf else {
      throw annotationError("metadata.code.branch_hint", "invalid target", annotation)
    }
    annotations.hints.append(.init(token: target, contents: bytes))
  }

  /// Contents of the branch hint section, nil when there are no hints.
  func branchHintSection() -> [UInt8]? {
    if annotations.placed.isEmpty { return nil }
    let hints = annotations.placed.sorted { ($0.function, $0.offset) < ($1.function, $1.offset) }
    var contents: [UInt8] = []
    var functions = 0
    var index = 0
    while index < hints.count {
      var end = index
      while end < hints.count, hints[end].function == hints[index].function { end += 1 }
      contents.appendUnsigned(hints[index].function)
      contents.appendCount(end - index)
      for hint in hints[index..<end] {
        contents.appendCount(hint.offset)
        contents.appendVector(annotations.hints[hint.hint].contents)
      }
      functions += 1
      index = end
    }
    var result: [UInt8] = []
    result.appendCount(functions)
    return result + contents
  }
}
