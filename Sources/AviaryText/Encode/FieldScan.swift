extension ModuleEncoder {
  /// First pass: gives every definition its index and binds its name.
  mutating func scanFields() throws(TextError) {
    reader.index = fields.lowerBound
    // What was defined before an import, which must not be.
    var definition: Space?
    var hasStart = false
    while reader.index < fields.upperBound {
      guard reader.isAtLeftParen else { throw reader.unexpected() }
      let field = reader.index
      guard let keyword = reader.nextToken.keyword else { throw reader.unexpected(reader.nextToken) }
      reader.index += 2
      switch keyword {
      case .type: try bind(.type, reader.takeID())
      case .rec: try scanRecursiveTypes()
      case .import:
        try rejectImport(after: definition, at: reader.tokens[field])
        try scanImport()
      case .func, .table, .memory, .global, .tag:
        if let space = try scanDefinition(keyword) {
          definition = space
        } else {
          try rejectImport(after: definition, at: reader.tokens[field])
        }
      case .elem: try bind(.element, reader.takeID())
      case .data: try bind(.data, reader.takeID())
      case .export: break
      case .start:
        if hasStart { throw error(.syntax, "multiple start sections", at: reader.tokens[field]) }
        hasStart = true
      default: throw reader.unexpected(reader.tokens[field + 1])
      }
      reader.index = field
      reader.skipForm()
    }
  }

  private func rejectImport(after definition: Space?, at token: Token) throws(TextError) {
    if let definition { throw error(.syntax, "import after \(definition.category) definition", at: token) }
  }

  private mutating func scanRecursiveTypes() throws(TextError) {
    while reader.isAtLeftParen {
      let form = reader.index
      guard reader.takeForm(.type) else { throw reader.unexpected(reader.nextToken) }
      try bind(.type, reader.takeID())
      reader.index = form
      reader.skipForm()
    }
    if !reader.isAtRightParen { throw reader.unexpected() }
  }

  static func externalSpace(_ keyword: Keyword?) -> Space? {
    switch keyword {
    case .func: .function
    case .table: .table
    case .memory: .memory
    case .global: .global
    case .tag: .tag
    default: nil
    }
  }

  private mutating func scanImport() throws(TextError) {
    for _ in 0..<2 {
      guard reader.token.kind == .string else { throw reader.unexpected() }
      reader.advance()
    }
    try reader.expectLeftParen()
    guard let space = Self.externalSpace(reader.token.keyword) else { throw reader.unexpected() }
    reader.advance()
    try bind(space, reader.takeID())
  }

  /// Returns the space of a definition, nil for an inline import.
  private mutating func scanDefinition(_ keyword: Keyword) throws(TextError) -> Space? {
    guard let space = Self.externalSpace(keyword) else { return nil }
    try bind(space, reader.takeID())
    while reader.isAtForm(.export) { reader.skipForm() }
    if reader.isAtForm(.import) { return nil }
    // An inline segment takes the next index of its space.
    guard keyword == .table || keyword == .memory else { return space }
    while !reader.isAtRightParen {
      if reader.isAtForm(.elem), keyword == .table {
        try bind(.element, nil)
        break
      }
      if reader.isAtForm(.data), keyword == .memory {
        try bind(.data, nil)
        break
      }
      if reader.isAtLeftParen { reader.skipForm() } else { reader.advance() }
    }
    return space
  }
}
