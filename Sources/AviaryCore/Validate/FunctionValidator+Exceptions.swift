/// Exceptions, those of the standard and the legacy ones.
extension FunctionValidator {
  func parameters(ofTag tag: UInt32) throws(ModuleError) -> TypeList {
    guard let type = tables.tags[tag] else { throw unknown("tag", tag) }
    return try parameters(ofType: type)
  }

  mutating func visitThrow(tag: UInt32) throws(ModuleError) {
    try pop(parameters(ofTag: tag))
    setUnreachable()
  }

  mutating func visitThrowRef() throws(ModuleError) {
    try pop(.exnref)
    setUnreachable()
  }

  mutating func visitTryTable(
    _ type: BlockType, _ catches: UnsafeBufferPointer<CatchClause>
  ) throws(ModuleError) {
    // Labels of clauses are counted from outside of the block.
    for unsafe clause in unsafe catches { try check(clause) }
    try open(.tryTable, type)
  }

  /// That what a clause delivers is what its label takes.
  private func check(_ clause: CatchClause) throws(ModuleError) {
    let label = try label(clause.depth)
    let isTagged = clause.kind == .catch || clause.kind == .catchRef
    let hasReference = clause.kind == .catchRef || clause.kind == .catchAllRef
    let tagCount = isTagged ? try parameters(ofTag: clause.tag).count : 0
    var matches = label.count == tagCount + (hasReference ? 1 : 0)
    if isTagged && matches {
      let parameters = try parameters(ofTag: clause.tag)
      for index in 0..<tagCount where matches {
        matches = lattice.matches(ValueType(rawValue: parameters[index]), ValueType(rawValue: label[index]))
      }
    }
    if hasReference && matches {
      matches = lattice.matches(.reference(.exn, nullable: false), ValueType(rawValue: label[tagCount]))
    }
    guard matches else {
      throw unsafe ModuleError(
        .invalid, "type mismatch: catch clause does not deliver its label's \(TypeNames.list(label.buffer))")
    }
  }

  mutating func visitLegacyException(_ op: Opcode, _ type: BlockType, operand: UInt32) throws(ModuleError) {
    switch op {
    case .try: try open(.legacyTry, type)
    case .catch:
      try continueTry(.legacyCatch)
      try push(parameters(ofTag: operand))
    case .catchAll:
      try continueTry(.legacyCatchAll)
    case .delegate:
      guard frameCount > 0, unsafe frames[frameCount - 1].kind == .legacyTry else {
        throw ModuleError(.malformed, "END opcode expected")
      }
      _ = try popFrame()
      // Counted from outside of the block; the function itself means its caller.
      guard operand < UInt32(truncatingIfNeeded: frameCount) else { throw unknown("label", operand) }
      try push(results(ofFrame: frameCount))
    default:
      // rethrow
      guard operand < UInt32(truncatingIfNeeded: frameCount) else { throw unknown("label", operand) }
      let kind = unsafe frames[frameCount - 1 - Int(operand)].kind
      guard kind == .legacyCatch || kind == .legacyCatchAll else {
        throw ModuleError(.invalid, "invalid rethrow label")
      }
      setUnreachable()
    }
  }

  /// Ends the part of a try before a catch and opens the one after it, without operands.
  private mutating func continueTry(_ kind: ControlFrame.Kind) throws(ModuleError) {
    let current = frameCount > 0 ? unsafe frames[frameCount - 1].kind : .function
    guard current == .legacyTry || current == .legacyCatch else {
      throw ModuleError(.malformed, "END opcode expected")
    }
    let frame = try popFrame()
    try pushFrame(kind, frame.type)
  }
}
