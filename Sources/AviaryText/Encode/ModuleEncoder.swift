/// The index spaces of a module.
enum Space: Int, CaseIterable {
  case type, function, table, memory, global, tag, element, data
  var category: String {
    switch self {
    case .type: "type"
    case .function: "function"
    case .table: "table"
    case .memory: "memory"
    case .global: "global"
    case .tag: "tag"
    case .element: "elem segment"
    case .data: "data segment"
    }
  }
  /// The binary format's code in imports and exports.
  var externalKind: UInt8? {
    switch self {
    case .function: 0
    case .table: 1
    case .memory: 2
    case .global: 3
    case .tag: 4
    default: nil
    }
  }
}

/// Contents of a section that is a vector.
struct SectionContents {
  var count = 0
  var bytes: [UInt8] = []
}

/// Turns the tokens of one module into the binary format.
///
/// Two passes over the fields: `scanFields` gives every definition its index and
/// binds its name, since uses may come first; then types are encoded, and then all
/// other fields in order, straight into the contents of their sections. Nothing
/// recurses on the input: blocks and folded instructions stand on stacks of their own
/// (`InstructionFrame`).
struct ModuleEncoder {
  var reader: TokenReader
  var options: WAT.EncodingOptions
  let fields: Range<Int>
  let moduleID: Token?

  var identifiers = Identifiers()
  var spaces = Space.allCases.map { IndexSpace($0.category) }

  /// Per type index its function type, nil for other types.
  var signatures: [TextSignature?] = []
  /// The least index of each function type that stands alone, final and without supertypes.
  var plainSignatures: [TextSignature: UInt32] = [:]
  /// Field indices by type (high half) and identifier.
  var structFields: [UInt64: UInt32] = [:]
  var namedFields: [(type: UInt32, field: UInt32, id: UInt32)] = []

  var typeSection = SectionContents()
  var importSection = SectionContents()
  var functionSection = SectionContents()
  var tableSection = SectionContents()
  var memorySection = SectionContents()
  var tagSection = SectionContents()
  var globalSection = SectionContents()
  var exportSection = SectionContents()
  var elementSection = SectionContents()
  var codeSection = SectionContents()
  var dataSection = SectionContents()
  var start: UInt32?
  /// A function names a data segment, so the data count section is due.
  var usesDataIndices = false

  /// What has been defined so far in each space, to know the index of the field at hand.
  var defined = [UInt32](repeating: 0, count: Space.allCases.count)

  // State of the body or constant expression at hand.
  var code: [UInt8] = []
  var pending: [UInt8] = []
  var frames: [InstructionFrame] = []
  var locals = LocalNames()
  var labels = LabelNames()
  var localTypes: [TextValueType] = []
  /// Parameters that the last type use named.
  var parameterNames: [(index: UInt32, token: Token)] = []

  var names = NameCollector()
  var annotations = AnnotationPlaces()

  /// - Parameter fields: range of tokens that holds the module's fields and nothing else.
  init(reader: TokenReader, fields: Range<Int>, moduleID: Token?, options: WAT.EncodingOptions) {
    self.reader = reader
    self.fields = fields
    self.moduleID = moduleID
    self.options = options
  }

  // MARK: Index spaces

  func error(_ kind: TextError.Kind, _ message: String, at token: Token) -> TextError {
    reader.error(kind, message, at: token)
  }

  mutating func intern(_ token: Token) -> UInt32 {
    let range = token.range
    if token.kind == .quotedID {
      let name = StringScanner.decode(reader.source, range.lowerBound + 1..<range.upperBound)
      return identifiers.intern(name, 0..<name.count)
    }
    return identifiers.intern(reader.source, range.lowerBound + 1..<range.upperBound)
  }

  /// Gives the next index of `space` to a definition with the identifier `token`.
  mutating func bind(_ space: Space, _ token: Token?) throws(TextError) {
    guard let token else {
      _ = spaces[space.rawValue].add(nil)
      return
    }
    let id = intern(token)
    if !spaces[space.rawValue].add(id) {
      throw error(.resolution, "duplicate \(space.category) \(reader.text(token))", at: token)
    }
  }

  /// The index that a number or an identifier names.
  mutating func takeIndex(_ space: Space) throws(TextError) -> UInt32 {
    if reader.token.kind == .nat { return try reader.takeNatural32() }
    guard let token = reader.takeID() else { throw reader.unexpected() }
    let id = intern(token)
    guard let index = spaces[space.rawValue].index(of: id) else {
      throw error(.resolution, "unknown \(space.category) \(reader.text(token))", at: token)
    }
    return index
  }

