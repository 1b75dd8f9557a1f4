/// Element segments, data segments, and the code section's cut into bodies.
extension ModuleDecoder {
  mutating func decodeElementSection() throws(ModuleError) {
    let count = try readCount(limit: Limits.elementSegments, "element segments")
    for _ in 0..<count { info.elements.append(try readElementSegment()) }
  }

  /// Flags: bit 0 is not active, bit 1 has an index (or, if not active, is declarative),
  /// bit 2 holds expressions.
  private mutating func readElementSegment() throws(ModuleError) -> ElementSegment {
    let offset = cursor.offset
    let flags = try cursor.readU32()
    guard flags < 8, flags == 0 || features.contains(.bulkMemory) else {
      throw ModuleError(.malformed, "malformed elements segment kind", offset: offset)
    }
    let mode: SegmentMode
    if flags & 1 != 0 {
      mode = flags & 2 != 0 ? .declarative : .passive
    } else {
      let table = flags & 2 != 0 ? try cursor.readU32() : 0
      mode = .active(index: table, offset: try readConstantExpression())
    }
    let holdsExpressions = flags & 4 != 0
    // Plain indices are never null.
    var type = ValueType.reference(.func, nullable: holdsExpressions)
    if flags & 3 != 0 {
      if holdsExpressions {
        type = try cursor.readReferenceType(features)
      } else {
        let offset = cursor.offset
        guard try cursor.readByte() == 0 else {
          throw ModuleError(.malformed, "malformed element kind", offset: offset)
        }
      }
    }
    let items = holdsExpressions ? try readElementExpressions() : try readElementFunctions()
    return ElementSegment(type: type, items: items, mode: mode)
  }

  private mutating func readItemCount() throws(ModuleError) -> Int {
    let offset = cursor.offset
    let count = try readCount(limit: Limits.elementItems, "elements")
    elementItems += count
    guard elementItems <= Limits.elementItems else {
      throw ModuleError(.unsupported, "too many elements", offset: offset)
    }
    return count
  }

  private mutating func readElementFunctions() throws(ModuleError) -> ElementSegment.Items {
    let count = try readItemCount()
    var functions: [UInt32] = []
    for _ in 0..<count { functions.append(try cursor.readU32()) }
    return .functions(functions)
  }

  private mutating func readElementExpressions() throws(ModuleError) -> ElementSegment.Items {
    let count = try readItemCount()
    var expressions: [ConstantExpression] = []
    for _ in 0..<count { expressions.append(try readConstantExpression()) }
    return .expressions(expressions)
  }

  mutating func decodeDataSection() throws(ModuleError) {
    let count = try readCount(limit: Limits.dataSegments, "data segments")
    for _ in 0..<count {
      let offset = cursor.offset
      let flags = try cursor.readU32()
      guard flags < 3, flags == 0 || features.contains(.bulkMemory) else {
        throw ModuleError(.malformed, "malformed data segment kind", offset: offset)
      }
      var mode = SegmentMode.passive
      if flags != 1 {
        let memory = flags == 2 ? try cursor.readU32() : 0
        mode = .active(index: memory, offset: try readConstantExpression())
      }
      let length = try cursor.readLength()
      let start = cursor.offset
      try cursor.skip(length)
      info.data.append(DataSegment(range: start..<cursor.offset, mode: mode))
    }
  }

  mutating func decodeCodeSection() throws(ModuleError) {
    let count = try readCount(limit: Limits.functions, "functions")
    for _ in 0..<count {
      let offset = cursor.offset
      let size = try cursor.readLength()
      guard size <= Limits.functionSize else {
        throw ModuleError(.unsupported, "function body is larger than \(Limits.functionSize) bytes", offset: offset)
      }
      let start = cursor.offset
      try cursor.skip(size)
      info.bodies.append(start..<cursor.offset)
    }
  }
}
