// Instructions that are one step to all processors. `exchange` with memory (Moves) is one by itself;
// all others get the lock prefix, F0. An instruction that faults has its address at the prefix.
extension Assembler {
  @inline(__always)
  private mutating func putLock() {
    code.reserve()
    code.put1(0xF0)
  }

  /// lock add, or, adc, sbb, and, sub, xor
  package mutating func lockedALU(_ operation: ALUOperation, _ size: OperandSize, _ dst: Address, _ src: GPR) {
    assert(operation != .cmp, "cmp writes nothing, and takes no lock prefix")
    putLock()
    alu(operation, size, dst, src)
  }

  package mutating func lockedALU(_ operation: ALUOperation, _ size: OperandSize, _ dst: Address, immediate: Int32) {
    assert(operation != .cmp, "cmp writes nothing, and takes no lock prefix")
    putLock()
    alu(operation, size, dst, immediate: immediate)
  }

  /// lock 0F C0 /r, 0F C1 /r: adds `register` to memory; `register` is what was there.
  package mutating func lockedExchangeAdd(_ size: OperandSize, _ dst: Address, _ register: GPR) {
    putLock()
    emit(
      Self.sized(0x000F_C0, size), w: size.isWide, register.number, dst,
      forceREX: register.needsREX(size))
  }

  /// lock 0F B0 /r, 0F B1 /r: where memory equals rax it becomes `register` and the zero flag is set; else
  /// rax is what was there.
  package mutating func lockedCompareExchange(_ size: OperandSize, _ dst: Address, _ register: GPR) {
    putLock()
    emit(
      Self.sized(0x000F_B0, size), w: size.isWide, register.number, dst,
      forceREX: register.needsREX(size))
  }
}
