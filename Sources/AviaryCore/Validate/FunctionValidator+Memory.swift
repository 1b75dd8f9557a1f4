/// Memories, data segments and vector lanes.
extension FunctionValidator {
  // MARK: Accesses

  @inline(__always)
  mutating func visitMemoryAccess(_ op: Opcode, _ memarg: MemArg) throws(ModuleError) {
    if memarg.memory == 0 && memarg.offset <= UInt64(UInt32.max), let table = unsafe memory0Operators {
      let entry = unsafe table + Int(op.rawValue)
      if unsafe memarg.alignLog2 == entry.pointee.alignLog2 {
        return try unsafe apply(op, entry)
      }
    }
    try visitRareAccess(op, memarg)
  }

  @inline(never)
  private mutating func visitRareAccess(_ op: Opcode, _ memarg: MemArg) throws(ModuleError) {
    let entry = try unsafe check(op, memarg)
    try unsafe apply(op, entry)
  }

  mutating func visitLaneAccess(_ op: Opcode, _ memarg: MemArg, lane: UInt8) throws(ModuleError) {
    let entry = try unsafe check(op, memarg)
    // A vector has 16 bytes; a lane is as large as the access.
    guard unsafe Int(lane) < 16 >> Int(entry.pointee.alignLog2) else {
      throw ModuleError(.invalid, "invalid lane index")
    }
    try unsafe apply(op, entry)
  }

  /// Memory, alignment and offset; the operator's entry for that memory's index type.
  private func check(_ op: Opcode, _ memarg: MemArg) throws(ModuleError) -> UnsafePointer<PackedSignature> {
    let is64 = try is64(memory: memarg.memory)
    let entry = unsafe (is64 ? OperatorSignatures.shared.index64 : operators) + Int(op.rawValue)
    let natural = unsafe entry.pointee.alignLog2
    guard memarg.alignLog2 <= natural else {
      throw ModuleError(.invalid, "alignment must not be larger than natural")
    }
    // Atomics are the last rows of the table.
    guard memarg.alignLog2 == natural || op.rawValue < Opcode.memoryAtomicNotify.rawValue else {
      throw ModuleError(.invalid, "atomic alignment must be natural")
    }
    guard is64 || memarg.offset <= UInt64(UInt32.max) else { throw ModuleError(.invalid, "offset out of range") }
    return unsafe entry
  }

  mutating func visitAtomicFence() {}

  // MARK: Whole memories

  private func is64(memory: UInt32) throws(ModuleError) -> Bool {
    guard let is64 = tables.memories64[memory] else { throw unknown("memory", memory) }
    return is64
  }

  private func indexType(ofMemory memory: UInt32) throws(ModuleError) -> ValueType {
    try is64(memory: memory) ? .i64 : .i32
  }

  mutating func visitMemorySize(_ memory: UInt32) throws(ModuleError) {
    push(try indexType(ofMemory: memory))
  }

  mutating func visitMemoryGrow(_ memory: UInt32) throws(ModuleError) {
    let index = try indexType(ofMemory: memory)
    try pop(index)
    push(index)
  }

  mutating func visitMemoryFill(_ memory: UInt32) throws(ModuleError) {
    let index = try indexType(ofMemory: memory)
    try pop(index, .i32, index)
  }

  mutating func visitMemoryCopy(destination: UInt32, source: UInt32) throws(ModuleError) {
    let to = try indexType(ofMemory: destination)
    let from = try indexType(ofMemory: source)
    // The count is of the smaller index type.
    try pop(to, from, to == .i64 ? from : to)
  }

  mutating func visitMemoryInit(segment: UInt32, memory: UInt32) throws(ModuleError) {
    let index = try indexType(ofMemory: memory)
    try check(dataSegment: segment)
    try pop(index, .i32, .i32)
  }

  mutating func visitDataDrop(_ segment: UInt32) throws(ModuleError) { try check(dataSegment: segment) }

  func check(dataSegment segment: UInt32) throws(ModuleError) {
    guard let count = tables.info.dataCount else {
      throw ModuleError(.malformed, "data count section required")
    }
    guard segment < count else { throw unknown("data segment", segment) }
  }

  // MARK: Lanes

  mutating func visitLane(_ op: Opcode, lane: UInt8) throws(ModuleError) {
    // The entry's "alignment" is the log2 of the number of lanes.
    guard unsafe Int(lane) < 1 << Int(operators[Int(op.rawValue)].alignLog2) else {
      throw ModuleError(.invalid, "invalid lane index")
    }
    try visitNumeric(op)
  }

  mutating func visitShuffle(low: UInt64, high: UInt64) throws(ModuleError) {
    // 32 lanes: no index has one of the upper three bits.
    guard (low | high) & 0xE0E0_E0E0_E0E0_E0E0 == 0 else { throw ModuleError(.invalid, "invalid lane index") }
    try visitNumeric(.i8x16Shuffle)
  }
}
