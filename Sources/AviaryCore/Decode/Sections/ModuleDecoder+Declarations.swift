/// Imports, functions, tables, memories, globals, tags and exports.
extension ModuleDecoder {
  mutating func decodeImportSection() throws(ModuleError) {
    let count = try readCount(limit: Limits.imports, "imports")
    for _ in 0..<count {
      let module = try cursor.readName()
      let name = try cursor.readName()
      let description = try readImportDescription()
      info.imports.append(Import(module: module, name: name, description: description))
    }
    info.importedFunctionCount = info.functions.count
    info.importedTableCount = info.tables.count
    info.importedMemoryCount = info.memories.count
    info.importedGlobalCount = info.globals.count
    info.importedTagCount = info.tags.count
  }

  private mutating func readImportDescription() throws(ModuleError) -> Import.Description {
    let offset = cursor.offset
    switch try cursor.readByte() {
    case 0:
      let type = try cursor.readU32()
      info.functions.append(type)
      return .function(type: type)
    case 1:
      let type = try readTableType()
      try appendTable(TableDeclaration(type: type))
      return .table(type)
    case 2:
      let type = try readMemoryType()
      try appendMemory(type)
      return .memory(type)
    case 3:
      let type = try readGlobalType()
      info.globals.append(GlobalDeclaration(type: type))
      return .global(type)
    case 4 where features.contains(.exceptions) || features.contains(.legacyExceptions):
      let type = try readTagType()
      info.tags.append(type)
      return .tag(type: type)
    default:
      throw ModuleError(.malformed, "malformed import kind", offset: offset)
    }
  }

  mutating func decodeFunctionSection() throws(ModuleError) {
    let count = try readCount(limit: Limits.functions, "functions")
    for _ in 0..<count { info.functions.append(try cursor.readU32()) }
  }

  mutating func decodeTagSection() throws(ModuleError) {
    let count = try readCount(limit: Limits.tags, "tags")
    for _ in 0..<count { info.tags.append(try readTagType()) }
  }

  private mutating func readTagType() throws(ModuleError) -> UInt32 {
    let offset = cursor.offset
    guard try cursor.readByte() == 0 else { throw ModuleError(.malformed, "zero byte expected", offset: offset) }
    return try cursor.readU32()
  }

  // MARK: Tables

  mutating func decodeTableSection() throws(ModuleError) {
    let count = try readCount(limit: Limits.tables, "tables")
    for _ in 0..<count {
      if cursor.peek == 0x40, features.contains(.functionReferences) {
        _ = try cursor.readByte()
        let offset = cursor.offset
        guard try cursor.readByte() == 0 else {
          throw ModuleError(.malformed, "zero byte expected", offset: offset)
        }
        let type = try readTableType()
        try appendTable(TableDeclaration(type: type, initial: try readConstantExpression()))
      } else {
        try appendTable(TableDeclaration(type: try readTableType()))
      }
    }
  }

  private mutating func appendTable(_ table: TableDeclaration) throws(ModuleError) {
    guard info.tables.count < Limits.tables else {
      throw ModuleError(.unsupported, "too many tables", offset: cursor.offset)
    }
    info.tables.append(table)
  }

  private mutating func readTableType() throws(ModuleError) -> TableType {
    let element: ValueType
    if cursor.peek == 0x70 {
      // The one element type that there was before reference types.
      _ = try cursor.readByte()
      element = .funcref
    } else {
      element = try cursor.readReferenceType(features)
    }
    let (flags, limits) = try readLimits(allowed: 0b101)
    return TableType(element: element, limits: limits, is64: flags & 4 != 0)
  }

  // MARK: Memories

  mutating func decodeMemorySection() throws(ModuleError) {
    let count = try readCount(limit: Limits.memories, "memories")
    for _ in 0..<count { try appendMemory(try readMemoryType()) }
  }

  private mutating func appendMemory(_ memory: MemoryType) throws(ModuleError) {
    guard info.memories.count < Limits.memories else {
      throw ModuleError(.unsupported, "too many memories", offset: cursor.offset)
    }
    info.memories.append(memory)
  }

  private mutating func readMemoryType() throws(ModuleError) -> MemoryType {
    let allowed: UInt8 =
      0b101 | (features.contains(.threads) ? 0b10 : 0) | (features.contains(.customPageSizes) ? 0b1000 : 0)
    let (flags, limits) = try readLimits(allowed: allowed)
    var memory = MemoryType(limits: limits, is64: flags & 4 != 0, isShared: flags & 2 != 0)
    if flags & 8 != 0 {
      let offset = cursor.offset
      let log2 = try cursor.readU32()
      guard log2 < 64 else { throw ModuleError(.malformed, "invalid custom page size", offset: offset) }
      memory.pageSizeLog2 = UInt8(log2)
    }
    return memory
  }

  /// Limits and their flags: 1 has a maximum, 2 shared, 4 64-bit index, 8 page size follows.
  private mutating func readLimits(allowed: UInt8) throws(ModuleError) -> (flags: UInt8, limits: SizeLimits) {
    let offset = cursor.offset
    let flags = try cursor.readByte()
    let has64 = features.contains(.memory64)
    guard flags & ~allowed == 0, flags & 4 == 0 || has64 else {
      throw ModuleError(.malformed, "malformed limits flags", offset: offset)
    }
    let minimum = has64 ? try cursor.readU64() : UInt64(try cursor.readU32())
    var maximum: UInt64?
    if flags & 1 != 0 { maximum = has64 ? try cursor.readU64() : UInt64(try cursor.readU32()) }
    return (flags, SizeLimits(minimum: minimum, maximum: maximum))
  }

  // MARK: Globals and exports

  mutating func decodeGlobalSection() throws(ModuleError) {
    let count = try readCount(limit: Limits.globals, "globals")
    for _ in 0..<count {
      let type = try readGlobalType()
      info.globals.append(GlobalDeclaration(type: type, initial: try readConstantExpression()))
    }
  }

  private mutating func readGlobalType() throws(ModuleError) -> GlobalType {
    let value = try cursor.readValueType(features)
    return GlobalType(value: value, isMutable: try readMutability())
  }

  mutating func decodeExportSection() throws(ModuleError) {
    let count = try readCount(limit: Limits.exports, "exports")
    for _ in 0..<count {
      let name = try cursor.readName()
      let offset = cursor.offset
      let hasTags = features.contains(.exceptions) || features.contains(.legacyExceptions)
      guard let kind = ExternalKind(rawValue: try cursor.readByte()), kind != .tag || hasTags else {
        throw ModuleError(.malformed, "malformed export kind", offset: offset)
      }
      info.exports.append(Export(name: name, kind: kind, index: try cursor.readU32()))
    }
  }
}
