/// Validates constant expressions: lets through what is constant to a `FunctionValidator`, and refuses all else.
///
/// Source: WebAssembly 3.0 section 3.4.14 (constant expressions).
struct ConstantValidator: OperatorSink, ~Copyable {
  var operatorOffset: UInt32 {
    get { inner.operatorOffset }
    set { inner.operatorOffset = newValue }
  }
  private var inner: FunctionValidator
  private let features: Features

  init(_ tables: ModuleTables) {
    inner = FunctionValidator(tables)
    inner.isConstantExpression = true
    features = tables.info.features
  }

  /// Validates `expression`, which leaves one value of `type`, where the first `globals` globals
  /// may be named.
  mutating func validate(
    _ expression: ConstantExpression, type: ValueType, globals: Int, of info: ModuleInfo
  ) throws(ModuleError) {
    inner.visibleGlobals = UInt32(globals)
    try inner.begin(constantOf: type)
    var reader = OperatorReader(ByteCursor(info.bytes, in: expression.range), features: features)
    while inner.frameCount > 0 { try reader.next(&self) }
  }

  private var notConstant: ModuleError { ModuleError(.invalid, "constant expression required") }

  mutating func visitEnd() throws(ModuleError) { try inner.visitEnd() }
  mutating func visitI32Const(_ value: Int32) { inner.visitI32Const(value) }
  mutating func visitI64Const(_ value: Int64) { inner.visitI64Const(value) }
  mutating func visitF32Const(bits: UInt32) { inner.visitF32Const(bits: bits) }
  mutating func visitF64Const(bits: UInt64) { inner.visitF64Const(bits: bits) }
  mutating func visitV128Const(low: UInt64, high: UInt64) { inner.visitV128Const(low: low, high: high) }
  mutating func visitRefNull(_ heap: HeapType) throws(ModuleError) { try inner.visitRefNull(heap) }
  mutating func visitRefFunc(_ function: UInt32) throws(ModuleError) { try inner.visitRefFunc(function) }

  mutating func visitGlobalGet(_ global: UInt32) throws(ModuleError) {
    let tables = inner.tables
    guard global < inner.visibleGlobals else { throw inner.unknown("global", global) }
    guard tables.globalMutability[global] == false else { throw notConstant }
    // Globals of the module itself came with garbage collection.
    guard Int(global) < tables.info.importedGlobalCount || features.contains(.garbageCollection) else {
      throw notConstant
    }
    try inner.visitGlobalGet(global)
  }

  mutating func visitNumeric(_ op: Opcode) throws(ModuleError) {
    switch op {
    case .i32Add, .i32Sub, .i32Mul, .i64Add, .i64Sub, .i64Mul:
      guard features.contains(.extendedConstants) else { throw notConstant }
      try inner.visitNumeric(op)
    default:
      throw notConstant
    }
  }

  mutating func visitAggregate(_ op: Opcode, _ a: UInt32, _ b: UInt32) throws(ModuleError) {
    switch op {
    case .structNew, .structNewDefault, .arrayNew, .arrayNewDefault, .arrayNewFixed, .refI31, .anyConvertExtern,
      .externConvertAny:
      try inner.visitAggregate(op, a, b)
    default:
      throw notConstant
    }
  }

  // MARK: Never constant

  mutating func visitUnreachable() throws(ModuleError) { throw notConstant }
  mutating func visitNop() throws(ModuleError) { throw notConstant }
  mutating func visitBlock(_: BlockType) throws(ModuleError) { throw notConstant }
  mutating func visitLoop(_: BlockType) throws(ModuleError) { throw notConstant }
  mutating func visitIf(_: BlockType) throws(ModuleError) { throw notConstant }
  mutating func visitElse() throws(ModuleError) { throw notConstant }
  mutating func visitBr(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitBrIf(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitBrTable(_: UnsafeBufferPointer<UInt32>) throws(ModuleError) { throw notConstant }
  mutating func visitReturn() throws(ModuleError) { throw notConstant }
  mutating func visitCall(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitCallIndirect(type _: UInt32, table _: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitCallRef(type _: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitReturnCall(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitReturnCallIndirect(type _: UInt32, table _: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitReturnCallRef(type _: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitBrOnNull(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitBrOnNonNull(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitThrow(tag _: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitThrowRef() throws(ModuleError) { throw notConstant }
  mutating func visitTryTable(_: BlockType, _: UnsafeBufferPointer<CatchClause>) throws(ModuleError) { throw notConstant }
  mutating func visitLegacyException(_: Opcode, _: BlockType, operand _: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitDrop() throws(ModuleError) { throw notConstant }
  mutating func visitSelect() throws(ModuleError) { throw notConstant }
  mutating func visitSelectTyped(_: ValueType) throws(ModuleError) { throw notConstant }
  mutating func visitLocalGet(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitLocalSet(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitLocalTee(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitGlobalSet(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitMemoryAccess(_: Opcode, _: MemArg) throws(ModuleError) { throw notConstant }
  mutating func visitLaneAccess(_: Opcode, _: MemArg, lane _: UInt8) throws(ModuleError) { throw notConstant }
  mutating func visitAtomicFence() throws(ModuleError) { throw notConstant }
  mutating func visitMemorySize(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitMemoryGrow(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitMemoryFill(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitMemoryCopy(destination _: UInt32, source _: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitMemoryInit(segment _: UInt32, memory _: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitDataDrop(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitLane(_: Opcode, lane _: UInt8) throws(ModuleError) { throw notConstant }
  mutating func visitShuffle(low _: UInt64, high _: UInt64) throws(ModuleError) { throw notConstant }
  mutating func visitTableGet(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitTableSet(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitTableSize(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitTableGrow(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitTableFill(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitTableCopy(destination _: UInt32, source _: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitTableInit(segment _: UInt32, table _: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitElemDrop(_: UInt32) throws(ModuleError) { throw notConstant }
  mutating func visitRefIsNull() throws(ModuleError) { throw notConstant }
  mutating func visitRefEq() throws(ModuleError) { throw notConstant }
  mutating func visitRefAsNonNull() throws(ModuleError) { throw notConstant }
  mutating func visitRefTest(_: Opcode, _: ValueType) throws(ModuleError) { throw notConstant }
  mutating func visitBrOnCast(_: Opcode, depth _: UInt32, from _: ValueType, to _: ValueType) throws(ModuleError) { throw notConstant }
}
