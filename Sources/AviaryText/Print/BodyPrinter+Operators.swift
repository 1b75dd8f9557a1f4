internal import AviaryCore

/// The operators: text, values taken, values left.
extension BodyPrinter {
  // MARK: Control

  mutating func visitUnreachable() throws(ModuleError) { try emit("unreachable", 0, 0) }
  mutating func visitNop() throws(ModuleError) { try emit("nop", 0, 0) }
  mutating func visitBlock(_ type: BlockType) throws(ModuleError) { try open(.block, "block", type) }
  mutating func visitLoop(_ type: BlockType) throws(ModuleError) { try open(.block, "loop", type, isLoop: true) }
  mutating func visitIf(_ type: BlockType) throws(ModuleError) { try open(.if, "if", type) }
  mutating func visitElse() throws(ModuleError) { try nextPart(.else, "else", of: [.if]) }
  mutating func visitEnd() throws(ModuleError) { try close() }

  mutating func visitBr(_ depth: UInt32) throws(ModuleError) { try emit("br " + label(depth), arity(depth), 0) }
  mutating func visitBrIf(_ depth: UInt32) throws(ModuleError) {
    try emit("br_if " + label(depth), arity(depth) + 1, arity(depth))
  }
  mutating func visitBrTable(_ targets: UnsafeBufferPointer<UInt32>) throws(ModuleError) {
    var text = "br_table"
    var last: UInt32 = 0
    for unsafe target in unsafe targets {
      text += " " + label(target)
      last = target
    }
    try emit(text, arity(last) + 1, 0)
  }
  mutating func visitReturn() throws(ModuleError) { try emit("return", blocks.first?.arity ?? 0, 0) }

  mutating func visitBrOnNull(_ depth: UInt32) throws(ModuleError) {
    try emit("br_on_null " + label(depth), arity(depth) + 1, arity(depth) + 1)
  }
  mutating func visitBrOnNonNull(_ depth: UInt32) throws(ModuleError) {
    try emit("br_on_non_null " + label(depth), arity(depth), arity(depth) - 1)
  }
  mutating func visitBrOnCast(
    _ op: Opcode, depth: UInt32, from: ValueType, to: ValueType
  ) throws(ModuleError) {
    let text = [op.mnemonic, label(depth), types.text(from), types.text(to)].joined(separator: " ")
    try emit(text, arity(depth), arity(depth))
  }

  // MARK: Calls

  private func call(_ type: FunctionType?, extra: Int) -> (operands: Int, results: Int) {
    type.map { ($0.parameters.count + extra, $0.results.count) } ?? (0, -1)
  }
  private func typeOfFunction(_ index: UInt32) -> FunctionType? {
    Int(index) < info.functions.count ? types.function(info.functions[Int(index)]) : nil
  }
  private func indirect(_ type: UInt32, _ table: UInt32) -> String {
    (table == 0 ? "" : " " + names.reference(.table, table)) + " (type " + names.reference(.type, type) + ")"
  }

  mutating func visitCall(_ function: UInt32) throws(ModuleError) {
    let counts = call(typeOfFunction(function), extra: 0)
    try emit("call " + names.reference(.function, function), counts.operands, counts.results)
  }
  mutating func visitCallIndirect(type: UInt32, table: UInt32) throws(ModuleError) {
    let counts = call(types.function(type), extra: 1)
    try emit("call_indirect" + indirect(type, table), counts.operands, counts.results)
  }
  mutating func visitCallRef(type: UInt32) throws(ModuleError) {
    let counts = call(types.function(type), extra: 1)
    try emit("call_ref " + names.reference(.type, type), counts.operands, counts.results)
  }
  mutating func visitReturnCall(_ function: UInt32) throws(ModuleError) {
    let counts = call(typeOfFunction(function), extra: 0)
    try emit("return_call " + names.reference(.function, function), counts.operands, 0)
  }
  mutating func visitReturnCallIndirect(type: UInt32, table: UInt32) throws(ModuleError) {
    let counts = call(types.function(type), extra: 1)
    try emit("return_call_indirect" + indirect(type, table), counts.operands, 0)
  }
  mutating func visitReturnCallRef(type: UInt32) throws(ModuleError) {
    let counts = call(types.function(type), extra: 1)
    try emit("return_call_ref " + names.reference(.type, type), counts.operands, 0)
  }

  // MARK: Exceptions

