import AviaryCore

/// What the first pass learns of a body besides its locals' weights.
struct ScanFacts: BitwiseCopyable {
  /// Weighted number of calls and builtins: what a pin in a volatile register costs.
  var callWeight: UInt32 = 0
  /// Whether anything is called and returned from: volatile registers are lost then.
  var hasCalls = false
  /// Whether it may call before it comes to a loop's head; tail calls are calls.
  var callsOutsideLoops = false
  /// Whether r15 may be lost: the frame keeps the context (docs/abi.md).
  var hasForeignCalls = false
  /// Whether a vector may be among the locals or on the operand stack: slots have 16 bytes then. Found by whatever
  /// makes a vector, and by the types of the function, its locals and its blocks.
  var hasVectors = false
  /// Whether an exception may land in it: it has a try.
  var hasHandlers = false
  /// Whether it throws: the runtime is called, and does not return.
  var hasThrows = false
  /// Whether a legacy `catch` may throw again what it caught.
  var hasRethrows = false
}

/// The first pass: weighs locals and calls by their loops. It sees dead code too,
/// which does no harm.
@safe
struct ScanSink: ~Copyable, OperatorSink {
  var operatorOffset: UInt32 = 0
  var locals = FlatArray<LocalInfo>(capacity: 64)
  /// In the order of their first use.
  var seenLocals = FlatArray<UInt32>(capacity: 64)
  var facts = ScanFacts()
  private let importedFunctionCount: UInt32
  private let hasForeignTailCalls: Bool
  /// Rows of the module's tables, to ask whether calls, blocks and globals have vectors; only where some type of function
  /// or global has.
  private let signatures: FrozenArray<ModuleTables.Signature>
  private let functions: FrozenArray<UInt32>
  private let globals: FrozenArray<ModuleTables.Global>
  private let tags: FrozenArray<ModuleTables.Tag>
  private let hasVectorTypes: Bool
  /// Weights to return to, one for each open block.
  private var outer = FlatArray<UInt32>(capacity: 64)
  /// How many of the open blocks there are up to the outermost loop, it included; 0: none of them is one.
  private var loops = 0
  /// Loops each of whose turns comes to an inner loop's head, whose epoch check is theirs too: where their operators are,
  /// in order.
  var uncheckedLoops = FlatArray<UInt32>(capacity: 16)
  /// The innermost open loop, as long as every way from its head has come here: where its operator is, and how many blocks
  /// were open with it. `straightDepth` 0: there is none.
  private var straightLoop: UInt32 = 0
  private var straightDepth = 0
  private var weight: UInt32 = 16
  /// Where the latest call was, and its part of the sum.
  private var lastCall: UInt32 = 0
  private var lastCallWeight: UInt32 = 0

  init(_ tables: ModuleTables) {
    importedFunctionCount = UInt32(tables.importedFunctionCount)
    hasForeignTailCalls = tables.hasForeignTailCalls
    signatures = tables.signatures
    functions = tables.functions
    globals = tables.globals
    tags = tables.tags
    hasVectorTypes = tables.hasVectorTypes
  }

  mutating func begin() {
    locals.removeAll()
    seenLocals.removeAll()
    outer.removeAll()
    loops = 0
    uncheckedLoops.removeAll()
    straightDepth = 0
    facts = ScanFacts()
    weight = 16
    lastCallWeight = 0
  }

  // MARK: Blocks and weights

  @inline(__always)
  private mutating func open(_ inner: UInt32) {
    outer.append(weight)
    weight = inner
  }

  @inline(__always)
  private mutating func use(_ local: UInt32) {
    let info = locals[Int(local)]
    locals[Int(local)].weight = info.weight.saturatingAdd(weight)
    if !info.isSeen {
      locals[Int(local)].isSeen = true
      seenLocals.append(local)
    }
  }

  @inline(__always)
  private mutating func assign(_ local: UInt32) {
    // The function's own level: whatever comes later comes after this.
    if outer.isEmpty && !locals[Int(local)].isSeen { locals[Int(local)].startsAssigned = true }
    use(local)
  }

  @inline(__always)
  private mutating func note(_ type: BlockType) {
    switch type.form {
    case .empty: return
    case .value: if type.payload == ValueType.v128.rawValue { facts.hasVectors = true }
    case .index: noteSignature(type.payload)
    }
  }

  @inline(__always)
  private mutating func noteSignature(_ type: UInt32) {
    if hasVectorTypes && signatures[type].hasVectors { facts.hasVectors = true }
  }

  @inline(__always)
  private mutating func noteOperator(_ op: AviaryCore.Opcode) {
    if op.isVector { facts.hasVectors = true }
  }

