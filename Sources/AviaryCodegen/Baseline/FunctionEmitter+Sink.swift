import AviaryContract
import AviaryCore

// What the reader calls: dead code is skipped here, all else goes to its family.
extension FunctionEmitter {
  /// Two bytes can ask for a call with a thousand arguments: there is a limit to the code.
  @inline(__always)
  private func checkRoom() throws(ModuleError) {
    if asm.overflowed { throw unsupported("more machine code than fits in a chunk:") }
  }

  // MARK: Control

  mutating func visitUnreachable() throws(ModuleError) {
    if isDead { return }
    emitUnreachable()
  }
  mutating func visitNop() throws(ModuleError) {}
  mutating func visitBlock(_ type: BlockType) throws(ModuleError) {
    if isDead { deadDepth &+= 1 } else { try emitBlock(type) }
  }
  mutating func visitLoop(_ type: BlockType) throws(ModuleError) {
    if isDead { deadDepth &+= 1 } else { try emitLoop(type) }
  }
  mutating func visitIf(_ type: BlockType) throws(ModuleError) {
    if isDead {
      deadDepth &+= 1
      return
    }
    try emitIf(type)
    noteConditionPath()
    chargeFuel(at: operatorOffset)
  }
  mutating func visitElse() throws(ModuleError) {
    if isDead && deadDepth > 0 { return }
    splitPath(!isDead)
    emitElse()
    chargeFuel(at: operatorOffset)
  }
  mutating func visitEnd() throws(ModuleError) {
    if isDead && deadDepth > 0 {
      deadDepth &-= 1
      return
    }
    let frame = controls[controls.count - 1]
    let isReached = !isDead
    emitEnd()
    if !isDead && !controls.isEmpty {
      if frame.kind != .loop { joinPaths(frame, isReached) }
      chargeFuel(at: operatorOffset)
      checkLongWay()
    }
    try checkRoom()
  }
  mutating func visitBr(_ depth: UInt32) throws(ModuleError) {
    if isDead { return }
    notePath(depth)
    emitBr(depth)
    try checkRoom()
  }
  mutating func visitBrIf(_ depth: UInt32) throws(ModuleError) {
    if isDead { return }
    notePath(depth)
    emitBrIf(depth)
    chargeFuel(at: operatorOffset)
    try checkRoom()
  }
  mutating func visitBrTable(_ targets: UnsafeBufferPointer<UInt32>) throws(ModuleError) {
    if isDead { return }
    if tables.tunables.epochChecks { for unsafe target in unsafe targets { notePath(target) } }
    unsafe emitBrTable(targets)
    try checkRoom()
  }
  mutating func visitReturn() throws(ModuleError) {
    if isDead { return }
    emitBr(UInt32(truncatingIfNeeded: controls.count &- 1))
  }
  mutating func visitCall(_ function: UInt32) throws(ModuleError) {
    if isDead { return }
    checkLongWay()
    try emitCall(function)
    try checkRoom()
  }
  mutating func visitCallIndirect(type: UInt32, table: UInt32) throws(ModuleError) {
    if isDead { return }
    checkLongWay()
    try emitCallIndirect(type: type, table: table)
    try checkRoom()
  }
  mutating func visitCallRef(type: UInt32) throws(ModuleError) {
    if isDead { return }
    checkLongWay()
    try emitCallRef(type: type)
    try checkRoom()
  }
  mutating func visitReturnCall(_ function: UInt32) throws(ModuleError) {
    if isDead { return }
    try emitReturnCall(function)
    try checkRoom()
  }
  mutating func visitReturnCallIndirect(type: UInt32, table: UInt32) throws(ModuleError) {
    if isDead { return }
    try emitReturnCallIndirect(type: type, table: table)
    try checkRoom()
  }
  mutating func visitReturnCallRef(type: UInt32) throws(ModuleError) {
    if isDead { return }
    try emitReturnCallRef(type: type)
    try checkRoom()
  }
  mutating func visitBrOnNull(_ depth: UInt32) throws(ModuleError) {
    if isDead { return }
    notePath(depth)
    emitBrOnNull(depth)
    chargeFuel(at: operatorOffset)
    try checkRoom()
  }
  mutating func visitBrOnNonNull(_ depth: UInt32) throws(ModuleError) {
    if isDead { return }
    notePath(depth)
    emitBrOnNonNull(depth)
    chargeFuel(at: operatorOffset)
    try checkRoom()
  }

