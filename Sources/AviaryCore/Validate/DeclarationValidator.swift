/// Checks what a module declares, apart from expressions and bodies: types, the types of imports,
/// functions, tables, memories, globals and tags, the start function and the exports.
struct DeclarationValidator {
  private let info: ModuleInfo
  private(set) var types: TypeSectionValidator

  init(_ info: ModuleInfo) {
    self.info = info
    types = TypeSectionValidator(info.types)
  }

  /// Everything that the validation of expressions and bodies builds on.
  mutating func validate() throws(ModuleError) {
    do throws(ModuleError) {
      try types.validate(groups: info.recursionGroups)
    } catch {
      throw locate(error, 1)
    }
    try at(2, info.importedFunctionCount + info.importedTagCount + info.importedMemoryCount > 0) {
      () throws(ModuleError) in
      try checkFunctionTypes(0..<info.importedFunctionCount)
      for type in info.tags.prefix(info.importedTagCount) { try checkTagType(type) }
    }
    try at(13) { () throws(ModuleError) in
      for type in info.tags.dropFirst(info.importedTagCount) { try checkTagType(type) }
    }
    try at(3) { () throws(ModuleError) in
      try checkFunctionTypes(info.importedFunctionCount..<info.functions.count)
    }
    try at(5) { () throws(ModuleError) in
      if info.memories.count > 1 && !info.features.contains(.multiMemory) {
        throw ModuleError(.invalid, "multiple memories")
      }
      for memory in info.memories { try check(memory) }
    }
    try at(4) { () throws(ModuleError) in
      if info.tables.count > 1 && !info.features.contains(.referenceTypes) {
        throw ModuleError(.invalid, "multiple tables")
      }
      for (index, table) in info.tables.enumerated() {
        try check(table, isImport: index < info.importedTableCount)
      }
    }
    try at(6) { () throws(ModuleError) in
      for global in info.globals { try check(global.type.value) }
    }
    try at(9) { () throws(ModuleError) in
      for segment in info.elements { try check(segment.type) }
    }
  }

  /// Runs `body`; an error without an offset gets that of section `id`, or of the imports.
  private func at(
    _ id: Int, _ isNeeded: Bool = true, _ body: () throws(ModuleError) -> Void
  ) throws(ModuleError) {
    guard isNeeded else { return }
    do throws(ModuleError) { try body() } catch { throw locate(error, id) }
  }

  private func locate(_ error: ModuleError, _ id: Int) -> ModuleError {
    let offset = info.sectionOffsets[id]
    return error.located(at: max(offset >= 0 ? offset : info.sectionOffsets[2], 0))
  }

  // MARK: Types

  private func checkFunctionType(_ index: UInt32) throws(ModuleError) {
    guard Int(index) < info.types.count else { throw ModuleError(.invalid, "unknown type \(index)") }
    guard case .function = info.types[Int(index)].composite else {
      throw ModuleError(.invalid, "non-function type \(index)")
    }
  }

  /// As above for a range of functions, of which there may be very many.
  private func checkFunctionTypes(_ range: Range<Int>) throws(ModuleError) {
    let isFunction = info.types.map { type in
      if case .function = type.composite { true } else { false }
    }
    for type in info.functions[range] {
      guard Int(type) < isFunction.count, isFunction[Int(type)] else { return try checkFunctionType(type) }
    }
  }

  private func checkTagType(_ index: UInt32) throws(ModuleError) {
    try checkFunctionType(index)
    guard info.functionType(index).results.isEmpty else {
      throw ModuleError(.invalid, "non-empty tag result type")
    }
  }

  private func check(_ type: ValueType) throws(ModuleError) {
    guard type.isReference, type.heapType.isConcrete else { return }
    guard Int(type.heapType.typeIndex) < info.types.count else {
      throw ModuleError(.invalid, "unknown type \(type.heapType.typeIndex)")
    }
  }

  private func check(_ limits: SizeLimits, range: UInt64, _ message: String) throws(ModuleError) {
    guard limits.minimum <= range else { throw ModuleError(.invalid, message) }
    guard let maximum = limits.maximum else { return }
    guard maximum <= range else { throw ModuleError(.invalid, message) }
    guard limits.minimum <= maximum else {
      throw ModuleError(.invalid, "size minimum must not be greater than maximum")
    }
  }

  private func check(_ memory: MemoryType) throws(ModuleError) {
    guard memory.pageSizeLog2 == 16 || memory.pageSizeLog2 == 0 else {
      throw ModuleError(.invalid, "invalid custom page size")
    }
    let isSmallPage = memory.pageSizeLog2 == 0
    let range: UInt64
    let message: String
    switch (memory.is64, isSmallPage) {
    case (false, false): (range, message) = (1 << 16, "memory size must be at most 65536 pages (4GiB)")
    case (true, false): (range, message) = (1 << 48, "memory size must be at most 2^48 pages (16EiB)")
    case (false, true): (range, message) = (UInt64(UInt32.max), "memory size must be at most 2^32 - 1 pages of 1 byte")
    case (true, true): (range, message) = (.max, "memory size must be at most 2^64 - 1 pages of 1 byte")
    }
    try check(memory.limits, range: range, message)
    guard !memory.isShared || memory.limits.maximum != nil else {
      throw ModuleError(.invalid, "shared memory must have maximum")
    }
  }

  private func check(_ table: TableDeclaration, isImport: Bool) throws(ModuleError) {
    try check(table.type.element)
    try check(
      table.type.limits, range: table.type.is64 ? .max : UInt64(UInt32.max), "table size must be at most 2^32 - 1")
    guard isImport || table.initial != nil || table.type.element.isDefaultable else {
      throw ModuleError(.invalid, "type mismatch: non-defaultable element type")
    }
  }

  // MARK: Start and exports

  func validateStart() throws(ModuleError) {
    guard let start = info.start else { return }
    try at(8) { () throws(ModuleError) in
      guard Int(start) < info.functions.count else { throw ModuleError(.invalid, "unknown function \(start)") }
      let type = info.type(ofFunction: start)
      guard type.parameters.isEmpty, type.results.isEmpty else {
        throw ModuleError(.invalid, "start function must not have parameters or results")
      }
    }
  }

  func validateExports() throws(ModuleError) {
    try at(7) { () throws(ModuleError) in
      // As bytes: strings of different bytes may compare as equal.
      var names = Set<[UInt8]>(minimumCapacity: info.exports.count)
      for export in info.exports {
        let (what, count) =
          switch export.kind {
          case .function: ("function", info.functions.count)
          case .table: ("table", info.tables.count)
          case .memory: ("memory", info.memories.count)
          case .global: ("global", info.globals.count)
          case .tag: ("tag", info.tags.count)
          }
        guard Int(export.index) < count else {
          throw ModuleError(.invalid, "unknown \(what) \(export.index)")
        }
        guard names.insert(Array(export.name.utf8)).inserted else {
          throw ModuleError(.invalid, "duplicate export name \"\(export.name.prefix(64))\"")
        }
      }
    }
  }
}