  private mutating func call(isForeign: Bool) {
    if loops == 0 { facts.callsOutsideLoops = true }
    lastCall = operatorOffset
    lastCallWeight = facts.callWeight.saturatingAdd(weight) == .max ? 0 : weight
    facts.callWeight = facts.callWeight.saturatingAdd(weight)
    facts.hasCalls = true
    if isForeign { facts.hasForeignCalls = true }
  }

  // MARK: Control

  mutating func visitUnreachable() throws(ModuleError) {
    straightDepth = 0
    // A call right before this does not return: it is as rare as it is cold.
    if operatorOffset &- lastCall <= 8 { facts.callWeight &-= lastCallWeight }
    lastCallWeight = 0
  }
  mutating func visitNop() throws(ModuleError) {}
  mutating func visitBlock(_ type: BlockType) throws(ModuleError) {
    note(type)
    open(weight)
  }
  mutating func visitLoop(_ type: BlockType) throws(ModuleError) {
    note(type)
    open(weight > UInt32.max / 64 ? weight : weight &* 8)
    if loops == 0 { loops = outer.count }
    if straightDepth != 0 { uncheckedLoops.append(straightLoop) }
    (straightLoop, straightDepth) = (operatorOffset, outer.count)
  }
  mutating func visitIf(_ type: BlockType) throws(ModuleError) {
    note(type)
    straightDepth = 0
    open(max(weight / 2, 1))
  }
  mutating func visitElse() throws(ModuleError) {}
  mutating func visitEnd() throws(ModuleError) {
    if outer.isEmpty { return }
    if loops == outer.count { loops = 0 }
    if straightDepth == outer.count { straightDepth = 0 }
    weight = outer.removeLast()
  }
  // Whatever branches may go to a loop's head, or around another's.
  mutating func visitBr(_ depth: UInt32) throws(ModuleError) { straightDepth = 0 }
  mutating func visitBrIf(_ depth: UInt32) throws(ModuleError) { straightDepth = 0 }
  mutating func visitBrTable(_ targets: UnsafeBufferPointer<UInt32>) throws(ModuleError) { straightDepth = 0 }
  mutating func visitReturn() throws(ModuleError) { straightDepth = 0 }
  mutating func visitCall(_ function: UInt32) throws(ModuleError) {
    if hasVectorTypes { noteSignature(functions[function]) }
    call(isForeign: hasForeignTailCalls || function < importedFunctionCount)
  }
  mutating func visitCallIndirect(type: UInt32, table: UInt32) throws(ModuleError) {
    noteSignature(type)
    call(isForeign: true)
  }
  mutating func visitCallRef(type: UInt32) throws(ModuleError) {
    noteSignature(type)
    call(isForeign: true)
  }
  mutating func visitReturnCall(_ function: UInt32) throws(ModuleError) {
    if loops == 0 { facts.callsOutsideLoops = true }
  }
  mutating func visitReturnCallIndirect(type: UInt32, table: UInt32) throws(ModuleError) {
    // The check of a type that is not final may call a builtin.
    call(isForeign: false)
  }
  mutating func visitReturnCallRef(type: UInt32) throws(ModuleError) {
    if loops == 0 { facts.callsOutsideLoops = true }
  }
  mutating func visitBrOnNull(_ depth: UInt32) throws(ModuleError) { straightDepth = 0 }
  mutating func visitBrOnNonNull(_ depth: UInt32) throws(ModuleError) { straightDepth = 0 }
  mutating func visitThrow(tag: UInt32) throws(ModuleError) {
    noteSignature(tags[tag].type)
    facts.hasThrows = true
  }
  mutating func visitThrowRef() throws(ModuleError) { facts.hasThrows = true }
  mutating func visitTryTable(
    _ type: BlockType, _ catches: UnsafeBufferPointer<CatchClause>
  ) throws(ModuleError) {
    note(type)
    for unsafe clause in unsafe catches where clause.kind == .catch || clause.kind == .catchRef {
      noteSignature(tags[clause.tag].type)
    }
    // An exception leads out of it without passing its end.
    straightDepth = 0
    catchExceptions()
    open(weight)
  }
  mutating func visitLegacyException(
    _ op: AviaryCore.Opcode, _ type: BlockType, operand: UInt32
  ) throws(ModuleError) {
    straightDepth = 0
    switch op {
    case .try:
      note(type)
      catchExceptions()
      open(weight)
    case .catch: noteSignature(tags[operand].type)
    case .delegate: try visitEnd()
    case .rethrow:
      facts.hasThrows = true
      facts.hasRethrows = true
    default: break
    }
  }

  /// Registers are lost where one lands, and the context has to be found again.
  private mutating func catchExceptions() {
    facts.hasHandlers = true
    facts.hasCalls = true
    facts.hasForeignCalls = true
  }

