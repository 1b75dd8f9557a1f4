import AviaryContract

// Counting bits.
extension FunctionEmitter {
  mutating func emitPopulationCount(_ size: OperandSize) {
    emitBitOperation(.popcnt, size)
  }

  /// dst = operation(operand), for instructions that define all of dst.
  private mutating func emitBitOperation(_ operation: BitOperation, _ size: OperandSize) {
    var value = pop()
    let pin = destinationGPR()
    let source = gpr(&value)
    let dst = pin ?? (value.kind == .gpr ? source : allocateGPR())
    // These wait for dst's old value on many CPUs.
    if dst != source { asm.zero(dst) }
    asm.bits(operation, size, dst, source)
    if dst != source { release(value) }
    push(integerClass(size), dst)
  }

  mutating func emitCountLeadingZeros(_ size: OperandSize) {
    if cpu.contains(.lzcnt) { return emitBitOperation(.lzcnt, size) }
    // 63 ^ 31 = 32 and 127 ^ 63 = 64 are the answers for zero.
    let width: Int64 = size == .b64 ? 64 : 32
    let dst = emitBitScan(.bsr, size, zero: 2 * width - 1)
    asm.alu(.xor, .b32, dst, immediate: Int32(width - 1))
    push(integerClass(size), dst)
  }

  mutating func emitCountTrailingZeros(_ size: OperandSize) {
    if cpu.contains(.bmi1) { return emitBitOperation(.tzcnt, size) }
    let dst = emitBitScan(.bsf, size, zero: size == .b64 ? 64 : 32)
    push(integerClass(size), dst)
  }

  /// bsr or bsf, with `zero` as the result for zero: both leave their destination
  /// undefined then.
  private mutating func emitBitScan(_ operation: BitOperation, _ size: OperandSize, zero: Int64) -> GPR {
    var value = pop()
    let pin = destinationGPR()
    let source = gpr(&value)
    let dst = pin ?? (value.kind == .gpr ? source : allocateGPR())
    asm.moveImmediate(.b32, .r11, zero)
    asm.bits(operation, size, dst, source)
    asm.moveIf(.equal, size, dst, .r11)
    if dst != source { release(value) }
    return dst
  }
}
