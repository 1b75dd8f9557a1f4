internal import AviaryCore

/// Blocks, plain and folded.
extension ModuleEncoder {
  // MARK: Plain

  /// Encodes a plain instruction of structured control; false when it is none.
  mutating func encodePlainControl(_ opcode: Opcode, _ token: Token) throws(TextError) -> Bool {
    switch opcode {
    case .block, .loop: try openPlain(opcode, .block)
    case .if: try openPlain(opcode, .if)
    case .tryTable:
      let label = takeLabelID()
      try encodeTryTable(label)
      frames.append(InstructionFrame(.block))
    case .try: try openPlain(opcode, .try)
    case .else:
      guard frames.last?.kind == .if else { throw reader.unexpected(token) }
      try checkMatchingLabel()
      frames[frames.count - 1].kind = .else
      code.append(0x05)
    case .catch, .catchAll:
      guard let kind = frames.last?.kind, kind == .try || kind == .catch else { throw reader.unexpected(token) }
      frames[frames.count - 1].kind = opcode == .catch ? .catch : .catchAll
      try encodeLegacyClause(opcode)
    case .delegate:
      guard frames.last?.kind == .try else { throw reader.unexpected(token) }
      frames.removeLast()
      labels.pop()
      encodeCode(opcode.row)
      code.appendUnsigned(try takeLabel())
    case .end:
      switch frames.last?.kind {
      case .block, .if, .else, .try, .catch, .catchAll: break
      default: throw reader.unexpected(token)
      }
      try checkMatchingLabel()
      closeBlock()
    default: return false
    }
    return true
  }

  private mutating func openPlain(_ opcode: Opcode, _ kind: InstructionFrame.Kind) throws(TextError) {
    let position = reader.index - 1
    let label = takeLabelID()
    if opcode == .if { annotations.noteBranch(at: position, codeOffset: code.count) }
    encodeCode(opcode.row)
    try encodeBlockType()
    frames.append(InstructionFrame(kind))
    pushLabel(label)
  }

  private mutating func takeLabelID() -> UInt32? {
    guard let token = reader.takeID() else { return nil }
    return intern(token)
  }

  private mutating func pushLabel(_ id: UInt32?) {
    labels.push(id)
    names.addLabel(id)
  }

  /// The identifier that may repeat a block's label behind `else` and `end`.
  private mutating func checkMatchingLabel() throws(TextError) {
    guard let token = reader.takeID() else { return }
    if intern(token) != labels.innermostID { throw error(.syntax, "mismatching label", at: token) }
  }

  private mutating func closeBlock() {
    frames.removeLast()
    labels.pop()
    code.append(0x0B)
  }

  /// Block type, clauses and label of a `try_table`.
  private mutating func encodeTryTable(_ label: UInt32?) throws(TextError) {
    encodeCode(Opcode.tryTable.row)
    try encodeBlockType()
    var clauses: [UInt8] = []
    var count = 0
    // Clauses name labels outside of the block.
    while reader.isAtLeftParen {
      let word = reader.nextToken
      let kind: UInt8
      if word.opcode == .catch {
        kind = 0
      } else if word.keyword == .catchRef {
        kind = 1
      } else if word.opcode == .catchAll {
        kind = 2
      } else if word.keyword == .catchAllRef {
        kind = 3
      } else {
        break
      }
      reader.index += 2
      clauses.append(kind)
      if kind < 2 { clauses.appendUnsigned(try takeIndex(.tag)) }
      clauses.appendUnsigned(try takeLabel())
      try reader.expectRightParen()
      count += 1
    }
    code.appendCount(count)
    code += clauses
    pushLabel(label)
  }

  private mutating func encodeLegacyClause(_ opcode: Opcode) throws(TextError) {
    encodeCode(opcode.row)
    if opcode == .catch { code.appendUnsigned(try takeIndex(.tag)) }
  }

  // MARK: Folded

