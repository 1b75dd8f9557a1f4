/// Element and data segments.
extension ModuleEncoder {
  /// Items of an element segment.
  private enum Items {
    case functions([UInt32])
    case expressions([[UInt8]])
    var count: Int {
      switch self {
      case .functions(let items): items.count
      case .expressions(let items): items.count
      }
    }
  }

  /// `(offset instr*)` or a folded instruction, if one stands here.
  private mutating func takeOffset() throws(TextError) -> [UInt8]? {
    if reader.takeForm(.offset) {
      let expression = try takeConstantExpression()
      try reader.expectRightParen()
      return expression
    }
    guard reader.isAtLeftParen, reader.nextToken.kind == .opcode else { return nil }
    return try takeFoldedConstantExpression()
  }

  private mutating func takeFunctionIndices() throws(TextError) -> Items {
    var items: [UInt32] = []
    while reader.isAtIndex { items.append(try takeIndex(.function)) }
    return .functions(items)
  }

  private mutating func takeItemExpressions() throws(TextError) -> Items {
    var items: [[UInt8]] = []
    while reader.isAtLeftParen {
      if reader.takeForm(.item) {
        items.append(try takeConstantExpression())
        try reader.expectRightParen()
      } else {
        items.append(try takeFoldedConstantExpression())
      }
    }
    return .expressions(items)
  }

  /// The element list of `(table reftype (elem …))`; returns the number of elements.
  mutating func encodeInlineElements(
    table: UInt32, is64: Bool, element: TextValueType
  ) throws(TextError) -> UInt64 {
    _ = nextDefined(.element)
    var items = reader.isAtLeftParen ? try takeItemExpressions() : try takeFunctionIndices()
    try reader.expectRightParen()
    var type = element
    if case .functions(let functions) = items {
      if element == .nullableFunction {
        type = .functionReference
      } else {
        // A list of indices has type (ref func), which such a table need not take.
        items = .expressions(
          functions.map { function in
            var expression: [UInt8] = [0xD2]
            expression.appendUnsigned(function)
            return expression + [0x0B]
          })
      }
    }
    appendActive(table, [is64 ? 0x42 : 0x41, 0x00, 0x0B], type, items)
    return UInt64(items.count)
  }

  mutating func encodeElementSegment() throws(TextError) {
    _ = reader.takeID()
    _ = nextDefined(.element)
    if reader.take(.declare) {
      let (type, items) = try takeElementList()
      appendPassive(type, items, flag: 3)
      return
    }
    var table: UInt32 = 0
    var hasTableUse = false
    if reader.takeForm(.table) {
      table = try takeIndex(.table)
      try reader.expectRightParen()
      hasTableUse = true
    } else if reader.isAtIndex {
      // The first version's way to name the table.
      table = try takeIndex(.table)
    }
    guard let offset = try takeOffset() else {
      if hasTableUse { throw reader.unexpected() }
      let (type, items) = try takeElementList()
      appendPassive(type, items, flag: 1)
      return
    }
    if !hasTableUse, reader.isAtIndex || reader.isAtRightParen {
      let items = try takeFunctionIndices()
      appendActive(table, offset, .functionReference, items)
    } else {
      let (type, items) = try takeElementList()
      appendActive(table, offset, type, items)
    }
  }

  /// `func x*` or `reftype item*`.
  private mutating func takeElementList() throws(TextError) -> (TextValueType, Items) {
    if reader.take(.func) { return (.functionReference, try takeFunctionIndices()) }
    let type = try takeReferenceType()
    return (type, try takeItemExpressions())
  }

  private mutating func appendItems(_ items: Items) {
    elementSection.bytes.appendCount(items.count)
    switch items {
    case .functions(let functions):
      for function in functions { elementSection.bytes.appendUnsigned(function) }
    case .expressions(let expressions):
      for expression in expressions { elementSection.bytes += expression }
    }
  }

  private mutating func appendPassive(_ type: TextValueType, _ items: Items, flag: UInt8) {
    elementSection.count += 1
    if case .functions = items {
      elementSection.bytes += [flag, 0x00]
    } else {
      elementSection.bytes.append(flag | 4)
      type.encode(into: &elementSection.bytes)
    }
    appendItems(items)
  }

  private mutating func appendActive(
    _ table: UInt32, _ offset: [UInt8], _ type: TextValueType, _ items: Items
  ) {
    elementSection.count += 1
    var usesFunctions = false
    if case .functions = items { usesFunctions = true }
    // The short form has no place for a table or a type.
    let isShort = table == 0 && (usesFunctions || type == .nullableFunction)
    elementSection.bytes.append((isShort ? 0 : 2) | (usesFunctions ? 0 : 4))
    if !isShort { elementSection.bytes.appendUnsigned(table) }
    elementSection.bytes += offset
    if !isShort {
      if usesFunctions {
        elementSection.bytes.append(0x00)
      } else {
        type.encode(into: &elementSection.bytes)
      }
    }
    appendItems(items)
  }

  // MARK: Data

  mutating func encodeDataSegment() throws(TextError) {
    _ = reader.takeID()
    _ = nextDefined(.data)
    var memory: UInt32 = 0
    var hasMemoryUse = false
    if reader.takeForm(.memory) {
      memory = try takeIndex(.memory)
      try reader.expectRightParen()
      hasMemoryUse = true
    } else if reader.isAtIndex {
      // The first version's way to name the memory.
      memory = try takeIndex(.memory)
      hasMemoryUse = true
    }
    let offset = try takeOffset()
    var bytes: [UInt8] = []
    while !reader.isAtRightParen { try reader.takeString(into: &bytes) }
    if let offset {
      appendActiveData(memory: memory, offset: offset, bytes)
    } else {
      if hasMemoryUse { throw reader.unexpected() }
      dataSection.bytes.append(1)
      dataSection.bytes.appendVector(bytes)
      dataSection.count += 1
    }
  }

  mutating func appendActiveData(memory: UInt32, offset: [UInt8], _ bytes: [UInt8]) {
    if memory == 0 {
      dataSection.bytes.append(0)
    } else {
      dataSection.bytes.append(2)
      dataSection.bytes.appendUnsigned(memory)
    }
    dataSection.bytes += offset
    dataSection.bytes.appendVector(bytes)
    dataSection.count += 1
  }
}