  mutating func visitThrow(tag: UInt32) throws(ModuleError) {
    let type = Int(tag) < info.tags.count ? types.function(info.tags[Int(tag)]) : nil
    try emit("throw " + names.reference(.tag, tag), type?.parameters.count ?? 0, 0)
  }
  mutating func visitThrowRef() throws(ModuleError) { try emit("throw_ref", 1, 0) }
  mutating func visitTryTable(
    _ type: BlockType, _ catches: UnsafeBufferPointer<CatchClause>
  ) throws(ModuleError) {
    var text = ""
    for unsafe clause in unsafe catches {
      switch clause.kind {
      case .catch: text += " (catch " + names.reference(.tag, clause.tag)
      case .catchRef: text += " (catch_ref " + names.reference(.tag, clause.tag)
      case .catchAll: text += " (catch_all"
      case .catchAllRef: text += " (catch_all_ref"
      }
      text += " " + label(clause.depth) + ")"
    }
    try open(.block, "try_table", type, suffix: text)
  }
  mutating func visitLegacyException(_ op: Opcode, _ type: BlockType, operand: UInt32) throws(ModuleError) {
    switch op {
    case .try: try open(.try, "try", type)
    case .catch: try nextPart(.catch, "catch " + names.reference(.tag, operand), of: [.try, .catch])
    case .catchAll: try nextPart(.else, "catch_all", of: [.try, .catch])
    case .delegate: try delegate(operand)
    default: try emit("rethrow " + label(operand), 0, 0)
    }
  }

  // MARK: Parametric and variable

  mutating func visitDrop() throws(ModuleError) { try emit("drop", 1, 0) }
  mutating func visitSelect() throws(ModuleError) { try emit("select", 3, 1) }
  mutating func visitSelectTyped(_ type: ValueType) throws(ModuleError) {
    try emit("select (result " + types.text(type) + ")", 3, 1)
  }
  mutating func visitLocalGet(_ local: UInt32) throws(ModuleError) {
    try emit("local.get " + self.local(local), 0, 1)
  }
  mutating func visitLocalSet(_ local: UInt32) throws(ModuleError) {
    try emit("local.set " + self.local(local), 1, 0)
  }
  mutating func visitLocalTee(_ local: UInt32) throws(ModuleError) {
    try emit("local.tee " + self.local(local), 1, 1)
  }
  mutating func visitGlobalGet(_ global: UInt32) throws(ModuleError) {
    try emit("global.get " + names.reference(.global, global), 0, 1)
  }
  mutating func visitGlobalSet(_ global: UInt32) throws(ModuleError) {
    try emit("global.set " + names.reference(.global, global), 1, 0)
  }

  // MARK: Constants and numbers

  mutating func visitI32Const(_ value: Int32) throws(ModuleError) { try emit("i32.const \(value)", 0, 1) }
  mutating func visitI64Const(_ value: Int64) throws(ModuleError) { try emit("i64.const \(value)", 0, 1) }
  mutating func visitF32Const(bits: UInt32) throws(ModuleError) { try emit("f32.const " + FloatText.f32(bits), 0, 1) }
  mutating func visitF64Const(bits: UInt64) throws(ModuleError) { try emit("f64.const " + FloatText.f64(bits), 0, 1) }
  mutating func visitV128Const(low: UInt64, high: UInt64) throws(ModuleError) {
    var text = "v128.const i32x4"
    for word in [low, low >> 32, high, high >> 32] {
      let digits = String(UInt32(truncatingIfNeeded: word), radix: 16)
      text += " 0x" + String(repeating: "0", count: 8 - digits.count) + digits
    }
    try emit(text, 0, 1)
  }
  mutating func visitNumeric(_ op: Opcode) throws(ModuleError) { try emitBySignature(op, "") }

  private mutating func emitBySignature(_ op: Opcode, _ immediates: String) throws(ModuleError) {
    let row = op.row
    try emit(row.mnemonic + immediates, row.signature.operandCount, row.signature.resultCount)
  }
  mutating func visitLane(_ op: Opcode, lane: UInt8) throws(ModuleError) { try emitBySignature(op, " \(lane)") }
  mutating func visitShuffle(low: UInt64, high: UInt64) throws(ModuleError) {
    var text = ""
    for word in [low, high] {
      for byte in 0..<8 as Range<UInt64> { text += " \(UInt8(truncatingIfNeeded: word >> (8 * byte)))" }
    }
    try emitBySignature(.i8x16Shuffle, text)
  }

  // MARK: Memory

  private func text(_ memarg: MemArg, _ op: Opcode) -> String {
    var text = memarg.memory == 0 ? "" : " " + names.reference(.memory, memarg.memory)
    if memarg.offset != 0 { text += " offset=\(memarg.offset)" }
    let align = UInt64(1) << UInt64(memarg.alignLog2 & 63)
    if align != UInt64(op.row.width) { text += " align=\(align)" }
    return text
  }
  private func optional(_ space: Space, _ index: UInt32) -> String {
    index == 0 ? "" : " " + names.reference(space, index)
  }
  private func pair(_ space: Space, _ first: UInt32, _ second: UInt32) -> String {
    first == 0 && second == 0 ? "" : " " + names.reference(space, first) + " " + names.reference(space, second)
  }

