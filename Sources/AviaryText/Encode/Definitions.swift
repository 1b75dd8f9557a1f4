/// Functions, tables, memories, globals and tags.
extension ModuleEncoder {
  mutating func encodeFunction() throws(TextError) {
    _ = reader.takeID()
    let index = nextDefined(.function)
    try takeInlineExports(.function, index)
    if try takeInlineImport(.function) {
      importSection.bytes.appendUnsigned(try takeFunctionTypeUse())
      nameParameters(function: index)
      return
    }
    let type = try takeFunctionTypeUse()
    functionSection.bytes.appendUnsigned(type)
    functionSection.count += 1
    try beginBody(function: index, type: type)
    try encodeLocals(function: index)
    try encodeInstructions()
    code.append(0x0B)
    codeSection.bytes.appendVector(code)
    codeSection.count += 1
  }

  private mutating func beginBody(function: UInt32, type: UInt32) throws(TextError) {
    locals.begin()
    labels.begin()
    code.removeAll(keepingCapacity: true)
    localTypes.removeAll(keepingCapacity: true)
    names.beginFunction(function)
    annotations.beginFunction(function)
    for (index, token) in parameterNames {
      locals.count = index
      let id = try bindLocal(token)
      names.addLocal(function: function, local: index, id)
    }
    let count = Int(type) < signatures.count ? signatures[Int(type)]?.parameters.count ?? 0 : 0
    locals.count = UInt32(truncatingIfNeeded: count)
  }

  /// `(local …)*`: equal neighbours share an entry.
  private mutating func encodeLocals(function: UInt32) throws(TextError) {
    while reader.takeForm(.local) {
      if reader.isAtID {
        let local = locals.count
        let id = try bindLocal(reader.token)
        names.addLocal(function: function, local: local, id)
        reader.advance()
        localTypes.append(try takeValueType())
      } else {
        while !reader.isAtRightParen {
          localTypes.append(try takeValueType())
          locals.count &+= 1
        }
      }
      try reader.expectRightParen()
    }
    var groups: [(count: Int, type: TextValueType)] = []
    for type in localTypes {
      if let last = groups.last, last.type == type {
        groups[groups.count - 1].count += 1
      } else {
        groups.append((1, type))
      }
    }
    code.appendCount(groups.count)
    for group in groups {
      code.appendCount(group.count)
      group.type.encode(into: &code)
    }
  }

  mutating func encodeTable() throws(TextError) {
    _ = reader.takeID()
    let index = nextDefined(.table)
    try takeInlineExports(.table, index)
    if try takeInlineImport(.table) {
      try takeTableType().encode(into: &importSection.bytes)
      return
    }
    tableSection.count += 1
    let start = reader.index
    let is64 = takeAddressType()
    if isAtValueType {
      let element = try takeReferenceType()
      guard reader.takeForm(.elem) else { throw reader.unexpected() }
      let count = try encodeInlineElements(table: index, is64: is64, element: element)
      let limits = WrittenLimits(is64: is64, minimum: count, maximum: count)
      WrittenTableType(limits: limits, element: element).encode(into: &tableSection.bytes)
      return
    }
    reader.index = start
    let type = try takeTableType()
    if reader.isAtRightParen {
      type.encode(into: &tableSection.bytes)
    } else {
      tableSection.bytes += [0x40, 0x00]
      type.encode(into: &tableSection.bytes)
      tableSection.bytes += try takeConstantExpression()
    }
  }

  mutating func encodeMemory() throws(TextError) {
    _ = reader.takeID()
    let index = nextDefined(.memory)
    try takeInlineExports(.memory, index)
    if try takeInlineImport(.memory) {
      try takeMemoryType().encode(into: &importSection.bytes)
      return
    }
    memorySection.count += 1
    let start = reader.index
    let is64 = takeAddressType()
    let pageSize = try takePageSize()
    guard reader.takeForm(.data) else {
      reader.index = start
      try takeMemoryType().encode(into: &memorySection.bytes)
      return
    }
    var bytes: [UInt8] = []
    while !reader.isAtRightParen { try reader.takeString(into: &bytes) }
    try reader.expectRightParen()
    _ = nextDefined(.data)
    appendActiveData(memory: index, offset: [is64 ? 0x42 : 0x41, 0x00, 0x0B], bytes)
    let log2 = UInt64(pageSize ?? 16)
    let pages = (UInt64(bytes.count) + (1 << log2) - 1) >> log2
    WrittenLimits(is64: is64, minimum: pages, maximum: pages, pageSizeLog2: pageSize)
      .encode(into: &memorySection.bytes)
  }

  mutating func encodeGlobal() throws(TextError) {
    _ = reader.takeID()
    let index = nextDefined(.global)
    try takeInlineExports(.global, index)
    if try takeInlineImport(.global) {
      importSection.bytes += try takeGlobalType()
      return
    }
    globalSection.bytes += try takeGlobalType()
    globalSection.bytes += try takeConstantExpression()
    globalSection.count += 1
  }

  mutating func encodeTag() throws(TextError) {
    _ = reader.takeID()
    let index = nextDefined(.tag)
    try takeInlineExports(.tag, index)
    if try takeInlineImport(.tag) {
      importSection.bytes.append(0)
      importSection.bytes.appendUnsigned(try takeFunctionTypeUse())
      return
    }
    tagSection.bytes.append(0)
    tagSection.bytes.appendUnsigned(try takeFunctionTypeUse())
    tagSection.count += 1
  }

  // MARK: Constant expressions

  private mutating func beginConstantExpression() {
    locals.begin()
    labels.begin()
    names.beginConstantExpression()
    annotations.beginConstantExpression()
    code.removeAll(keepingCapacity: true)
  }

  /// Instructions up to the end of the form, with their `end`.
  mutating func takeConstantExpression() throws(TextError) -> [UInt8] {
    beginConstantExpression()
    try encodeInstructions()
    code.append(0x0B)
    return code
  }

  /// One folded instruction as a constant expression, with its `end`.
  mutating func takeFoldedConstantExpression() throws(TextError) -> [UInt8] {
    beginConstantExpression()
    try encodeFoldedInstruction()
    code.append(0x0B)
    return code
  }
}
