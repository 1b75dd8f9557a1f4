internal import AviaryCore

/// A block or a folded instruction that is not closed yet.
struct InstructionFrame {
  enum Kind {
    // Plain: closed by a word.
    case block, `if`, `else`, `try`, `catch`, catchAll
    // Folded: closed by a parenthesis.
    /// `(op …operands`: its encoding waits in `pending`.
    case foldedPlain
    /// `(block …`, `(loop …`, `(try_table …`.
    case foldedBlock
    /// `(if …` with its operands: the `if` waits in `pending`.
    case foldedIf
    /// Between `(then …)` and the end of the `if`.
    case foldedIfAfterThen
    case foldedIfAfterElse
    case foldedThen, foldedElse
    /// `(try …` before its `(do …)`.
    case foldedTry
    case foldedTryAfterDo, foldedTryAfterCatch, foldedTryAfterCatchAll, foldedTryAfterDelegate
    case foldedDo, foldedCatch, foldedCatchAll

    /// Whether only parts of a block (`(else …)`, `(catch …)`) may follow, and no instruction.
    var holdsOnlyParts: Bool {
      switch self {
      case .foldedIfAfterThen, .foldedIfAfterElse, .foldedTry, .foldedTryAfterDo, .foldedTryAfterCatch,
        .foldedTryAfterCatchAll, .foldedTryAfterDelegate:
        true
      default: false
      }
    }
    /// Whether a plain instruction may follow.
    var holdsPlainInstructions: Bool { !holdsOnlyParts && self != .foldedPlain && self != .foldedIf }
  }
  var kind: Kind
  /// Where its bytes begin in `pending`.
  var pendingStart: Int
  /// The label that a folded `if` binds once its operands are through.
  var labelID: UInt32?

  init(_ kind: Kind, pendingStart: Int = 0, labelID: UInt32? = nil) {
    self.kind = kind
    self.pendingStart = pendingStart
    self.labelID = labelID
  }
}

extension ModuleEncoder {
  /// Instructions up to the parenthesis that closes the surrounding form.
  mutating func encodeInstructions() throws(TextError) {
    while !(reader.isAtRightParen && frames.isEmpty) { try encodeNext() }
  }

  /// Exactly one folded instruction.
  mutating func encodeFoldedInstruction() throws(TextError) {
    repeat { try encodeNext() } while !frames.isEmpty
  }

  /// One token's worth: an instruction with its immediates, or an opening or closing parenthesis.
  private mutating func encodeNext() throws(TextError) {
    let token = reader.token
    switch token.kind {
    case .opcode:
      if let frame = frames.last, !frame.kind.holdsPlainInstructions { throw reader.unexpected() }
      reader.advance()
      guard let opcode = token.opcode else { throw reader.unexpected(token) }
      if try !encodePlainControl(opcode, token) { try encodeSimple(opcode, token) }
    case .leftParen:
      try openFolded()
    case .rightParen:
      reader.advance()
      try closeFolded(token)
    default:
      throw reader.unexpected()
    }
  }

  private mutating func openFolded() throws(TextError) {
    let token = reader.nextToken
    if let frame = frames.last, frame.kind.holdsOnlyParts {
      reader.index += 2
      if try !encodeFoldedPart(token) { throw reader.unexpected(token) }
      return
    }
    guard let opcode = token.opcode else {
      reader.index += 2
      if try encodeFoldedPart(token) { return }
      throw reader.unexpected(token)
    }
    reader.index += 2
    if try encodeFoldedControl(opcode, token) { return }
    let start = code.count
    try encodeSimple(opcode, token)
    if reader.isAtRightParen {
      // A leaf: its encoding stays where it is.
      reader.advance()
    } else if reader.isAtLeftParen {
      frames.append(InstructionFrame(.foldedPlain, pendingStart: pending.count))
      annotations.deferBranch(at: start, depth: frames.count)
      pending += code[start...]
      code.removeSubrange(start...)
    } else {
      throw reader.unexpected()
    }
  }

  /// Moves the bytes of a folded instruction behind its operands.
  mutating func flushPending(from start: Int) {
    code += pending[start...]
    pending.removeSubrange(start...)
  }

  // MARK: Instructions that are not control

