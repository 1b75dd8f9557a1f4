import AviaryContract

enum DivisionKind: BitwiseCopyable {
  case signedQuotient, unsignedQuotient, signedRemainder, unsignedRemainder
  var isSigned: Bool { self == .signedQuotient || self == .signedRemainder }
  var isQuotient: Bool { self == .signedQuotient || self == .unsignedQuotient }
}

// Division. Zero and overflow are tested for before the machine could raise SIGFPE;
// constants leave the tests out, and powers of two the division.
extension FunctionEmitter {
  mutating func emitDivision(_ kind: DivisionKind, _ size: OperandSize) {
    var right = pop()
    var left = pop()
    if right.kind == .const && right.bits != 0 && emitByConstant(kind, size, &left, right) { return }
    let pin = destinationGPR()

    // The dividend goes to rax, rdx is overwritten; the divisor is in neither.
    let divisor = placeDivisor(&left, &right)
    if left.kind != .gpr || left.gpr != .rax {
      if !(right.kind == .gpr && right.gpr == .rax) { claim(.rax) }
      load(left, into: .rax)
      release(left)
    }
    if right.kind != .const || right.bits == 0 {
      asm.test(size, divisor, divisor)
      trap(.equal, .integerDivideByZero)
    }
    if kind.isSigned {
      emitSigned(
        kind, size, divisor, mayBeMinusOne: right.kind != .const || right.signedValue == -1)
    } else {
      divide(size, divisor, isSigned: false)
    }
    free.insert(divisor)
    if isPinned(divisor) { free.remove(divisor) }
    let result: GPR = kind.isQuotient ? .rax : .rdx
    free.insert(kind.isQuotient ? .rdx : .rax)
    if let pin {
      asm.move(size, pin, result)
      free.insert(result)
      push(integerClass(size), pin)
    } else {
      push(integerClass(size), result)
    }
  }

  private func isPinned(_ register: GPR) -> Bool { !allocatable.contains(register) }

  /// A register with the divisor that is neither rax nor rdx; rdx becomes ours. What is
  /// returned is pinned, r11, or owned.
  mutating func placeDivisor(_ left: inout Entry, _ right: inout Entry) -> GPR {
    // Out of rax and rdx with the operands in hand.
    if right.kind == .gpr && (right.gpr == .rax || right.gpr == .rdx) {
      let other = freeGPR(except: 0b101)
      asm.move(.b64, other, right.gpr)
      free.insert(right.gpr)
      right = .gpr(right.type, other)
    } else if registerOf(right) == nil {
      let other = freeGPR(except: 0b101)
      load(right, into: other)
      // It stays known as a constant: the tests depend on it.
      if right.kind != .const { right = .gpr(right.type, other) }
      takeRDX(&left)
      return other
    }
    takeRDX(&left)
    return registerOf(right)!
  }

  private mutating func takeRDX(_ left: inout Entry) {
    if left.kind == .gpr && left.gpr == .rdx {
      // The dividend leaves for rax at once, if that is possible.
      claim(.rax)
      asm.move(.b64, .rax, .rdx)
      left = .gpr(left.type, .rax)
    } else {
      claim(.rdx)
    }
  }

  /// A free register outside of a mask, or r11: nothing below needs that.
  private mutating func freeGPR(except mask: UInt16) -> GPR {
    let candidates = free.gprMask & ~mask
    guard candidates != 0 else { return .r11 }
    let register = GPR(UInt8(truncatingIfNeeded: candidates.trailingZeroBitCount))
    free.remove(register)
    return register
  }

  /// rax / divisor. -1 as a divisor is handled apart: the machine traps where wasm's remainder is 0.
  private mutating func emitSigned(
    _ kind: DivisionKind, _ size: OperandSize, _ divisor: GPR, mayBeMinusOne: Bool
  ) {
    guard mayBeMinusOne else { return divide(size, divisor, isSigned: true) }
    let regular = asm.makeLabel()
    let done = asm.makeLabel()
    asm.alu(.cmp, size, divisor, immediate: -1)
    asm.jump(.notEqual, to: regular, short: true)
    if kind.isQuotient {
      asm.unary(.neg, size, .rax)
      trap(.overflow, .integerOverflow)
    } else {
      asm.zero(.rdx)
    }
    asm.jump(to: done, short: true)
    asm.bind(regular)
    divide(size, divisor, isSigned: true)
    asm.bind(done)
  }

