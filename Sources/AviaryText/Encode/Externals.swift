/// Imports, exports, and the types of tables, memories, globals and tags.
extension ModuleEncoder {
  /// `(export "name")*` of the definition `index` of `space`.
  mutating func takeInlineExports(_ space: Space, _ index: UInt32) throws(TextError) {
    while reader.takeForm(.export) {
      let name = try reader.takeName()
      try reader.expectRightParen()
      appendExport(name, space, index)
    }
  }

  private mutating func appendExport(_ name: [UInt8], _ space: Space, _ index: UInt32) {
    exportSection.bytes.appendVector(name)
    exportSection.bytes.append(space.externalKind ?? 0)
    exportSection.bytes.appendUnsigned(index)
    exportSection.count += 1
  }

  mutating func encodeExport() throws(TextError) {
    let name = try reader.takeName()
    try reader.expectLeftParen()
    guard let space = Self.externalSpace(reader.token.keyword) else { throw reader.unexpected() }
    reader.advance()
    let index = try takeIndex(space)
    try reader.expectRightParen()
    appendExport(name, space, index)
  }

  /// `(import "m" "n")` inside a definition; appends everything but the type.
  mutating func takeInlineImport(_ space: Space) throws(TextError) -> Bool {
    guard reader.takeForm(.import) else { return false }
    try appendImportNames(space)
    try reader.expectRightParen()
    return true
  }

  private mutating func appendImportNames(_ space: Space) throws(TextError) {
    importSection.bytes.appendVector(try reader.takeName())
    importSection.bytes.appendVector(try reader.takeName())
    importSection.bytes.append(space.externalKind ?? 0)
    importSection.count += 1
  }

  mutating func encodeImport() throws(TextError) {
    // The names come first, but their kind is behind them.
    let start = reader.index
    let kind = reader.tokens[start + 3].keyword
    guard let space = Self.externalSpace(kind) else { throw reader.unexpected(reader.tokens[start + 3]) }
    try appendImportNames(space)
    reader.index += 2
    _ = reader.takeID()
    let index = nextDefined(space)
    switch space {
    case .function:
      importSection.bytes.appendUnsigned(try takeFunctionTypeUse())
      nameParameters(function: index)
    case .table:
      let type = try takeTableType()
      type.encode(into: &importSection.bytes)
    case .memory: try takeMemoryType().encode(into: &importSection.bytes)
    case .global: importSection.bytes += try takeGlobalType()
    default:
      importSection.bytes.append(0)
      importSection.bytes.appendUnsigned(try takeFunctionTypeUse())
    }
    try reader.expectRightParen()
  }

  /// A type use whose parameters may be named.
  mutating func takeFunctionTypeUse() throws(TextError) -> UInt32 {
    let use = try takeWrittenTypeUse(allowsNames: true)
    return try resolve(use)
  }

  /// Notes the parameters of an import that the last type use named. They bind nothing.
  mutating func nameParameters(function: UInt32) {
    for (index, token) in parameterNames {
      let id = intern(token)
      names.addLocal(function: function, local: index, id)
    }
  }

  // MARK: Types

  struct WrittenLimits {
    var is64 = false
    var isShared = false
    var minimum: UInt64 = 0
    var maximum: UInt64?
    var pageSizeLog2: UInt8?

    func encode(into bytes: inout [UInt8]) {
      var flags: UInt8 = maximum == nil ? 0 : 1
      if isShared { flags |= 2 }
      if is64 { flags |= 4 }
      if pageSizeLog2 != nil { flags |= 8 }
      bytes.append(flags)
      bytes.appendUnsigned(minimum)
      if let maximum { bytes.appendUnsigned(maximum) }
      if let pageSizeLog2 { bytes.append(pageSizeLog2) }
    }
  }

  struct WrittenTableType {
    var limits: WrittenLimits
    var element: TextValueType
    func encode(into bytes: inout [UInt8]) {
      element.encode(into: &bytes)
      limits.encode(into: &bytes)
    }
  }

  /// `i32` or `i64` before limits; true for the latter.
  mutating func takeAddressType() -> Bool {
    if reader.take(.i64) { return true }
    _ = reader.take(.i32)
    return false
  }

  private mutating func takeLimits(is64: Bool) throws(TextError) -> WrittenLimits {
    var limits = WrittenLimits(is64: is64)
    // Too large a limit for a 32-bit address type is well-formed, if invalid.
    limits.minimum = try reader.takeNatural64()
    if reader.token.kind == .nat { limits.maximum = try reader.takeNatural64() }
    return limits
  }

  mutating func takeTableType() throws(TextError) -> WrittenTableType {
    let limits = try takeLimits(is64: takeAddressType())
    return WrittenTableType(limits: limits, element: try takeReferenceType())
  }

  mutating func takeMemoryType() throws(TextError) -> WrittenLimits {
    var limits = try takeLimits(is64: takeAddressType())
    limits.isShared = reader.take(.shared)
    limits.pageSizeLog2 = try takePageSize()
    return limits
  }

  /// log2 of `(pagesize n)`, if that stands here.
  mutating func takePageSize() throws(TextError) -> UInt8? {
    guard reader.takeForm(.pagesize) else { return nil }
    let token = reader.token
    let size = try reader.takeNatural64()
    guard size.nonzeroBitCount == 1 else { throw error(.range, "invalid custom page size", at: token) }
    try reader.expectRightParen()
    return UInt8(truncatingIfNeeded: size.trailingZeroBitCount)
  }

  /// A global type, encoded.
  mutating func takeGlobalType() throws(TextError) -> [UInt8] {
    let isMutable = reader.takeForm(.mut)
    let type = try takeValueType()
    if isMutable { try reader.expectRightParen() }
    var bytes: [UInt8] = []
    type.encode(into: &bytes)
    bytes.append(isMutable ? 1 : 0)
    return bytes
  }
}
