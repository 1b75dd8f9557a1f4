internal import AviaryCore

/// Prints a decoded module, field by field in the order of the binary format's sections.
struct ModulePrinter {
  private let module: [UInt8]
  private let info: ModuleInfo
  private let names: PrintedNames
  private let types: PrintedTypes
  private var bodies: BodyPrinter
  /// Folded in any style, since constant expressions go on one line.
  private var constants: BodyPrinter
  private var output: TextOutput

  /// - Parameter limit: bytes of text at most.
  init(_ module: [UInt8], _ info: ModuleInfo, _ options: WAT.PrintingOptions, limit: Int) {
    self.module = module
    self.info = info
    names = PrintedNames(info.names)
    types = PrintedTypes(types: info.types, names: names)
    bodies = BodyPrinter(info, names, types, isFolded: options.style == .folded, limit: limit)
    constants = BodyPrinter(info, names, types, isFolded: true, limit: limit)
    output = TextOutput(limit: limit)
  }

  mutating func print() throws(ModuleError) -> [UInt8] {
    output.write("(module")
    if let name = info.names.module {
      output.write(TextOutput.identifier(name).map { " " + $0 } ?? " (@name \"\")")
    }
    try printTypes()
    try printImports()
    try printTables()
    try printMemories()
    try printTags()
    try printGlobals()
    try printExports()
    if let start = info.start { try field("start " + names.reference(.function, start) + ")") }
    try printElements()
    try printFunctions()
    try printData()
    try printCustomSections()
    output.write(output.bytes.contains(0x0A) ? "\n)\n" : ")\n")
    return output.bytes
  }

  /// Opens a field on a line of its own.
  private mutating func field(_ text: String) throws(ModuleError) {
    try output.checkSize()
    output.newLine(1)
    output.write("(")
    output.write(text)
  }

  // MARK: Types and external things

  private mutating func printTypes() throws(ModuleError) {
    for group in info.recursionGroups {
      try output.checkSize()
      if group.count == 1 {
        output.newLine(1)
        output.write(types.definition(UInt32(truncatingIfNeeded: group.lowerBound)))
        continue
      }
      try field("rec")
      for index in group {
        try output.checkSize()
        output.newLine(2)
        output.write(types.definition(UInt32(truncatingIfNeeded: index)))
      }
      output.write(")")
    }
  }

  private func typeUse(_ type: UInt32, function: UInt32? = nil) -> String {
    var text = " (type " + names.reference(.type, type) + ")"
    if let signature = types.function(type) {
      text += types.text(signature) { local in function.flatMap { names.localDefinition($0, local) } }
    }
    return text
  }

  private mutating func printImports() throws(ModuleError) {
    var counts = [UInt32](repeating: 0, count: Space.allCases.count)
    func next(_ space: Space) -> UInt32 {
      defer { counts[space.rawValue] &+= 1 }
      return counts[space.rawValue]
    }
    for item in info.imports {
      try field("import " + TextOutput.quoted(item.module) + " " + TextOutput.quoted(item.name) + " (")
      switch item.description {
      case .function(let type):
        let index = next(.function)
        output.write("func" + names.definition(.function, index) + typeUse(type, function: index))
      case .table(let type): output.write("table" + names.definition(.table, next(.table)) + types.text(type))
      case .memory(let type): output.write("memory" + names.definition(.memory, next(.memory)) + types.text(type))
      case .global(let type): output.write("global" + names.definition(.global, next(.global)) + types.text(type))
      case .tag(let type): output.write("tag" + names.definition(.tag, next(.tag)) + typeUse(type))
      }
      output.write("))")
    }
  }

  private mutating func printTables() throws(ModuleError) {
    for index in info.tables.indices.dropFirst(info.importedTableCount) {
      let table = info.tables[index]
      try field("table" + names.definition(.table, UInt32(truncatingIfNeeded: index)) + types.text(table.type))
      if let initial = table.initial { try constants.printConstant(initial, into: &output) }
      output.write(")")
    }
  }

  private mutating func printMemories() throws(ModuleError) {
    for index in info.memories.indices.dropFirst(info.importedMemoryCount) {
      let name = names.definition(.memory, UInt32(truncatingIfNeeded: index))
      try field("memory" + name + types.text(info.memories[index]) + ")")
    }
  }

  private mutating func printTags() throws(ModuleError) {
    for index in info.tags.indices.dropFirst(info.importedTagCount) {
      try field("tag" + names.definition(.tag, UInt32(truncatingIfNeeded: index)) + typeUse(info.tags[index]) + ")")
    }
  }