  /// rax, rdx = quotient and remainder. Divisions of 64 bits take three times as long as those of 32 on many
  /// CPUs, and most operands have their upper halves clear.
  private mutating func divide(_ size: OperandSize, _ divisor: GPR, isSigned: Bool) {
    let done = asm.makeLabel()
    if size == .b64 && divisor != .r11 {
      let wide = asm.makeLabel()
      asm.move(.b64, .r11, .rax)
      asm.alu(.or, .b64, .r11, divisor)
      asm.shift(.shr, .b64, .r11, by: 32)
      asm.jump(.notEqual, to: wide, short: true)
      asm.zero(.rdx)
      asm.unary(.div, .b32, divisor)
      asm.jump(to: done, short: true)
      asm.bind(wide)
    }
    if isSigned {
      asm.signExtendAccumulator(size)
      asm.unary(.idiv, size, divisor)
    } else {
      asm.zero(.rdx)
      asm.unary(.div, size, divisor)
    }
    asm.bind(done)
  }

  // MARK: Constants

  /// Powers of two, one and minus one, without a division. Says whether it did it.
  private mutating func emitByConstant(
    _ kind: DivisionKind, _ size: OperandSize, _ left: inout Entry, _ right: Entry
  ) -> Bool {
    let width: UInt64 = size == .b64 ? 64 : 32
    let mask: UInt64 = size == .b64 ? ~0 : 0xFFFF_FFFF
    let value = right.bits & mask
    // -1 keeps its overflow test, the least integer its special case.
    guard value.nonzeroBitCount == 1, !(kind.isSigned && value == 1 << (width - 1)) else {
      return emitByReciprocal(kind, size, &left, right)
    }
    let shift = UInt8(value.trailingZeroBitCount)
    switch kind {
    case .unsignedQuotient:
      let result = copyToDestination(&left, destinationGPR())
      if shift > 0 { asm.shift(.shr, size, result, by: shift) }
      push(integerClass(size), result)
    case .unsignedRemainder:
      var ones = Entry.const(integerClass(size), value - 1)
      emitBinary(.and, size, &left, &ones, destinationGPR(), isCommutative: true)
    case .signedQuotient:
      emitSignedQuotient(size, &left, shift, UInt8(width))
    case .signedRemainder:
      emitSignedRemainder(size, &left, shift, UInt8(width))
    }
    return true
  }

  /// r11 = what must be added so that an arithmetic shift rounds towards zero: 2^shift - 1
  /// for a negative dividend, else 0.
  private mutating func emitBias(_ size: OperandSize, _ dividend: GPR, _ shift: UInt8, _ width: UInt8) {
    asm.move(size, .r11, dividend)
    if shift > 1 { asm.shift(.sar, size, .r11, by: width - 1) }
    asm.shift(.shr, size, .r11, by: width - shift)
  }

  private mutating func emitSignedQuotient(
    _ size: OperandSize, _ left: inout Entry, _ shift: UInt8, _ width: UInt8
  ) {
    let result = copyToDestination(&left, destinationGPR())
    if shift > 0 {
      emitBias(size, result, shift, width)
      asm.alu(.add, size, result, .r11)
      asm.shift(.sar, size, result, by: shift)
    }
    push(integerClass(size), result)
  }

  private mutating func emitSignedRemainder(
    _ size: OperandSize, _ left: inout Entry, _ shift: UInt8, _ width: UInt8
  ) {
    let result = copyToDestination(&left, destinationGPR())
    if shift == 0 {
      asm.zero(result)
    } else {
      // ((x + bias) mod 2^shift) - bias
      emitBias(size, result, shift, width)
      asm.alu(.add, size, result, .r11)
      if shift == 32 {
        asm.move(.b32, result, result)
      } else if shift < 32 {
        asm.alu(.and, size, result, immediate: Int32(truncatingIfNeeded: (1 << Int64(shift)) - 1))
      } else {
        let high = UInt8(64) - shift
        asm.shift(.shl, .b64, result, by: high)
        asm.shift(.shr, .b64, result, by: high)
      }
      asm.alu(.sub, size, result, .r11)
    }
    push(integerClass(size), result)
  }
}