  /// Encodes an instruction and its immediates.
  private mutating func encodeSimple(_ opcode: Opcode, _ token: Token) throws(TextError) {
    let row = opcode.row
    switch row.immediates {
    case .block, .tryTable: throw reader.unexpected(token)
    case .none:
      if opcode == .else || opcode == .end || opcode == .catchAll { throw reader.unexpected(token) }
      if opcode == .select { try encodeSelect() } else { encodeCode(row) }
    case .selectTypes, .heap: try encodeReferenceOperator(opcode, row)
    case .i32:
      encodeCode(row)
      code.appendSigned(Int64(Int32(truncatingIfNeeded: try reader.takeInteger(bits: 32))))
    case .i64:
      encodeCode(row)
      code.appendSigned(Int64(truncatingIfNeeded: try reader.takeInteger(bits: 64)))
    case .f32:
      encodeCode(row)
      code.appendLittleEndian(UInt64(try reader.takeF32()), bytes: 4)
    case .f64:
      encodeCode(row)
      code.appendLittleEndian(try reader.takeF64(), bytes: 8)
    case .v128:
      encodeCode(row)
      code += try takeVectorConstant()
    case .local:
      encodeCode(row)
      code.appendUnsigned(try takeLocal())
    case .label:
      if opcode == .delegate { throw reader.unexpected(token) }
      if opcode == .brIf { annotations.noteBranch(at: reader.index - 1, codeOffset: code.count) }
      encodeCode(row)
      code.appendUnsigned(try takeLabel())
    case .brTable: try encodeBranchTable(row)
    case .memarg, .memargLane: try encodeMemoryAccess(row)
    case .lane:
      encodeCode(row)
      code.append(try reader.takeLane())
    case .shuffle: try encodeShuffle(row, token)
    case .fence:
      encodeCode(row)
      code.append(0x00)
    case .brOnCast: try encodeBranchOnCast(row)
    default: try encodeIndexed(opcode, row)
    }
  }

  mutating func encodeCode(_ row: OpcodeRow) {
    if row.prefix == 0 {
      code.append(UInt8(truncatingIfNeeded: row.code))
    } else {
      code.append(row.prefix)
      code.appendUnsigned(UInt32(row.code))
    }
  }

  /// Instructions with indices and nothing else.
  private mutating func encodeIndexed(_ opcode: Opcode, _ row: OpcodeRow) throws(TextError) {
    encodeCode(row)
    switch row.immediates {
    case .func: code.appendUnsigned(try takeIndex(.function))
    case .global: code.appendUnsigned(try takeIndex(.global))
    case .tag:
      if opcode == .catch { throw reader.unexpected(reader.tokens[reader.index - 1]) }
      code.appendUnsigned(try takeIndex(.tag))
    case .table: code.appendUnsigned(try takeOptionalIndex(.table))
    case .memory: code.appendUnsigned(try takeOptionalIndex(.memory))
    case .type: code.appendUnsigned(try takeIndex(.type))
    case .elem: code.appendUnsigned(try takeIndex(.element))
    case .data:
      usesDataIndices = true
      code.appendUnsigned(try takeIndex(.data))
    case .typeField:
      let type = try takeIndex(.type)
      code.appendUnsigned(type)
      code.appendUnsigned(try takeFieldIndex(of: type))
    case .typeCount:
      code.appendUnsigned(try takeIndex(.type))
      code.appendUnsigned(try reader.takeNatural32())
    case .typeType:
      code.appendUnsigned(try takeIndex(.type))
      code.appendUnsigned(try takeIndex(.type))
    case .typeData:
      usesDataIndices = true
      code.appendUnsigned(try takeIndex(.type))
      code.appendUnsigned(try takeIndex(.data))
    case .typeElem:
      code.appendUnsigned(try takeIndex(.type))
      code.appendUnsigned(try takeIndex(.element))
    case .typeTable:
      let table = try takeOptionalIndex(.table)
      code.appendUnsigned(try takeTypeUse())
      code.appendUnsigned(table)
    case .dataMemory:
      usesDataIndices = true
      try encodeSegmentTransfer(segment: .data, target: .memory)
    case .elemTable: try encodeSegmentTransfer(segment: .element, target: .table)
    case .memoryMemory: try encodePair(.memory)
    case .tableTable: try encodePair(.table)
    default: throw reader.unexpected(reader.tokens[reader.index - 1])
    }
  }

  /// `target? segment`, encoded the other way round.
  private mutating func encodeSegmentTransfer(segment: Space, target: Space) throws(TextError) {
    let next = reader.nextToken.kind
    var index: UInt32 = 0
    if next == .nat || next == .id || next == .quotedID { index = try takeIndex(target) }
    code.appendUnsigned(try takeIndex(segment))
    code.appendUnsigned(index)
  }

  /// Two indices or none.
  private mutating func encodePair(_ space: Space) throws(TextError) {
    guard reader.isAtIndex else {
      code += [0, 0]
      return
    }
    code.appendUnsigned(try takeIndex(space))
    code.appendUnsigned(try takeIndex(space))
  }

  private mutating func encodeBranchTable(_ row: OpcodeRow) throws(TextError) {
    encodeCode(row)
    var targets: [UInt32] = [try takeLabel()]
    while reader.isAtIndex { targets.append(try takeLabel()) }
    code.appendCount(targets.count - 1)
    for target in targets { code.appendUnsigned(target) }
  }
}
