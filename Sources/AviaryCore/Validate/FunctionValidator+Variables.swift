/// Parametric and variable operators, constants and numeric operators.
extension FunctionValidator {
  mutating func visitDrop() throws(ModuleError) { _ = try popAny() }

  mutating func visitSelect() throws(ModuleError) {
    try pop(.i32)
    let second = try popAny()
    let first = try popAny()
    let type = first == .bottom ? second : first
    guard type.isNumeric || type.isVector || type == .bottom else {
      throw ModuleError(
        .invalid, "type mismatch: instruction requires numeric or vector type but stack has \(TypeNames.name(type))")
    }
    guard first == second || first == .bottom || second == .bottom else {
      throw ModuleError(
        .invalid, "type mismatch: instruction requires [\(TypeNames.name(first))] but stack has [\(TypeNames.name(second))]")
    }
    push(type)
  }

  mutating func visitSelectTyped(_ type: ValueType) throws(ModuleError) {
    try check(type)
    try pop(type, type, .i32)
    push(type)
  }

  // MARK: Locals

  @inline(__always)
  func type(ofLocal local: UInt32) throws(ModuleError) -> ValueType {
    guard local < localCount else { throw unknown("local", local) }
    return unsafe ValueType(rawValue: locals[Int(local)])
  }

  @inline(__always)
  mutating func visitLocalGet(_ local: UInt32) throws(ModuleError) {
    let type = try type(ofLocal: local)
    if !type.isDefaultable { try checkInitialized(local) }
    push(type)
  }

  @inline(__always)
  mutating func visitLocalSet(_ local: UInt32) throws(ModuleError) {
    let type = try type(ofLocal: local)
    try pop(type)
    if !type.isDefaultable { initialize(local) }
  }

  @inline(__always)
  mutating func visitLocalTee(_ local: UInt32) throws(ModuleError) {
    let type = try type(ofLocal: local)
    try pop(type)
    if !type.isDefaultable { initialize(local) }
    push(type)
  }

  @inline(never)
  private func checkInitialized(_ local: UInt32) throws(ModuleError) {
    let type = unsafe frames[0].type
    let parameters = type.form == .index ? try parameters(ofType: type.payload).count : 0
    guard local < UInt32(parameters) || isInitialized.contains(local) else {
      throw ModuleError(.invalid, "uninitialized local \(local)")
    }
  }

  @inline(never)
  private mutating func initialize(_ local: UInt32) {
    if isInitialized.insert(local).inserted { initialized.append(local) }
  }

  /// Locals that were set in a block count as unset after it.
  @inline(__always)
  mutating func forgetInitialized(downTo count: Int) {
    while initialized.count > count { isInitialized.remove(initialized.removeLast()) }
  }

  // MARK: Globals

  mutating func visitGlobalGet(_ global: UInt32) throws(ModuleError) {
    guard global < visibleGlobals, let type = globals[global] else { throw unknown("global", global) }
    push(type)
  }

  mutating func visitGlobalSet(_ global: UInt32) throws(ModuleError) {
    guard let type = globals[global] else { throw unknown("global", global) }
    guard tables.globalMutability[global] == true else { throw ModuleError(.invalid, "immutable global") }
    try pop(ValueType(rawValue: type))
  }

  // MARK: Constants and arithmetic

  @inline(__always) mutating func visitI32Const(_: Int32) { push(.i32) }
  @inline(__always) mutating func visitI64Const(_: Int64) { push(.i64) }
  mutating func visitF32Const(bits _: UInt32) { push(.f32) }
  mutating func visitF64Const(bits _: UInt64) { push(.f64) }
  mutating func visitV128Const(low _: UInt64, high _: UInt64) { push(.v128) }

  @inline(__always)
  mutating func visitNumeric(_ op: Opcode) throws(ModuleError) {
    try unsafe apply(op, operators + Int(op.rawValue))
  }

  /// Pops and pushes what the table says of `op`.
  @inline(__always)
  mutating func apply(_ op: Opcode, _ entry: UnsafePointer<PackedSignature>) throws(ModuleError) {
    let signature = unsafe entry.pointee
    let pops = Int(signature.pops)
    // Reads of up to two words below `top` stay in the storage thanks to the pad.
    let difference = unsafe (top[-1] ^ signature.top) | ((top[-2] ^ signature.below) & signature.belowMask)
    if difference == 0 && height >= pops && !signature.isLong {
      unsafe top -= pops
      // At least one operand was there, so the result has room.
      unsafe top.initialize(to: signature.result)
      unsafe top += Int(signature.pushes)
    } else {
      try applySlowly(op, is64: unsafe entry != operators + Int(op.rawValue))
    }
  }

  @inline(never)
  private mutating func applySlowly(_ op: Opcode, is64: Bool) throws(ModuleError) {
    let signature = op.row.signature
    guard signature != .special else { preconditionFailure("\(op) has no fixed signature") }
    let index: ValueType = is64 ? .i64 : .i32
    let operands = (0..<signature.operandCount).map {
      OpcodeSignature.type(code: signature.operandCode($0), index: index).rawValue
    }
    try pop(all: operands)
    for result in 0..<signature.resultCount {
      push(OpcodeSignature.type(code: signature.resultCode(result), index: index))
    }
  }
}
