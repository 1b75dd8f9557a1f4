internal import AviaryCore

/// Immediates of memory accesses, vectors and references.
extension ModuleEncoder {
  mutating func encodeMemoryAccess(_ row: OpcodeRow) throws(TextError) {
    encodeCode(row)
    let hasLane = row.immediates == .memargLane
    var memory: UInt32 = 0
    if reader.isAtID {
      memory = try takeIndex(.memory)
    } else if reader.token.kind == .nat {
      // A lone number before a lane's place is the lane.
      let next = reader.nextToken.kind
      if !hasLane || next == .nat || next == .offsetEquals || next == .alignEquals {
        memory = try takeIndex(.memory)
      }
    }
    var offset: UInt64 = 0
    if reader.token.kind == .offsetEquals { offset = try takeAttribute(prefix: 7) }
    var align = UInt64(row.width)
    if reader.token.kind == .alignEquals {
      let token = reader.token
      align = try takeAttribute(prefix: 6)
      if align.nonzeroBitCount != 1 {
        throw error(.range, "alignment must be a power of two", at: token)
      }
    }
    let log2 = UInt32(align.trailingZeroBitCount)
    if memory == 0 {
      code.appendUnsigned(log2)
    } else {
      code.appendUnsigned(log2 | 0x40)
      code.appendUnsigned(memory)
    }
    code.appendUnsigned(offset)
    if hasLane { code.append(try reader.takeLane()) }
  }

  /// The number behind `offset=` or `align=`.
  private mutating func takeAttribute(prefix: Int) throws(TextError) -> UInt64 {
    let token = reader.token
    let range = token.range.lowerBound + prefix..<token.range.upperBound
    guard let value = IntegerLiteral(reader.source, range).natural(bits: 64) else {
      throw error(.range, "i64 constant out of range", at: token)
    }
    reader.advance()
    return value
  }

  // MARK: Vectors

  mutating func encodeShuffle(_ row: OpcodeRow, _ token: Token) throws(TextError) {
    encodeCode(row)
    var lanes: [UInt8] = []
    while reader.isAtNumber {
      let token = reader.token
      guard token.kind == .nat, let lane = IntegerLiteral(reader.source, token.range).natural(bits: 8) else {
        throw error(.range, "i8 constant out of range", at: token)
      }
      reader.advance()
      lanes.append(UInt8(truncatingIfNeeded: lane))
    }
    if lanes.count != 16 { throw error(.syntax, "invalid lane length", at: token) }
    code += lanes
  }

  mutating func takeVectorConstant() throws(TextError) -> [UInt8] {
    let shape = reader.token
    let lanes: Int
    switch shape.keyword {
    case .i8x16: lanes = 16
    case .i16x8: lanes = 8
    case .i32x4, .f32x4: lanes = 4
    case .i64x2, .f64x2: lanes = 2
    default: throw reader.unexpected()
    }
    reader.advance()
    var written = 0
    while reader.tokens[reader.index + written].isNumber { written += 1 }
    let next = reader.tokens[reader.index + written]
    if next.kind == .reserved { throw reader.unexpected(next) }
    if written != lanes { throw error(.syntax, "wrong number of lane literals", at: shape) }
    var bytes: [UInt8] = []
    for _ in 0..<lanes {
      switch shape.keyword {
      case .f32x4: bytes.appendLittleEndian(UInt64(try reader.takeF32()), bytes: 4)
      case .f64x2: bytes.appendLittleEndian(try reader.takeF64(), bytes: 8)
      default:
        let width = 16 / lanes
        bytes.appendLittleEndian(try reader.takeInteger(bits: UInt64(width * 8)), bytes: width)
      }
    }
    return bytes
  }

  // MARK: References

  mutating func encodeReferenceOperator(_ opcode: Opcode, _ row: OpcodeRow) throws(TextError) {
    switch opcode {
    case .refTest, .refCast:
      let type = try takeReferenceType()
      let isNullable = type.form == .nullableReference
      let actual: Opcode =
        opcode == .refTest ? (isNullable ? .refTestNull : .refTest) : (isNullable ? .refCastNull : .refCast)
      encodeCode(actual.row)
      code.appendSigned(type.heap)
    default:
      encodeCode(row)
      code.appendSigned(try takeHeapType())
    }
  }

  /// `select` with or without result types.
  mutating func encodeSelect() throws(TextError) {
    guard reader.isAtForm(.result) else {
      encodeCode(Opcode.select.row)
      return
    }
    var types: [TextValueType] = []
    while reader.takeForm(.result) {
      while !reader.isAtRightParen { types.append(try takeValueType()) }
      try reader.expectRightParen()
    }
    encodeCode(Opcode.selectTyped.row)
    code.appendCount(types.count)
    for type in types { type.encode(into: &code) }
  }

  mutating func encodeBranchOnCast(_ row: OpcodeRow) throws(TextError) {
    encodeCode(row)
    let label = try takeLabel()
    let source = try takeReferenceType()
    let target = try takeReferenceType()
    var flags: UInt8 = source.form == .nullableReference ? 1 : 0
    if target.form == .nullableReference { flags |= 2 }
    code.append(flags)
    code.appendUnsigned(label)
    code.appendSigned(source.heap)
    code.appendSigned(target.heap)
  }
}
