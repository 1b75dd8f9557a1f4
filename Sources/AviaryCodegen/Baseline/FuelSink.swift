import AviaryCore

/// Where a straight line of operators starts, and what it costs.
struct FuelRegion: BitwiseCopyable {
  /// Of the operator that control comes from: `loop`, `if`, `else`, `end` or a conditional branch. 0: the body's start.
  var offset: UInt32
  var cost: UInt32
}

/// A block that is open in the pass.
struct FuelFrame: BitwiseCopyable {
  var kind: ControlFrame.Kind
  /// Something branches to its end.
  var isTarget = false
}

/// The pass over a body that finds its regions, where fuel is metered (docs/interruption.md says by which rules). It
/// knows of dead code what the emitter knows, and nothing else of it: costs depend on the bytes alone.
@safe
struct FuelSink: ~Copyable, OperatorSink {
  var operatorOffset: UInt32 = 0
  var regions = FlatArray<FuelRegion>(capacity: 64)
  private var frames = FlatArray<FuelFrame>(capacity: 64)
  private var isDead = false
  /// Blocks opened in dead code.
  private var deadDepth = 0

  mutating func begin() {
    frames.removeAll()
    regions.removeAll()
    regions.append(FuelRegion(offset: 0, cost: 0))
    frames.append(FuelFrame(kind: .function))
    isDead = false
    deadDepth = 0
  }

  // MARK: Regions

  @inline(__always)
  private mutating func charge() {
    if !isDead { regions[regions.count - 1].cost &+= 1 }
  }

  private mutating func start() {
    if !isDead { regions.append(FuelRegion(offset: operatorOffset, cost: 0)) }
  }

  /// False in dead code.
  @discardableResult
  private mutating func open(_ kind: ControlFrame.Kind) -> Bool {
    if isDead {
      deadDepth += 1
      return false
    }
    frames.append(FuelFrame(kind: kind))
    return true
  }

  private mutating func leave(_ depth: UInt32) {
    if !isDead { frames[frames.count - 1 - Int(depth)].isTarget = true }
  }

  mutating func visitElse() throws(ModuleError) {
    if isDead && deadDepth > 0 { return }
    let top = frames.count - 1
    frames[top].kind = .otherwise
    if !isDead { frames[top].isTarget = true }
    isDead = false
    start()
  }

  mutating func visitEnd() throws(ModuleError) {
    if isDead && deadDepth > 0 {
      deadDepth -= 1
      return
    }
    let frame = frames.removeLast()
    switch frame.kind {
    case .function, .loop: return
    case .block, .otherwise, .tryTable, .legacyTry, .legacyCatch:
      guard frame.isTarget else { return }
      isDead = false
    case .then: isDead = false
    }
    start()
  }

  // MARK: Operators