  // MARK: Exceptions

  mutating func visitThrow(tag: UInt32) throws(ModuleError) {
    if isDead { return }
    emitThrow(tag)
    try checkRoom()
  }
  mutating func visitThrowRef() throws(ModuleError) {
    if isDead { return }
    emitThrowRef()
  }
  mutating func visitTryTable(
    _ type: BlockType, _ catches: UnsafeBufferPointer<CatchClause>
  ) throws(ModuleError) {
    if isDead { deadDepth &+= 1 } else { unsafe emitTryTable(type, catches) }
  }
  mutating func visitLegacyException(
    _ op: AviaryCore.Opcode, _ type: BlockType, operand: UInt32
  ) throws(ModuleError) {
    switch op {
    case .try: if isDead { deadDepth &+= 1 } else { emitLegacyTry(type) }
    case .rethrow: if !isDead { emitRethrow(operand) }
    case .delegate:
      if !isDead || deadDepth == 0 { delegate(operand) }
      try visitEnd()
    default:
      if isDead && deadDepth > 0 { return }
      splitPath(!isDead)
      emitLegacyCatch(tag: op == .catch ? operand : nil)
      chargeFuel(at: operatorOffset)
    }
  }

  // MARK: Parametric and variable

  mutating func visitDrop() throws(ModuleError) {
    if isDead { return }
    emitDrop()
    checkLongWay()
  }
  mutating func visitSelect() throws(ModuleError) {
    if isDead { return }
    emitSelect()
  }
  mutating func visitSelectTyped(_ type: ValueType) throws(ModuleError) {
    if isDead { return }
    emitSelect()
  }
  mutating func visitLocalGet(_ local: UInt32) throws(ModuleError) {
    if isDead { return }
    pushLocal(local)
  }
  mutating func visitLocalSet(_ local: UInt32) throws(ModuleError) {
    if isDead { return }
    emitLocalSet(local)
    checkLongWay()
  }
  mutating func visitLocalTee(_ local: UInt32) throws(ModuleError) {
    if isDead { return }
    emitLocalTee(local)
  }
  mutating func visitGlobalGet(_ global: UInt32) throws(ModuleError) {
    if isDead { return }
    emitGlobalGet(global)
  }
  mutating func visitGlobalSet(_ global: UInt32) throws(ModuleError) {
    if isDead { return }
    emitGlobalSet(global)
  }

  // MARK: Constants

  mutating func visitI32Const(_ value: Int32) throws(ModuleError) {
    if isDead { return }
    push(.const(.i32, UInt64(UInt32(bitPattern: value))))
  }
  mutating func visitI64Const(_ value: Int64) throws(ModuleError) {
    if isDead { return }
    push(.const(.i64, UInt64(bitPattern: value)))
  }
  mutating func visitF32Const(bits: UInt32) throws(ModuleError) {
    if isDead { return }
    push(.const(.f32, UInt64(bits)))
  }
  mutating func visitF64Const(bits: UInt64) throws(ModuleError) {
    if isDead { return }
    push(.const(.f64, bits))
  }
  mutating func visitV128Const(low: UInt64, high: UInt64) throws(ModuleError) {
    if isDead { return }
    push(vectorConstant(low, high))
  }

  // MARK: Numeric

  mutating func visitNumeric(_ op: AviaryCore.Opcode) throws(ModuleError) {
    if isDead { return }
    if skipsNext {
      skipsNext = false
      return
    }
    try emitNumeric(op)
  }

  // MARK: Memory

