/// What receives a body's operators, in order: the validator, the compilers' scans and
/// emitters, the printer.
///
/// Operators come in families with the same immediates; `Opcode` tells them apart
/// (an exhaustive switch over the family is the compile-time check that none is
/// forgotten). There are no default methods, on purpose.
///
/// `OperatorReader.next(_:)` sets `operatorOffset` before each visit and attaches it
/// to an error that has no offset. Block types are decoded but, like all indices,
/// not checked: the validator is the sink that checks them; sinks behind it may rely on it.
public protocol OperatorSink: ~Copyable {
  /// Byte offset in the module of the operator being visited.
  var operatorOffset: UInt32 { get set }

  // Control
  mutating func visitUnreachable() throws(ModuleError)
  mutating func visitNop() throws(ModuleError)
  mutating func visitBlock(_ type: BlockType) throws(ModuleError)
  mutating func visitLoop(_ type: BlockType) throws(ModuleError)
  mutating func visitIf(_ type: BlockType) throws(ModuleError)
  mutating func visitElse() throws(ModuleError)
  mutating func visitEnd() throws(ModuleError)
  mutating func visitBr(_ depth: UInt32) throws(ModuleError)
  mutating func visitBrIf(_ depth: UInt32) throws(ModuleError)
  /// `targets` ends with the default; valid during the call only.
  mutating func visitBrTable(_ targets: UnsafeBufferPointer<UInt32>) throws(ModuleError)
  mutating func visitReturn() throws(ModuleError)
  mutating func visitCall(_ function: UInt32) throws(ModuleError)
  mutating func visitCallIndirect(type: UInt32, table: UInt32) throws(ModuleError)
  mutating func visitCallRef(type: UInt32) throws(ModuleError)
  mutating func visitReturnCall(_ function: UInt32) throws(ModuleError)
  mutating func visitReturnCallIndirect(type: UInt32, table: UInt32) throws(ModuleError)
  mutating func visitReturnCallRef(type: UInt32) throws(ModuleError)
  mutating func visitBrOnNull(_ depth: UInt32) throws(ModuleError)
  mutating func visitBrOnNonNull(_ depth: UInt32) throws(ModuleError)

  // Exceptions
  mutating func visitThrow(tag: UInt32) throws(ModuleError)
  mutating func visitThrowRef() throws(ModuleError)
  /// `catches` is valid during the call only.
  mutating func visitTryTable(_ type: BlockType, _ catches: UnsafeBufferPointer<CatchClause>) throws(ModuleError)
  /// try, catch, catch_all, rethrow, delegate: `operand` is the tag or depth, where there is one.
  mutating func visitLegacyException(_ op: Opcode, _ type: BlockType, operand: UInt32) throws(ModuleError)

  // Parametric and variable
  mutating func visitDrop() throws(ModuleError)
  mutating func visitSelect() throws(ModuleError)
  mutating func visitSelectTyped(_ type: ValueType) throws(ModuleError)
  mutating func visitLocalGet(_ local: UInt32) throws(ModuleError)
  mutating func visitLocalSet(_ local: UInt32) throws(ModuleError)
  mutating func visitLocalTee(_ local: UInt32) throws(ModuleError)
  mutating func visitGlobalGet(_ global: UInt32) throws(ModuleError)
  mutating func visitGlobalSet(_ global: UInt32) throws(ModuleError)

  // Constants
  mutating func visitI32Const(_ value: Int32) throws(ModuleError)
  mutating func visitI64Const(_ value: Int64) throws(ModuleError)
  mutating func visitF32Const(bits: UInt32) throws(ModuleError)
  mutating func visitF64Const(bits: UInt64) throws(ModuleError)
  mutating func visitV128Const(low: UInt64, high: UInt64) throws(ModuleError)

  /// Numeric and vector operators without immediates, wide arithmetic: all that is fully
  /// described by the table's signature.
  mutating func visitNumeric(_ op: Opcode) throws(ModuleError)