  /// Opens a folded block; false when `opcode` is not one.
  mutating func encodeFoldedControl(_ opcode: Opcode, _ token: Token) throws(TextError) -> Bool {
    switch opcode {
    case .block, .loop:
      let label = takeLabelID()
      encodeCode(opcode.row)
      try encodeBlockType()
      frames.append(InstructionFrame(.foldedBlock))
      pushLabel(label)
    case .tryTable:
      try encodeTryTable(takeLabelID())
      frames.append(InstructionFrame(.foldedBlock))
    case .if:
      let position = reader.index - 1
      let label = takeLabelID()
      let start = code.count
      encodeCode(opcode.row)
      try encodeBlockType()
      frames.append(InstructionFrame(.foldedIf, pendingStart: pending.count, labelID: label))
      annotations.noteBranch(at: position, codeOffset: start)
      annotations.deferBranch(at: start, depth: frames.count)
      pending += code[start...]
      code.removeSubrange(start...)
    case .try:
      let label = takeLabelID()
      encodeCode(opcode.row)
      try encodeBlockType()
      frames.append(InstructionFrame(.foldedTry))
      pushLabel(label)
    default: return false
    }
    return true
  }

  /// Opens `(then`, `(else`, `(do`, `(catch`, `(catch_all`, or closes a block with
  /// `(delegate x)`. False when `token` is none of them or may not stand here; the
  /// reader is behind `token`.
  mutating func encodeFoldedPart(_ token: Token) throws(TextError) -> Bool {
    guard let frame = frames.last else { return false }
    let top = frames.count - 1
    switch (frame.kind, token.keyword, token.opcode) {
    case (.foldedIf, .then, _):
      annotations.placeDeferred(depth: frames.count, codeOffset: code.count)
      flushPending(from: frame.pendingStart)
      pushLabel(frame.labelID)
      frames[top].kind = .foldedIfAfterThen
      frames.append(InstructionFrame(.foldedThen))
    case (.foldedIfAfterThen, _, .else):
      code.append(0x05)
      frames[top].kind = .foldedIfAfterElse
      frames.append(InstructionFrame(.foldedElse))
    case (.foldedTry, .do, _):
      frames[top].kind = .foldedTryAfterDo
      frames.append(InstructionFrame(.foldedDo))
    case (.foldedTryAfterDo, _, .catch), (.foldedTryAfterCatch, _, .catch):
      try encodeLegacyClause(.catch)
      frames[top].kind = .foldedTryAfterCatch
      frames.append(InstructionFrame(.foldedCatch))
    case (.foldedTryAfterDo, _, .catchAll), (.foldedTryAfterCatch, _, .catchAll):
      try encodeLegacyClause(.catchAll)
      frames[top].kind = .foldedTryAfterCatchAll
      frames.append(InstructionFrame(.foldedCatchAll))
    case (.foldedTryAfterDo, _, .delegate):
      encodeCode(Opcode.delegate.row)
      labels.pop()
      code.appendUnsigned(try takeLabel())
      try reader.expectRightParen()
      frames[top].kind = .foldedTryAfterDelegate
    default: return false
    }
    return true
  }

  /// Closes the folded form whose parenthesis was `token`.
  mutating func closeFolded(_ token: Token) throws(TextError) {
    guard let frame = frames.last else { throw reader.unexpected(token) }
    switch frame.kind {
    case .block, .if, .else, .try, .catch, .catchAll, .foldedIf, .foldedTry: throw reader.unexpected(token)
    case .foldedPlain:
      annotations.placeDeferred(depth: frames.count, codeOffset: code.count)
      flushPending(from: frame.pendingStart)
      frames.removeLast()
    case .foldedBlock, .foldedIfAfterThen, .foldedIfAfterElse, .foldedTryAfterDo, .foldedTryAfterCatch,
      .foldedTryAfterCatchAll:
      closeBlock()
    case .foldedThen, .foldedElse, .foldedDo, .foldedCatch, .foldedCatchAll, .foldedTryAfterDelegate:
      frames.removeLast()
    }
  }
}