  mutating func visitMemoryAccess(_ op: AviaryCore.Opcode, _ memarg: MemArg) throws(ModuleError) {
    if isDead { return }
    try emitMemoryAccess(op, memarg)
  }
  mutating func visitLaneAccess(
    _ op: AviaryCore.Opcode, _ memarg: MemArg, lane: UInt8
  ) throws(ModuleError) {
    if isDead { return }
    emitLaneAccess(op, memarg, lane)
  }
  mutating func visitAtomicFence() throws(ModuleError) {
    if isDead { return }
    emitFence()
  }
  mutating func visitMemorySize(_ memory: UInt32) throws(ModuleError) {
    if isDead { return }
    emitMemorySize(memory)
  }
  mutating func visitMemoryGrow(_ memory: UInt32) throws(ModuleError) {
    if isDead { return }
    emitMemoryGrow(memory)
  }
  mutating func visitMemoryFill(_ memory: UInt32) throws(ModuleError) {
    if isDead { return }
    emitMemoryFill(memory)
  }
  mutating func visitMemoryCopy(destination: UInt32, source: UInt32) throws(ModuleError) {
    if isDead { return }
    emitMemoryCopy(destination: destination, source: source)
  }
  mutating func visitMemoryInit(segment: UInt32, memory: UInt32) throws(ModuleError) {
    if isDead { return }
    emitMemoryInit(segment: segment, memory: memory)
  }
  mutating func visitDataDrop(_ segment: UInt32) throws(ModuleError) {
    if isDead { return }
    emitDrop(segment, isData: true)
  }

  // MARK: Vectors

  mutating func visitLane(_ op: AviaryCore.Opcode, lane: UInt8) throws(ModuleError) {
    if isDead { return }
    try emitLane(op, lane)
  }
  mutating func visitShuffle(low: UInt64, high: UInt64) throws(ModuleError) {
    if isDead { return }
    try emitShuffle(low, high)
  }

  // MARK: Tables

  mutating func visitTableGet(_ table: UInt32) throws(ModuleError) {
    if isDead { return }
    emitTableGet(table)
  }
  mutating func visitTableSet(_ table: UInt32) throws(ModuleError) {
    if isDead { return }
    emitTableSet(table)
  }
  mutating func visitTableSize(_ table: UInt32) throws(ModuleError) {
    if isDead { return }
    emitTableSize(table)
  }
  mutating func visitTableGrow(_ table: UInt32) throws(ModuleError) {
    if isDead { return }
    emitTableGrow(table)
  }
  mutating func visitTableFill(_ table: UInt32) throws(ModuleError) {
    if isDead { return }
    emitTableFill(table)
  }
  mutating func visitTableCopy(destination: UInt32, source: UInt32) throws(ModuleError) {
    if isDead { return }
    emitTableCopy(destination: destination, source: source)
  }
  mutating func visitTableInit(segment: UInt32, table: UInt32) throws(ModuleError) {
    if isDead { return }
    emitTableInit(segment: segment, table: table)
  }
  mutating func visitElemDrop(_ segment: UInt32) throws(ModuleError) {
    if isDead { return }
    emitDrop(segment, isData: false)
  }

  // MARK: References

  mutating func visitRefNull(_ heap: HeapType) throws(ModuleError) {
    if isDead { return }
    push(.const(.i64, 0))
  }
  mutating func visitRefIsNull() throws(ModuleError) {
    if isDead { return }
    emitZeroTest(.b64)
  }
  mutating func visitRefFunc(_ function: UInt32) throws(ModuleError) {
    if isDead { return }
    try emitRefFunc(function)
  }
  mutating func visitRefEq() throws(ModuleError) {
    if isDead { return }
    emitComparison(.equal, .b64)
  }
  mutating func visitRefAsNonNull() throws(ModuleError) {
    if isDead { return }
    emitRefAsNonNull()
  }

  // MARK: Garbage collection: another tier's, for the time being

  mutating func visitAggregate(_ op: AviaryCore.Opcode, _ a: UInt32, _ b: UInt32) throws(ModuleError) {
    throw unsupported("garbage-collected types are not compiled yet:")
  }
  mutating func visitRefTest(_ op: AviaryCore.Opcode, _ target: ValueType) throws(ModuleError) {
    throw unsupported("garbage-collected types are not compiled yet:")
  }
  mutating func visitBrOnCast(
    _ op: AviaryCore.Opcode, depth: UInt32, from: ValueType, to: ValueType
  ) throws(ModuleError) {
    throw unsupported("garbage-collected types are not compiled yet:")
  }
}