  // Memory
  /// Loads and stores, vector and atomic ones included.
  mutating func visitMemoryAccess(_ op: Opcode, _ memarg: MemArg) throws(ModuleError)
  mutating func visitLaneAccess(_ op: Opcode, _ memarg: MemArg, lane: UInt8) throws(ModuleError)
  mutating func visitAtomicFence() throws(ModuleError)
  mutating func visitMemorySize(_ memory: UInt32) throws(ModuleError)
  mutating func visitMemoryGrow(_ memory: UInt32) throws(ModuleError)
  mutating func visitMemoryFill(_ memory: UInt32) throws(ModuleError)
  mutating func visitMemoryCopy(destination: UInt32, source: UInt32) throws(ModuleError)
  mutating func visitMemoryInit(segment: UInt32, memory: UInt32) throws(ModuleError)
  mutating func visitDataDrop(_ segment: UInt32) throws(ModuleError)

  // Vector operators with lane immediates
  mutating func visitLane(_ op: Opcode, lane: UInt8) throws(ModuleError)
  /// 16 lane indices, little-endian.
  mutating func visitShuffle(low: UInt64, high: UInt64) throws(ModuleError)

  // Tables
  mutating func visitTableGet(_ table: UInt32) throws(ModuleError)
  mutating func visitTableSet(_ table: UInt32) throws(ModuleError)
  mutating func visitTableSize(_ table: UInt32) throws(ModuleError)
  mutating func visitTableGrow(_ table: UInt32) throws(ModuleError)
  mutating func visitTableFill(_ table: UInt32) throws(ModuleError)
  mutating func visitTableCopy(destination: UInt32, source: UInt32) throws(ModuleError)
  mutating func visitTableInit(segment: UInt32, table: UInt32) throws(ModuleError)
  mutating func visitElemDrop(_ segment: UInt32) throws(ModuleError)

  // References
  mutating func visitRefNull(_ heap: HeapType) throws(ModuleError)
  mutating func visitRefIsNull() throws(ModuleError)
  mutating func visitRefFunc(_ function: UInt32) throws(ModuleError)
  mutating func visitRefEq() throws(ModuleError)
  mutating func visitRefAsNonNull() throws(ModuleError)

  // Garbage collection
  /// struct.*, array.* , i31 and extern conversions: `a` is the type index, `b` the field, count, segment or second type.
  mutating func visitAggregate(_ op: Opcode, _ a: UInt32, _ b: UInt32) throws(ModuleError)
  /// ref.test and ref.cast; `target` includes nullability.
  mutating func visitRefTest(_ op: Opcode, _ target: ValueType) throws(ModuleError)
  mutating func visitBrOnCast(_ op: Opcode, depth: UInt32, from: ValueType, to: ValueType) throws(ModuleError)
}

/// A block's type: nothing, one result, or a type index.
public struct BlockType: Sendable, Equatable, BitwiseCopyable {
  public enum Form: UInt8, Sendable, BitwiseCopyable { case empty, value, index }
  public var form: Form
  /// A `ValueType`'s raw value or a type index.
  public var payload: UInt32
  @inlinable public init(form: Form, payload: UInt32) {
    self.form = form
    self.payload = payload
  }
  @inlinable public static var empty: BlockType { .init(form: .empty, payload: 0) }
  @inlinable public static func value(_ type: ValueType) -> BlockType { .init(form: .value, payload: type.rawValue) }
  @inlinable public static func index(_ index: UInt32) -> BlockType { .init(form: .index, payload: index) }
}

/// The immediate of a memory access.
public struct MemArg: Sendable, Equatable, BitwiseCopyable {
  public var offset: UInt64
  public var memory: UInt32
  /// log2 of the alignment hint.
  public var alignLog2: UInt8
  @inlinable public init(offset: UInt64, memory: UInt32, alignLog2: UInt8) {
    self.offset = offset
    self.memory = memory
    self.alignLog2 = alignLog2
  }
}

/// One clause of a `try_table`.
public struct CatchClause: Sendable, Equatable, BitwiseCopyable {
  public enum Kind: UInt8, Sendable, BitwiseCopyable { case `catch` = 0, catchRef = 1, catchAll = 2, catchAllRef = 3 }
  public var kind: Kind
  /// Unused by catch_all and catch_all_ref.
  public var tag: UInt32
  public var depth: UInt32
  @inlinable public init(kind: Kind, tag: UInt32, depth: UInt32) {
    self.kind = kind
    self.tag = tag
    self.depth = depth
  }
}
