/// Operators behind the prefixes 0xFB (aggregates), 0xFC (conversions, bulk memory, tables, wide
/// arithmetic), 0xFD (vectors) and 0xFE (atomics).
extension OperatorReader {
  /// The operator of `code` in one of the generated tables; nil where it is illegal.
  @usableFromInline
  static func lookUp(_ code: UInt32, in table: [UInt16]) -> Opcode? {
    guard code < UInt32(table.count) else { return nil }
    let number = table[Int(code)]
    return number == 0xFFFF ? nil : Opcode(rawValue: number)
  }

  @inlinable @inline(never)
  mutating func readAggregate<S: OperatorSink & ~Copyable>(_ sink: inout S) throws(ModuleError) {
    let code = try cursor.readU32()
    guard let op = Self.lookUp(code, in: OpcodeTable.fbCodes) else { throw illegal(0xFB, code) }
    guard features.contains(.garbageCollection) else { throw switchedOff(0xFB, code) }
    switch op {
    case .refTest, .refCast:
      try sink.visitRefTest(op, .reference(cursor.readHeapType(features), nullable: false))
    case .refTestNull, .refCastNull:
      try sink.visitRefTest(op, .reference(cursor.readHeapType(features), nullable: true))
    case .brOnCast, .brOnCastFail:
      let flags = try cursor.readByte()
      guard flags < 4 else { throw ModuleError(.malformed, "malformed br_on_cast flags") }
      let depth = try cursor.readU32()
      let from = try cursor.readHeapType(features)
      let to = try cursor.readHeapType(features)
      try sink.visitBrOnCast(
        op, depth: depth, from: .reference(from, nullable: flags & 1 != 0),
        to: .reference(to, nullable: flags & 2 != 0))
    case .arrayLen, .anyConvertExtern, .externConvertAny, .refI31, .i31GetS, .i31GetU:
      try sink.visitAggregate(op, 0, 0)
    case .structNew, .structNewDefault, .arrayNew, .arrayNewDefault, .arrayGet, .arrayGetS, .arrayGetU, .arraySet,
      .arrayFill:
      try sink.visitAggregate(op, cursor.readU32(), 0)
    default:
      let type = try cursor.readU32()
      try sink.visitAggregate(op, type, cursor.readU32())
    }
  }

  @inlinable @inline(never)
  mutating func readMiscellaneous<S: OperatorSink & ~Copyable>(_ sink: inout S) throws(ModuleError) {
    let code = try cursor.readU32()
    guard let op = Self.lookUp(code, in: OpcodeTable.fcCodes) else { throw illegal(0xFC, code) }
    let feature: Features =
      code < 8 ? .saturatingConversions : code < 15 ? .bulkMemory : code < 18 ? .referenceTypes : .wideArithmetic
    guard features.contains(feature) else { throw switchedOff(0xFC, code) }
    switch op {
    case .memoryInit:
      let segment = try cursor.readU32()
      try sink.visitMemoryInit(segment: segment, memory: readMemoryIndex())
    case .dataDrop: try sink.visitDataDrop(cursor.readU32())
    case .memoryCopy:
      let destination = try readMemoryIndex()
      try sink.visitMemoryCopy(destination: destination, source: readMemoryIndex())
    case .memoryFill: try sink.visitMemoryFill(readMemoryIndex())
    case .tableInit:
      let segment = try cursor.readU32()
      try sink.visitTableInit(segment: segment, table: cursor.readU32())
    case .elemDrop: try sink.visitElemDrop(cursor.readU32())
    case .tableCopy:
      let destination = try cursor.readU32()
      try sink.visitTableCopy(destination: destination, source: cursor.readU32())
    case .tableGrow: try sink.visitTableGrow(cursor.readU32())
    case .tableSize: try sink.visitTableSize(cursor.readU32())
    case .tableFill: try sink.visitTableFill(cursor.readU32())
    default: try sink.visitNumeric(op)
    }
  }

  @inlinable @inline(never)
  mutating func readVector<S: OperatorSink & ~Copyable>(_ sink: inout S) throws(ModuleError) {
    let code = try cursor.readU32()
    guard let op = Self.lookUp(code, in: OpcodeTable.fdCodes) else { throw illegal(0xFD, code) }
    guard features.contains(code < 0x100 ? .simd : .relaxedSIMD) else { throw switchedOff(0xFD, code) }
    switch code {
    case 0x00...0x0B, 0x5C, 0x5D:
      try sink.visitMemoryAccess(op, cursor.readMemArg(features))
    case 0x0C:
      let low = try cursor.readFixed64()
      try sink.visitV128Const(low: low, high: cursor.readFixed64())
    case 0x0D:
      let low = try cursor.readFixed64()
      try sink.visitShuffle(low: low, high: cursor.readFixed64())
    case 0x15...0x22:
      try sink.visitLane(op, lane: cursor.readByte())
    case 0x54...0x5B:
      let memarg = try cursor.readMemArg(features)
      try sink.visitLaneAccess(op, memarg, lane: cursor.readByte())
    default:
      try sink.visitNumeric(op)
    }
  }

  @inlinable @inline(never)
  mutating func readAtomic<S: OperatorSink & ~Copyable>(_ sink: inout S) throws(ModuleError) {
    let code = try cursor.readU32()
    guard let op = Self.lookUp(code, in: OpcodeTable.feCodes) else { throw illegal(0xFE, code) }
    guard features.contains(.threads) else { throw switchedOff(0xFE, code) }
    if op == .atomicFence {
      try readZeroByte()
      try sink.visitAtomicFence()
    } else {
      try sink.visitMemoryAccess(op, cursor.readMemArg(features))
    }
  }
}
