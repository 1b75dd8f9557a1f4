import AviaryContract
import AviaryCore

// Loads and stores. The access itself is one instruction of exactly the width that
// was checked; its address goes to the trap table.
extension FunctionEmitter {
  mutating func emitMemoryAccess(_ op: AviaryCore.Opcode, _ memarg: MemArg) throws(ModuleError) {
    switch op {
    case .i32Load: emitLoad(.i32, memarg, .b32)
    case .i64Load: emitLoad(.i64, memarg, .b64)
    case .f32Load: emitFloatLoad(.f32, memarg)
    case .f64Load: emitFloatLoad(.f64, memarg)
    case .i32Load8S: emitSignedLoad(.i32, memarg, .b8)
    case .i32Load8U: emitLoad(.i32, memarg, .b8)
    case .i32Load16S: emitSignedLoad(.i32, memarg, .b16)
    case .i32Load16U: emitLoad(.i32, memarg, .b16)
    case .i64Load8S: emitSignedLoad(.i64, memarg, .b8)
    case .i64Load8U: emitLoad(.i64, memarg, .b8)
    case .i64Load16S: emitSignedLoad(.i64, memarg, .b16)
    case .i64Load16U: emitLoad(.i64, memarg, .b16)
    case .i64Load32S: emitSignedLoad(.i64, memarg, .b32)
    case .i64Load32U: emitLoad(.i64, memarg, .b32)
    case .i32Store: emitStore(memarg, .b32)
    case .i64Store: emitStore(memarg, .b64)
    case .f32Store: emitFloatStore(memarg, .f32)
    case .f64Store: emitFloatStore(memarg, .f64)
    case .i32Store8, .i64Store8: emitStore(memarg, .b8)
    case .i32Store16, .i64Store16: emitStore(memarg, .b16)
    case .i64Store32: emitStore(memarg, .b32)
    default:
      // The last rows of the table.
      if op.rawValue >= AviaryCore.Opcode.memoryAtomicNotify.rawValue { return emitAtomic(op, memarg) }
      try emitVectorAccess(op, memarg)
    }
  }

  /// The offset of the operator behind a memory access in hand.
  private func afterMemArg() -> Int { afterMemArg(Int(operatorOffset) &+ 1) }

  /// The offset behind the memory immediate at `flags`.
  func afterMemArg(_ flags: Int) -> Int {
    var offset = afterLEB(flags)
    // Bit 6 of the alignment announces a memory index.
    if byte(at: flags) & 0x40 != 0 { offset = afterLEB(offset) }
    return afterLEB(offset)
  }

  private mutating func emitLoad(_ type: ValueClass, _ memarg: MemArg, _ size: OperandSize) {
    emitLoad(type, memarg, size, isSigned: false)
  }

  private mutating func emitSignedLoad(_ type: ValueClass, _ memarg: MemArg, _ size: OperandSize) {
    emitLoad(type, memarg, size, isSigned: true)
  }

  @inline(__always)
  private mutating func emitLoad(
    _ type: ValueClass, _ memarg: MemArg, _ size: OperandSize, isSigned: Bool
  ) {
    var index = pop()
    var extra = Entry.const(.i64, 0)
    let pin = pinnedDestination(after: afterMemArg())
    let address = memoryOperand(memarg, width: size.bytes, index: &index, extra: &extra)
    let dst =
      pin != LocalInfo.unpinned ? GPR(pin) : index.kind == .gpr ? index.gpr : allocateGPR()
    recordFault()
    if isSigned {
      asm.loadSignExtended(from: size, to: type.size, dst, address)
    } else {
      asm.load(size, dst, address)
    }
    release(extra)
    if index.kind == .gpr && index.gpr != dst { release(index) }
    push(type, dst)
  }

  private mutating func emitFloatLoad(_ type: ValueClass, _ memarg: MemArg) {
    var index = pop()
    var extra = Entry.const(.i64, 0)
    let pin = pinnedDestination(after: afterMemArg())
    let size = type.floatSize
    let address = memoryOperand(memarg, width: size.bytes, index: &index, extra: &extra)
    let dst = pin != LocalInfo.unpinned ? XMM(pin) : allocateXMM()
    recordFault()
    asm.load(size, dst, address)
    release(extra)
    release(index)
    push(type, dst)
  }

  private mutating func emitStore(_ memarg: MemArg, _ size: OperandSize) {
    var value = pop()
    var index = pop()
    var extra = Entry.const(.i64, 0)
    let immediate = value.immediate
    // Before the address: it may need r11 for itself.
    let source = immediate == nil ? gpr(&value) : .rax
    let address = memoryOperand(memarg, width: size.bytes, index: &index, extra: &extra)
    recordFault()
    if let immediate {
      asm.storeImmediate(size, address, immediate)
    } else {
      asm.store(size, address, source)
    }
    release(extra)
    release(index)
    release(value)
  }

  private mutating func emitFloatStore(_ memarg: MemArg, _ size: FloatSize) {
    var value = pop()
    var index = pop()
    var extra = Entry.const(.i64, 0)
    let source = xmm(&value)
    let address = memoryOperand(memarg, width: size.bytes, index: &index, extra: &extra)
    recordFault()
    asm.store(size, address, source)
    release(extra)
    release(index)
    release(value)
  }

  // MARK: Size

  mutating func emitMemorySize(_ index: UInt32) {
    settle()
    let memory = tables.memories[index]
    let register = allocateGPR()
    if memory.place.isIndirect {
      asm.load(.b64, register, Address(.r15, memory.place.offset))
      asm.load(.b64, register, Address(register, 8))
    } else {
      asm.load(.b64, register, Address(.r15, memory.place.offset + 8))
    }
    if memory.pageSizeLog2 > 0 { asm.shift(.shr, .b64, register, by: memory.pageSizeLog2) }
    // A 32-bit memory has at most 65,536 pages of 64 KiB, or 2^32 - 1 of one byte.
    push(memory.is64 ? .i64 : .i32, register)
  }
}