  // MARK: Locals

  mutating func visitDrop() throws(ModuleError) {}
  mutating func visitSelect() throws(ModuleError) {}
  mutating func visitSelectTyped(_ type: ValueType) throws(ModuleError) {}
  mutating func visitLocalGet(_ local: UInt32) throws(ModuleError) { use(local) }
  mutating func visitLocalSet(_ local: UInt32) throws(ModuleError) { assign(local) }
  mutating func visitLocalTee(_ local: UInt32) throws(ModuleError) { assign(local) }
  mutating func visitGlobalGet(_ global: UInt32) throws(ModuleError) {
    if hasVectorTypes && globals[global].type == .vector { facts.hasVectors = true }
  }
  mutating func visitGlobalSet(_ global: UInt32) throws(ModuleError) {}

  // MARK: What calls builtins

  mutating func visitMemoryGrow(_ memory: UInt32) throws(ModuleError) { call(isForeign: false) }
  mutating func visitMemoryFill(_ memory: UInt32) throws(ModuleError) { call(isForeign: false) }
  mutating func visitMemoryCopy(destination: UInt32, source: UInt32) throws(ModuleError) { call(isForeign: false) }
  mutating func visitMemoryInit(segment: UInt32, memory: UInt32) throws(ModuleError) { call(isForeign: false) }
  mutating func visitDataDrop(_ segment: UInt32) throws(ModuleError) { call(isForeign: false) }
  mutating func visitTableGrow(_ table: UInt32) throws(ModuleError) { call(isForeign: false) }
  mutating func visitTableFill(_ table: UInt32) throws(ModuleError) { call(isForeign: false) }
  mutating func visitTableCopy(destination: UInt32, source: UInt32) throws(ModuleError) { call(isForeign: false) }
  mutating func visitTableInit(segment: UInt32, table: UInt32) throws(ModuleError) { call(isForeign: false) }
  mutating func visitElemDrop(_ segment: UInt32) throws(ModuleError) { call(isForeign: false) }
  mutating func visitMemoryAccess(_ op: AviaryCore.Opcode, _ memarg: MemArg) throws(ModuleError) {
    switch op {
    case .memoryAtomicNotify, .memoryAtomicWait32, .memoryAtomicWait64: call(isForeign: false)
    default: noteOperator(op)
    }
  }

  // MARK: Of no interest here

  mutating func visitI32Const(_ value: Int32) throws(ModuleError) {}
  mutating func visitI64Const(_ value: Int64) throws(ModuleError) {}
  mutating func visitF32Const(bits: UInt32) throws(ModuleError) {}
  mutating func visitF64Const(bits: UInt64) throws(ModuleError) {}
  mutating func visitV128Const(low: UInt64, high: UInt64) throws(ModuleError) { facts.hasVectors = true }
  mutating func visitNumeric(_ op: AviaryCore.Opcode) throws(ModuleError) { noteOperator(op) }
  mutating func visitLaneAccess(_ op: AviaryCore.Opcode, _ memarg: MemArg, lane: UInt8) throws(ModuleError) { facts.hasVectors = true }
  mutating func visitAtomicFence() throws(ModuleError) {}
  mutating func visitMemorySize(_ memory: UInt32) throws(ModuleError) {}
  mutating func visitLane(_ op: AviaryCore.Opcode, lane: UInt8) throws(ModuleError) { facts.hasVectors = true }
  mutating func visitShuffle(low: UInt64, high: UInt64) throws(ModuleError) { facts.hasVectors = true }
  mutating func visitTableGet(_ table: UInt32) throws(ModuleError) {}
  mutating func visitTableSet(_ table: UInt32) throws(ModuleError) {}
  mutating func visitTableSize(_ table: UInt32) throws(ModuleError) {}
  mutating func visitRefNull(_ heap: HeapType) throws(ModuleError) {}
  mutating func visitRefIsNull() throws(ModuleError) {}
  mutating func visitRefFunc(_ function: UInt32) throws(ModuleError) {}
  mutating func visitRefEq() throws(ModuleError) {}
  mutating func visitRefAsNonNull() throws(ModuleError) {}
  mutating func visitAggregate(_ op: AviaryCore.Opcode, _ a: UInt32, _ b: UInt32) throws(ModuleError) {}
  mutating func visitRefTest(_ op: AviaryCore.Opcode, _ target: ValueType) throws(ModuleError) {}
  mutating func visitBrOnCast(
    _ op: AviaryCore.Opcode, depth: UInt32, from: ValueType, to: ValueType
  ) throws(ModuleError) { straightDepth = 0 }
}

extension UInt32 {
  @inline(__always)
  func saturatingAdd(_ other: UInt32) -> UInt32 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
