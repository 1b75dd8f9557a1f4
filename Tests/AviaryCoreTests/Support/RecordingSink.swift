@testable import AviaryCore

/// Remembers which operators it was shown.
struct RecordingSink: OperatorSink {
  var operatorOffset: UInt32 = 0 { didSet { offsets.append(operatorOffset) } }
  var offsets: [UInt32] = []
  var opcodes: [Opcode] = []
  /// Of the last br_table and try_table.
  var targets: [UInt32] = []
  var catches: [CatchClause] = []

  mutating func visitUnreachable() { opcodes.append(.unreachable) }
  mutating func visitNop() { opcodes.append(.nop) }
  mutating func visitBlock(_: BlockType) { opcodes.append(.block) }
  mutating func visitLoop(_: BlockType) { opcodes.append(.loop) }
  mutating func visitIf(_: BlockType) { opcodes.append(.if) }
  mutating func visitElse() { opcodes.append(.else) }
  mutating func visitEnd() { opcodes.append(.end) }
  mutating func visitBr(_: UInt32) { opcodes.append(.br) }
  mutating func visitBrIf(_: UInt32) { opcodes.append(.brIf) }
  mutating func visitBrTable(_ targets: UnsafeBufferPointer<UInt32>) { opcodes.append(.brTable); self.targets = unsafe Array(targets) }
  mutating func visitReturn() { opcodes.append(.return) }
  mutating func visitCall(_: UInt32) { opcodes.append(.call) }
  mutating func visitCallIndirect(type _: UInt32, table _: UInt32) { opcodes.append(.callIndirect) }
  mutating func visitCallRef(type _: UInt32) { opcodes.append(.callRef) }
  mutating func visitReturnCall(_: UInt32) { opcodes.append(.returnCall) }
  mutating func visitReturnCallIndirect(type _: UInt32, table _: UInt32) { opcodes.append(.returnCallIndirect) }
  mutating func visitReturnCallRef(type _: UInt32) { opcodes.append(.returnCallRef) }
  mutating func visitBrOnNull(_: UInt32) { opcodes.append(.brOnNull) }
  mutating func visitBrOnNonNull(_: UInt32) { opcodes.append(.brOnNonNull) }
  mutating func visitThrow(tag _: UInt32) { opcodes.append(.throw) }
  mutating func visitThrowRef() { opcodes.append(.throwRef) }
  mutating func visitTryTable(_: BlockType, _ catches: UnsafeBufferPointer<CatchClause>) { opcodes.append(.tryTable); self.catches = unsafe Array(catches) }
  mutating func visitLegacyException(_ op: Opcode, _: BlockType, operand _: UInt32) { opcodes.append(op) }
  mutating func visitDrop() { opcodes.append(.drop) }
  mutating func visitSelect() { opcodes.append(.select) }
  mutating func visitSelectTyped(_: ValueType) { opcodes.append(.selectTyped) }
  mutating func visitLocalGet(_: UInt32) { opcodes.append(.localGet) }
  mutating func visitLocalSet(_: UInt32) { opcodes.append(.localSet) }
  mutating func visitLocalTee(_: UInt32) { opcodes.append(.localTee) }
  mutating func visitGlobalGet(_: UInt32) { opcodes.append(.globalGet) }
  mutating func visitGlobalSet(_: UInt32) { opcodes.append(.globalSet) }
  mutating func visitI32Const(_: Int32) { opcodes.append(.i32Const) }
  mutating func visitI64Const(_: Int64) { opcodes.append(.i64Const) }
  mutating func visitF32Const(bits _: UInt32) { opcodes.append(.f32Const) }
  mutating func visitF64Const(bits _: UInt64) { opcodes.append(.f64Const) }
  mutating func visitV128Const(low _: UInt64, high _: UInt64) { opcodes.append(.v128Const) }
  mutating func visitNumeric(_ op: Opcode) { opcodes.append(op) }
  mutating func visitMemoryAccess(_ op: Opcode, _: MemArg) { opcodes.append(op) }
  mutating func visitLaneAccess(_ op: Opcode, _: MemArg, lane _: UInt8) { opcodes.append(op) }
  mutating func visitAtomicFence() { opcodes.append(.atomicFence) }
  mutating func visitMemorySize(_: UInt32) { opcodes.append(.memorySize) }
  mutating func visitMemoryGrow(_: UInt32) { opcodes.append(.memoryGrow) }
  mutating func visitMemoryFill(_: UInt32) { opcodes.append(.memoryFill) }
  mutating func visitMemoryCopy(destination _: UInt32, source _: UInt32) { opcodes.append(.memoryCopy) }
  mutating func visitMemoryInit(segment _: UInt32, memory _: UInt32) { opcodes.append(.memoryInit) }
  mutating func visitDataDrop(_: UInt32) { opcodes.append(.dataDrop) }
  mutating func visitLane(_ op: Opcode, lane _: UInt8) { opcodes.append(op) }
  mutating func visitShuffle(low _: UInt64, high _: UInt64) { opcodes.append(.i8x16Shuffle) }
  mutating func visitTableGet(_: UInt32) { opcodes.append(.tableGet) }
  mutating func visitTableSet(_: UInt32) { opcodes.append(.tableSet) }
  mutating func visitTableSize(_: UInt32) { opcodes.append(.tableSize) }
  mutating func visitTableGrow(_: UInt32) { opcodes.append(.tableGrow) }
  mutating func visitTableFill(_: UInt32) { opcodes.append(.tableFill) }
  mutating func visitTableCopy(destination _: UInt32, source _: UInt32) { opcodes.append(.tableCopy) }
  mutating func visitTableInit(segment _: UInt32, table _: UInt32) { opcodes.append(.tableInit) }
  mutating func visitElemDrop(_: UInt32) { opcodes.append(.elemDrop) }
  mutating func visitRefNull(_: HeapType) { opcodes.append(.refNull) }
  mutating func visitRefIsNull() { opcodes.append(.refIsNull) }
  mutating func visitRefFunc(_: UInt32) { opcodes.append(.refFunc) }
  mutating func visitRefEq() { opcodes.append(.refEq) }
  mutating func visitRefAsNonNull() { opcodes.append(.refAsNonNull) }
  mutating func visitAggregate(_ op: Opcode, _: UInt32, _: UInt32) { opcodes.append(op) }
  mutating func visitRefTest(_ op: Opcode, _: ValueType) { opcodes.append(op) }
  mutating func visitBrOnCast(_ op: Opcode, depth _: UInt32, from _: ValueType, to _: ValueType) { opcodes.append(op) }
}