  /// As `takeIndex`, or 0 where no index stands.
  mutating func takeOptionalIndex(_ space: Space) throws(TextError) -> UInt32 {
    reader.isAtIndex ? try takeIndex(space) : 0
  }

  /// The index of the definition being encoded; counts up.
  mutating func nextDefined(_ space: Space) -> UInt32 {
    defer { defined[space.rawValue] &+= 1 }
    return defined[space.rawValue]
  }

  // MARK: The module

  mutating func encode() throws(TextError) -> [UInt8] {
    if let moduleID {
      let id = intern(moduleID)
      names.module = Array(identifiers.name(id))
    }
    try scanFields()
    try placeAnnotations()
    try encodeTypeFields()
    reader.index = fields.lowerBound
    while reader.index < fields.upperBound { try encodeField() }
    return assemble()
  }

  private mutating func encodeField() throws(TextError) {
    let field = reader.index
    let end = Int(reader.token.end)
    let keyword = reader.nextToken.keyword
    reader.index += 2
    switch keyword {
    case .type, .rec:
      reader.index = end
    case .import: try encodeImport()
    case .func: try encodeFunction()
    case .table: try encodeTable()
    case .memory: try encodeMemory()
    case .global: try encodeGlobal()
    case .tag: try encodeTag()
    case .export: try encodeExport()
    case .start: start = try takeIndex(.function)
    case .elem: try encodeElementSegment()
    case .data: try encodeDataSegment()
    default: throw reader.unexpected(reader.tokens[reader.index - 1])
    }
    if reader.index != end { throw reader.unexpected() }
    reader.index = end + 1
    if keyword != .type, !names.byField.isEmpty {
      let head = keyword == .import ? field + 4 : field
      if let space = Self.nameableSpace(reader.tokens[head + 1].keyword) {
        noteAnnotatedName(head: head, space, defined[space.rawValue] &- 1)
      }
    }
  }

  private mutating func assemble() -> [UInt8] {
    var module: [UInt8] = [0x00, 0x61, 0x73, 0x6D, 0x01, 0x00, 0x00, 0x00]
    func section(_ id: UInt8, _ contents: SectionContents) {
      if contents.count == 0 { return }
      var count: [UInt8] = []
      count.appendCount(contents.count)
      module.append(id)
      module.appendCount(count.count + contents.bytes.count)
      module += count
      module += contents.bytes
    }
    func customs(_ place: AnnotationPlaces.Place) {
      for custom in annotations.customs where custom.place == place {
        appendCustomSection(custom.name, custom.contents, to: &module)
      }
    }
    var startSection: [UInt8] = []
    if let start { startSection.appendUnsigned(start) }
    var dataCount: [UInt8] = []
    if usesDataIndices { dataCount.appendCount(dataSection.count) }
    let hints = branchHintSection()

    customs(.init(isAfter: false, section: .first))
    for kind in AnnotationPlaces.Section.inOrder {
      customs(.init(isAfter: false, section: kind))
      switch kind {
      case .type: section(1, typeSection)
      case .import: section(2, importSection)
      case .func: section(3, functionSection)
      case .table: section(4, tableSection)
      case .memory: section(5, memorySection)
      case .tag: section(13, tagSection)
      case .global: section(6, globalSection)
      case .export: section(7, exportSection)
      case .start: appendSection(8, startSection, to: &module)
      case .elem: section(9, elementSection)
      case .datacount: appendSection(12, dataCount, to: &module)
      case .code:
        if let hints { appendCustomSection(Array("metadata.code.branch_hint".utf8), hints, to: &module) }
        section(10, codeSection)
      case .data: section(11, dataSection)
      case .first, .last: break
      }
      customs(.init(isAfter: true, section: kind))
    }
    customs(.init(isAfter: true, section: .last))
    if options.emitsNames {
      let contents = nameSection()
      if !contents.isEmpty { appendCustomSection(Array("name".utf8), contents, to: &module) }
    }
    return module
  }

  private func appendSection(_ id: UInt8, _ contents: [UInt8], to module: inout [UInt8]) {
    if contents.isEmpty { return }
    module.append(id)
    module.appendVector(contents)
  }

  private func appendCustomSection(_ name: [UInt8], _ contents: [UInt8], to module: inout [UInt8]) {
    var section: [UInt8] = []
    section.appendVector(name)
    section += contents
    module.append(0)
    module.appendVector(section)
  }
}
