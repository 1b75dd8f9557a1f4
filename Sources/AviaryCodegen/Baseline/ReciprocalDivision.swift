// Division of 32 bits by a constant that is no power of two: a product with the
// constant's reciprocal, scaled. With a dividend of 32 bits and 64 bits for the reciprocal the
// quotient is exact, for all dividends: the arguments stand at the formulas.
extension FunctionEmitter {
  /// Says whether it did it: zero, one, minus one, the least integer and 64 bits are left to the machine.
  mutating func emitByReciprocal(
    _ kind: DivisionKind, _ size: OperandSize, _ left: inout Entry, _ right: Entry
  ) -> Bool {
    guard size == .b32 else { return false }
    let divisor = Int32(truncatingIfNeeded: right.bits)
    if kind.isSigned && (divisor == .min || divisor.magnitude < 2) { return false }
    if kind.isSigned && divisor.magnitude.nonzeroBitCount == 1 { return false }
    let pin = destinationGPR()
    // The dividend stays readable until the remainder is made.
    if left.kind == .gpr && (left.gpr == .rax || left.gpr == .rdx) {
      let other = allocateGPR()
      asm.move(.b32, other, left.gpr)
      free.insert(left.gpr)
      left = .gpr(left.type, other)
    }
    let dividend = gpr(&left)
    if left.kind == .gpr && (left.gpr == .rax || left.gpr == .rdx) {
      // Just loaded there, for want of another one: the machine's division sorts it out.
      return false
    }
    claim(.rax)
    claim(.rdx)
    if kind.isSigned {
      emitSignedReciprocal(dividend, divisor)
    } else {
      emitUnsignedReciprocal(dividend, UInt32(bitPattern: divisor))
    }
    // rdx holds the quotient.
    free.insert(.rax)
    var result = GPR.rdx
    if !kind.isQuotient {
      asm.multiply(.b32, .rdx, .rdx, immediate: divisor)
      asm.move(.b32, .rax, dividend)
      asm.alu(.sub, .b32, .rax, .rdx)
      free.remove(.rax)
      free.insert(.rdx)
      result = .rax
    }
    release(left)
    if let pin {
      asm.move(.b32, pin, result)
      free.insert(result)
      push(.i32, pin)
    } else {
      push(.i32, result)
    }
    return true
  }

  /// rdx = dividend / divisor, unsigned.
  ///
  /// M = ⌊2^64 / d⌋ + 1 exceeds 2^64 / d by e / d with 0 < e ≤ d. Then x × M / 2^64 exceeds
  /// x / d by x × e / (d × 2^64), less than 1 / d as x × e < 2^64: the floor is the same.
  private mutating func emitUnsignedReciprocal(_ dividend: GPR, _ divisor: UInt32) {
    // No power of two, so the division of 2^64 - 1 gives the same quotient.
    let reciprocal = UInt64.max / UInt64(divisor) + 1
    asm.moveImmediate(.b64, .rax, Int64(bitPattern: reciprocal))
    // An i32's upper half is zero.
    asm.unary(.mul, .b64, dividend)
  }

  /// rdx = dividend / divisor, signed.
  ///
  /// With 2^(k-1) < |d| < 2^k and p = 31 + k: M = ⌊2^p / |d|⌋ + 1 is less than 2^32 and exceeds 2^p / |d|
  /// by at most 1. x × M fits in 64 bits, and x × M / 2^p is off by at most |x| / 2^p ≤ 2^-k < 1 / |d|,
  /// so that its floor is the quotient of a positive x, and one less than that of a negative one.
  private mutating func emitSignedReciprocal(_ dividend: GPR, _ divisor: Int32) {
    let magnitude = UInt64(divisor.magnitude)
    let shift = UInt64(31 + 64 - magnitude.leadingZeroBitCount)
    let reciprocal = (1 << shift) / magnitude + 1
    asm.signExtend(from: .b32, to: .b64, .rdx, dividend)
    asm.moveImmediate(.b64, .rax, Int64(reciprocal))
    asm.multiply(.b64, .rdx, .rax)
    asm.move(.b32, .rax, dividend)
    asm.shift(.sar, .b64, .rdx, by: UInt8(shift))
    asm.shift(.sar, .b32, .rax, by: 31)
    // Minus minus one for negative dividends; the opposite for a negative divisor.
    if divisor > 0 {
      asm.alu(.sub, .b32, .rdx, .rax)
    } else {
      asm.alu(.sub, .b32, .rax, .rdx)
      asm.move(.b32, .rdx, .rax)
    }
  }
}