  private mutating func printGlobals() throws(ModuleError) {
    for index in info.globals.indices.dropFirst(info.importedGlobalCount) {
      let global = info.globals[index]
      try field("global" + names.definition(.global, UInt32(truncatingIfNeeded: index)) + types.text(global.type))
      if let initial = global.initial { try constants.printConstant(initial, into: &output) }
      output.write(")")
    }
  }

  private mutating func printExports() throws(ModuleError) {
    for export in info.exports {
      let kind: (word: String, space: Space)
      switch export.kind {
      case .function: kind = ("func", .function)
      case .table: kind = ("table", .table)
      case .memory: kind = ("memory", .memory)
      case .global: kind = ("global", .global)
      case .tag: kind = ("tag", .tag)
      }
      let reference = names.reference(kind.space, export.index)
      try field("export " + TextOutput.quoted(export.name) + " (\(kind.word) \(reference)))")
    }
  }

  // MARK: Segments

  /// `(offset …)`, or just the instruction when it is one.
  private mutating func printOffset(_ expression: ConstantExpression) throws(ModuleError) {
    if expression.simple != nil {
      try constants.printConstant(expression, into: &output)
    } else {
      output.write(" (offset")
      try constants.printConstant(expression, into: &output)
      output.write(")")
    }
  }

  private mutating func printElements() throws(ModuleError) {
    for (index, segment) in info.elements.enumerated() {
      try field("elem" + names.definition(.element, UInt32(truncatingIfNeeded: index)))
      switch segment.mode {
      case .passive: break
      case .declarative: output.write(" declare")
      case .active(let table, let offset):
        if table != 0 { output.write(" (table " + names.reference(.table, table) + ")") }
        try printOffset(offset)
      }
      switch segment.items {
      case .functions(let functions):
        output.write(" func")
        for function in functions {
          output.write(" " + names.reference(.function, function))
          try output.checkSize()
        }
      case .expressions(let expressions):
        output.write(" " + types.text(segment.type))
        for expression in expressions {
          try output.checkSize()
          if expression.simple != nil {
            try constants.printConstant(expression, into: &output)
          } else {
            output.write(" (item")
            try constants.printConstant(expression, into: &output)
            output.write(")")
          }
        }
      }
      output.write(")")
    }
  }

  private mutating func printData() throws(ModuleError) {
    for (index, segment) in info.data.enumerated() {
      try field("data" + names.definition(.data, UInt32(truncatingIfNeeded: index)))
      if case .active(let memory, let offset) = segment.mode {
        if memory != 0 { output.write(" (memory " + names.reference(.memory, memory) + ")") }
        try printOffset(offset)
      }
      output.write(" ")
      output.writeQuoted(bytes: module[segment.range])
      output.write(")")
    }
  }

  // MARK: Functions

  private mutating func printFunctions() throws(ModuleError) {
    for (position, body) in info.bodies.enumerated() {
      let index = UInt32(truncatingIfNeeded: info.importedFunctionCount + position)
      let type = info.functions[Int(index)]
      try field("func" + names.definition(.function, index) + typeUse(type, function: index))
      try bodies.printBody(body, function: index, level: 2, into: &output)
      output.newLine(1)
      output.write(")")
    }
  }

  // MARK: Custom sections

  private static let places: [UInt8: String] = [
    1: "type", 2: "import", 3: "func", 4: "table", 5: "memory", 6: "global", 7: "export", 8: "start", 9: "elem",
    10: "code", 11: "data", 12: "datacount", 13: "tag",
  ]

  /// Custom sections but the name section, each placed behind the section that it follows.
  private mutating func printCustomSections() throws(ModuleError) {
    var place = "(before first)"
    var customs = info.customSections[...]
    var cursor = ByteCursor(info.bytes, in: 8..<max(info.bytes.count, 8))
    // The sections were decoded before, so reading their heads again does not fail.
    while let id = try? cursor.readByte(), let size = try? cursor.readLength() {
      if let section = Self.places[id] {
        place = "(after \(section))"
      } else if let custom = customs.popFirst(), custom.name != "name" {
        try field("@custom " + TextOutput.quoted(custom.name) + " " + place + " ")
        output.writeQuoted(bytes: module[custom.range])
        output.write(")")
      }
      guard (try? cursor.skip(size)) != nil else { return }
    }
  }
}
