// Sums and products of 128 bits, as two halves with the lower one first.
extension FunctionEmitter {
  mutating func emitWideSum(_ low: ALUOperation, _ high: ALUOperation) {
    var rightHigh = pop()
    var rightLow = pop()
    var leftHigh = pop()
    var leftLow = pop()
    // Everything is in place before the first flag is made; moves keep flags anyway.
    let highRegister = ownedGPR(&leftHigh)
    let lowRegister = ownedGPR(&leftLow)
    alu(low, .b64, lowRegister, source(&rightLow))
    release(rightLow)
    alu(high, .b64, highRegister, source(&rightHigh))
    release(rightHigh)
    push(.i64, lowRegister)
    push(.i64, highRegister)
  }

  mutating func emitWideProduct(_ operation: UnaryOperation) {
    var right = pop()
    var left = pop()
    let factor = placeDivisor(&left, &right)
    if left.kind != .gpr || left.gpr != .rax {
      claim(.rax)
      load(left, into: .rax)
      release(left)
    }
    asm.unary(operation, .b64, factor)
    if allocatable.contains(factor) { free.insert(factor) }
    push(.i64, .rax)
    push(.i64, .rdx)
  }
}
