/// Follows the nesting of blocks and nothing else: finds where a constant expression or a body ends,
/// the value of a simple constant expression, and whether data segments are named.
struct StructureSink: OperatorSink {
  var operatorOffset: UInt32 = 0
  /// The final `end` was seen; it is not allowed to go on.
  private(set) var isClosed = false
  /// Operators seen, the final `end` included.
  private(set) var operators = 0
  /// The value of the last operator that was a constant.
  private(set) var simple: ConstantExpression.Simple?
  private(set) var usesData = false
  /// Functions named by `ref.func`.
  private(set) var functions: [UInt32] = []

  private let collectsFunctions: Bool

  init(collectsFunctions: Bool = false) { self.collectsFunctions = collectsFunctions }

  private enum Frame: UInt8 { case block, `if`, legacyTry }
  /// Open blocks inside the outermost one.
  private var frames: [Frame] = []

  // MARK: Structure

  mutating func visitBlock(_: BlockType) { open(.block) }
  mutating func visitLoop(_: BlockType) { open(.block) }
  mutating func visitIf(_: BlockType) { open(.if) }
  mutating func visitTryTable(_: BlockType, _: UnsafeBufferPointer<CatchClause>) { open(.block) }

  mutating func visitElse() throws(ModuleError) {
    operators += 1
    guard frames.last == .if else { throw ModuleError(.malformed, "END opcode expected") }
    frames[frames.count - 1] = .block
  }

  mutating func visitEnd() {
    operators += 1
    if frames.popLast() == nil { isClosed = true }
  }

  mutating func visitLegacyException(_ op: Opcode, _: BlockType, operand: UInt32) throws(ModuleError) {
    switch op {
    case .try: open(.legacyTry)
    case .rethrow: operators += 1
    default:
      // catch, catch_all and delegate
      operators += 1
      guard frames.last == .legacyTry else { throw ModuleError(.malformed, "END opcode expected") }
      if op == .delegate { frames.removeLast() }
    }
  }

  private mutating func open(_ frame: Frame) {
    operators += 1
    frames.append(frame)
  }

  // MARK: Constants

  private mutating func constant(_ value: ConstantExpression.Simple) {
    operators += 1
    simple = value
  }
  mutating func visitI32Const(_ value: Int32) { constant(.i32(UInt32(bitPattern: value))) }
  mutating func visitI64Const(_ value: Int64) { constant(.i64(UInt64(bitPattern: value))) }
  mutating func visitF32Const(bits: UInt32) { constant(.f32(bits)) }
  mutating func visitF64Const(bits: UInt64) { constant(.f64(bits)) }
  mutating func visitV128Const(low: UInt64, high: UInt64) { constant(.v128(low: low, high: high)) }
  mutating func visitGlobalGet(_ global: UInt32) { constant(.globalGet(global)) }
  mutating func visitRefNull(_ heap: HeapType) { constant(.refNull(heap)) }
  mutating func visitRefFunc(_ function: UInt32) {
    constant(.refFunc(function))
    if collectsFunctions { functions.append(function) }
  }

  // MARK: Data segments

  mutating func visitMemoryInit(segment _: UInt32, memory _: UInt32) { use() }
  mutating func visitDataDrop(_: UInt32) { use() }
  mutating func visitAggregate(_ op: Opcode, _: UInt32, _: UInt32) {
    operators += 1
    if op == .arrayNewData || op == .arrayInitData { usesData = true }
  }
  private mutating func use() {
    operators += 1
    usesData = true
  }

  // MARK: All else

  mutating func visitUnreachable() { operators += 1 }
  mutating func visitNop() { operators += 1 }
  mutating func visitBr(_: UInt32) { operators += 1 }
  mutating func visitBrIf(_: UInt32) { operators += 1 }
  mutating func visitBrTable(_: UnsafeBufferPointer<UInt32>) { operators += 1 }
  mutating func visitReturn() { operators += 1 }
  mutating func visitCall(_: UInt32) { operators += 1 }
  mutating func visitCallIndirect(type _: UInt32, table _: UInt32) { operators += 1 }
  mutating func visitCallRef(type _: UInt32) { operators += 1 }
  mutating func visitReturnCall(_: UInt32) { operators += 1 }
  mutating func visitReturnCallIndirect(type _: UInt32, table _: UInt32) { operators += 1 }
  mutating func visitReturnCallRef(type _: UInt32) { operators += 1 }
  mutating func visitBrOnNull(_: UInt32) { operators += 1 }
  mutating func visitBrOnNonNull(_: UInt32) { operators += 1 }
  mutating func visitThrow(tag _: UInt32) { operators += 1 }
  mutating func visitThrowRef() { operators += 1 }
  mutating func visitDrop() { operators += 1 }
  mutating func visitSelect() { operators += 1 }
  mutating func visitSelectTyped(_: ValueType) { operators += 1 }
  mutating func visitLocalGet(_: UInt32) { operators += 1 }
  mutating func visitLocalSet(_: UInt32) { operators += 1 }
  mutating func visitLocalTee(_: UInt32) { operators += 1 }
  mutating func visitGlobalSet(_: UInt32) { operators += 1 }
  mutating func visitNumeric(_: Opcode) { operators += 1 }
  mutating func visitMemoryAccess(_: Opcode, _: MemArg) { operators += 1 }
  mutating func visitLaneAccess(_: Opcode, _: MemArg, lane _: UInt8) { operators += 1 }
  mutating func visitAtomicFence() { operators += 1 }
  mutating func visitMemorySize(_: UInt32) { operators += 1 }
  mutating func visitMemoryGrow(_: UInt32) { operators += 1 }
  mutating func visitMemoryFill(_: UInt32) { operators += 1 }
  mutating func visitMemoryCopy(destination _: UInt32, source _: UInt32) { operators += 1 }
  mutating func visitLane(_: Opcode, lane _: UInt8) { operators += 1 }
  mutating func visitShuffle(low _: UInt64, high _: UInt64) { operators += 1 }
  mutating func visitTableGet(_: UInt32) { operators += 1 }
  mutating func visitTableSet(_: UInt32) { operators += 1 }
  mutating func visitTableSize(_: UInt32) { operators += 1 }
  mutating func visitTableGrow(_: UInt32) { operators += 1 }
  mutating func visitTableFill(_: UInt32) { operators += 1 }
  mutating func visitTableCopy(destination _: UInt32, source _: UInt32) { operators += 1 }
  mutating func visitTableInit(segment _: UInt32, table _: UInt32) { operators += 1 }
  mutating func visitElemDrop(_: UInt32) { operators += 1 }
  mutating func visitRefIsNull() { operators += 1 }
  mutating func visitRefEq() { operators += 1 }
  mutating func visitRefAsNonNull() { operators += 1 }
  mutating func visitRefTest(_: Opcode, _: ValueType) { operators += 1 }
  mutating func visitBrOnCast(_: Opcode, depth _: UInt32, from _: ValueType, to _: ValueType) { operators += 1 }
}