  mutating func visitUnreachable() throws(ModuleError) {
    isDead = true
  }
  mutating func visitNop() throws(ModuleError) {}
  mutating func visitBlock(_ type: BlockType) throws(ModuleError) { open(.block) }
  mutating func visitLoop(_ type: BlockType) throws(ModuleError) {
    if open(.loop) { start() }
  }
  mutating func visitIf(_ type: BlockType) throws(ModuleError) {
    charge()
    if open(.then) { start() }
  }
  mutating func visitBr(_ depth: UInt32) throws(ModuleError) {
    charge()
    leave(depth)
    isDead = true
  }
  mutating func visitBrIf(_ depth: UInt32) throws(ModuleError) {
    charge()
    leave(depth)
    start()
  }
  mutating func visitBrTable(_ targets: UnsafeBufferPointer<UInt32>) throws(ModuleError) {
    charge()
    for unsafe target in unsafe targets { leave(target) }
    isDead = true
  }
  mutating func visitReturn() throws(ModuleError) {
    charge()
    isDead = true
  }
  mutating func visitCall(_ function: UInt32) throws(ModuleError) { charge() }
  mutating func visitCallIndirect(type: UInt32, table: UInt32) throws(ModuleError) { charge() }
  mutating func visitCallRef(type: UInt32) throws(ModuleError) { charge() }
  mutating func visitReturnCall(_ function: UInt32) throws(ModuleError) {
    charge()
    isDead = true
  }
  mutating func visitReturnCallIndirect(type: UInt32, table: UInt32) throws(ModuleError) {
    charge()
    isDead = true
  }
  mutating func visitReturnCallRef(type: UInt32) throws(ModuleError) {
    charge()
    isDead = true
  }
  mutating func visitBrOnNull(_ depth: UInt32) throws(ModuleError) {
    charge()
    leave(depth)
    start()
  }
  mutating func visitBrOnNonNull(_ depth: UInt32) throws(ModuleError) {
    charge()
    leave(depth)
    start()
  }
  mutating func visitThrow(tag: UInt32) throws(ModuleError) {
    charge()
    isDead = true
  }
  mutating func visitThrowRef() throws(ModuleError) {
    charge()
    isDead = true
  }
  mutating func visitTryTable(_ type: BlockType, _ catches: UnsafeBufferPointer<CatchClause>) throws(ModuleError) {
    // Labels are counted from outside of the block.
    for unsafe clause in unsafe catches { leave(clause.depth) }
    open(.tryTable)
  }
  mutating func visitLegacyException(_ op: AviaryCore.Opcode, _ type: BlockType, operand: UInt32) throws(ModuleError) {
    switch op {
    case .try: open(.legacyTry)
    case .delegate: try visitEnd()
    case .rethrow:
      charge()
      isDead = true
    default:
      if isDead && deadDepth > 0 { return }
      let top = frames.count - 1
      frames[top].kind = .legacyCatch
      if !isDead { frames[top].isTarget = true }
      isDead = false
      start()
    }
  }
  mutating func visitDrop() throws(ModuleError) {}
  mutating func visitSelect() throws(ModuleError) { charge() }
  mutating func visitSelectTyped(_ type: ValueType) throws(ModuleError) { charge() }
  mutating func visitLocalGet(_ local: UInt32) throws(ModuleError) { charge() }
  mutating func visitLocalSet(_ local: UInt32) throws(ModuleError) { charge() }
  mutating func visitLocalTee(_ local: UInt32) throws(ModuleError) { charge() }
  mutating func visitGlobalGet(_ global: UInt32) throws(ModuleError) { charge() }
  mutating func visitGlobalSet(_ global: UInt32) throws(ModuleError) { charge() }
  mutating func visitI32Const(_ value: Int32) throws(ModuleError) { charge() }
  mutating func visitI64Const(_ value: Int64) throws(ModuleError) { charge() }
  mutating func visitF32Const(bits: UInt32) throws(ModuleError) { charge() }
  mutating func visitF64Const(bits: UInt64) throws(ModuleError) { charge() }
  mutating func visitV128Const(low: UInt64, high: UInt64) throws(ModuleError) { charge() }
  mutating func visitNumeric(_ op: AviaryCore.Opcode) throws(ModuleError) { charge() }
  mutating func visitMemoryAccess(_ op: AviaryCore.Opcode, _ memarg: MemArg) throws(ModuleError) { charge() }
  mutating func visitLaneAccess(_ op: AviaryCore.Opcode, _ memarg: MemArg, lane: UInt8) throws(ModuleError) { charge() }
  mutating func visitAtomicFence() throws(ModuleError) { charge() }
  mutating func visitMemorySize(_ memory: UInt32) throws(ModuleError) { charge() }
  mutating func visitMemoryGrow(_ memory: UInt32) throws(ModuleError) { charge() }
  mutating func visitMemoryFill(_ memory: UInt32) throws(ModuleError) { charge() }
  mutating func visitMemoryCopy(destination: UInt32, source: UInt32) throws(ModuleError) { charge() }
  mutating func visitMemoryInit(segment: UInt32, memory: UInt32) throws(ModuleError) { charge() }
  mutating func visitDataDrop(_ segment: UInt32) throws(ModuleError) { charge() }
  mutating func visitLane(_ op: AviaryCore.Opcode, lane: UInt8) throws(ModuleError) { charge() }
  mutating func visitShuffle(low: UInt64, high: UInt64) throws(ModuleError) { charge() }
  mutating func visitTableGet(_ table: UInt32) throws(ModuleError) { charge() }
  mutating func visitTableSet(_ table: UInt32) throws(ModuleError) { charge() }
  mutating func visitTableSize(_ table: UInt32) throws(ModuleError) { charge() }
  mutating func visitTableGrow(_ table: UInt32) throws(ModuleError) { charge() }
  mutating func visitTableFill(_ table: UInt32) throws(ModuleError) { charge() }
  mutating func visitTableCopy(destination: UInt32, source: UInt32) throws(ModuleError) { charge() }
  mutating func visitTableInit(segment: UInt32, table: UInt32) throws(ModuleError) { charge() }
  mutating func visitElemDrop(_ segment: UInt32) throws(ModuleError) { charge() }
  mutating func visitRefNull(_ heap: HeapType) throws(ModuleError) { charge() }
  mutating func visitRefIsNull() throws(ModuleError) { charge() }
  mutating func visitRefFunc(_ function: UInt32) throws(ModuleError) { charge() }
  mutating func visitRefEq() throws(ModuleError) { charge() }
  mutating func visitRefAsNonNull() throws(ModuleError) { charge() }
  mutating func visitAggregate(_ op: AviaryCore.Opcode, _ a: UInt32, _ b: UInt32) throws(ModuleError) { charge() }
  mutating func visitRefTest(_ op: AviaryCore.Opcode, _ target: ValueType) throws(ModuleError) { charge() }
  mutating func visitBrOnCast(_ op: AviaryCore.Opcode, depth: UInt32, from: ValueType, to: ValueType) throws(ModuleError) { charge() }
}