  mutating func visitMemoryAccess(_ op: Opcode, _ memarg: MemArg) throws(ModuleError) {
    try emitBySignature(op, text(memarg, op))
  }
  mutating func visitLaneAccess(_ op: Opcode, _ memarg: MemArg, lane: UInt8) throws(ModuleError) {
    try emitBySignature(op, text(memarg, op) + " \(lane)")
  }
  mutating func visitAtomicFence() throws(ModuleError) { try emit("atomic.fence", 0, 0) }
  mutating func visitMemorySize(_ memory: UInt32) throws(ModuleError) {
    try emit("memory.size" + optional(.memory, memory), 0, 1)
  }
  mutating func visitMemoryGrow(_ memory: UInt32) throws(ModuleError) {
    try emit("memory.grow" + optional(.memory, memory), 1, 1)
  }
  mutating func visitMemoryFill(_ memory: UInt32) throws(ModuleError) {
    try emit("memory.fill" + optional(.memory, memory), 3, 0)
  }
  mutating func visitMemoryCopy(destination: UInt32, source: UInt32) throws(ModuleError) {
    try emit("memory.copy" + pair(.memory, destination, source), 3, 0)
  }
  mutating func visitMemoryInit(segment: UInt32, memory: UInt32) throws(ModuleError) {
    try emit("memory.init" + optional(.memory, memory) + " " + names.reference(.data, segment), 3, 0)
  }
  mutating func visitDataDrop(_ segment: UInt32) throws(ModuleError) {
    try emit("data.drop " + names.reference(.data, segment), 0, 0)
  }

  // MARK: Tables

  mutating func visitTableGet(_ table: UInt32) throws(ModuleError) {
    try emit("table.get" + optional(.table, table), 1, 1)
  }
  mutating func visitTableSet(_ table: UInt32) throws(ModuleError) {
    try emit("table.set" + optional(.table, table), 2, 0)
  }
  mutating func visitTableSize(_ table: UInt32) throws(ModuleError) {
    try emit("table.size" + optional(.table, table), 0, 1)
  }
  mutating func visitTableGrow(_ table: UInt32) throws(ModuleError) {
    try emit("table.grow" + optional(.table, table), 2, 1)
  }
  mutating func visitTableFill(_ table: UInt32) throws(ModuleError) {
    try emit("table.fill" + optional(.table, table), 3, 0)
  }
  mutating func visitTableCopy(destination: UInt32, source: UInt32) throws(ModuleError) {
    try emit("table.copy" + pair(.table, destination, source), 3, 0)
  }
  mutating func visitTableInit(segment: UInt32, table: UInt32) throws(ModuleError) {
    try emit("table.init" + optional(.table, table) + " " + names.reference(.element, segment), 3, 0)
  }
  mutating func visitElemDrop(_ segment: UInt32) throws(ModuleError) {
    try emit("elem.drop " + names.reference(.element, segment), 0, 0)
  }

  // MARK: References

  mutating func visitRefNull(_ heap: HeapType) throws(ModuleError) { try emit("ref.null " + types.text(heap), 0, 1) }
  mutating func visitRefIsNull() throws(ModuleError) { try emit("ref.is_null", 1, 1) }
  mutating func visitRefFunc(_ function: UInt32) throws(ModuleError) {
    try emit("ref.func " + names.reference(.function, function), 0, 1)
  }
  mutating func visitRefEq() throws(ModuleError) { try emit("ref.eq", 2, 1) }
  mutating func visitRefAsNonNull() throws(ModuleError) { try emit("ref.as_non_null", 1, 1) }
  mutating func visitRefTest(_ op: Opcode, _ target: ValueType) throws(ModuleError) {
    let isTest = op == .refTest || op == .refTestNull
    // Written out: `(ref null any)` and `anyref` are the same to the encoder.
    try emit((isTest ? "ref.test " : "ref.cast ") + types.text(target), 1, 1)
  }

  // MARK: Aggregates

  mutating func visitAggregate(_ op: Opcode, _ a: UInt32, _ b: UInt32) throws(ModuleError) {
    var text = op.mnemonic
    switch op.row.immediates {
    case .type: text += " " + names.reference(.type, a)
    case .typeField: text += " " + names.reference(.type, a) + " " + field(a, b)
    case .typeCount: text += " " + names.reference(.type, a) + " \(b)"
    case .typeType: text += " " + names.reference(.type, a) + " " + names.reference(.type, b)
    case .typeData: text += " " + names.reference(.type, a) + " " + names.reference(.data, b)
    case .typeElem: text += " " + names.reference(.type, a) + " " + names.reference(.element, b)
    default: break
    }
    let counts = aggregateCounts(op, a, b)
    try emit(text, counts.operands, counts.results)
  }

  private func aggregateCounts(_ op: Opcode, _ a: UInt32, _ b: UInt32) -> (operands: Int, results: Int) {
    switch op {
    case .structNew:
      guard Int(a) < info.types.count, case .structure(let fields) = info.types[Int(a)].composite else {
        return (0, -1)
      }
      return (fields.count, 1)
    case .structNewDefault: return (0, 1)
    case .structSet: return (2, 0)
    case .arrayNew, .arrayNewData, .arrayNewElem, .arrayGet, .arrayGetS, .arrayGetU: return (2, 1)
    case .arrayNewFixed: return (Int(b), 1)
    case .arraySet: return (3, 0)
    case .arrayFill, .arrayInitData, .arrayInitElem: return (4, 0)
    case .arrayCopy: return (5, 0)
    default: return (1, 1)
    }
  }
}
