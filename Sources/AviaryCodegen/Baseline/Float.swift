// Arithmetic and comparisons of floats. Operands in memory are read at their own width only.
extension FunctionEmitter {
  @inline(__always)
  func floatClass(_ size: FloatSize) -> ValueClass { size == .f64 ? .f64 : .f32 }

  // MARK: Comparisons

  /// `ucomis` makes "below" of unordered, so order is always asked for as "above".
  mutating func emitFloatOrder(_ condition: Condition, swapped: Bool, _ size: FloatSize) {
    var right = pop()
    var left = pop()
    if swapped { swap(&left, &right) }
    compare(size, &left, &right)
    pushFlags(condition)
  }

  mutating func emitFloatEquality(_ condition: FlagCondition, _ size: FloatSize) {
    var right = pop()
    var left = pop()
    compare(size, &left, &right)
    pushFlags(condition)
  }

  private mutating func compare(_ size: FloatSize, _ left: inout Entry, _ right: inout Entry) {
    let register = xmm(&left)
    switch floatSource(&right) {
    case .register(let other): asm.floatCompare(size, register, other)
    case .memory(let address): asm.floatCompare(size, register, address)
    }
    release(left)
    release(right)
  }

  // MARK: Two operands

  mutating func emitFloatBinary(_ operation: FloatOperation, _ size: FloatSize, isCommutative: Bool) {
    var right = pop()
    var left = pop()
    let pin = destinationXMM()
    let dst = arrange(&left, &right, pin, isCommutative: isCommutative)
    switch floatSource(&right) {
    case .register(let register): asm.float(operation, size, dst, register)
    case .memory(let address): asm.float(operation, size, dst, address)
    }
    release(right)
    push(floatClass(size), dst)
  }

  /// The left operand in the register of the result; the right one is elsewhere.
  mutating func arrange(
    _ left: inout Entry, _ right: inout Entry, _ pin: XMM?, isCommutative: Bool
  ) -> XMM {
    if isCommutative && right.kind == .xmm && left.kind != .xmm { swap(&left, &right) }
    guard let pin else { return ownedXMM(&left) }
    if isPin(right, pin) && !isPin(left, pin) {
      if !isCommutative { return ownedXMM(&left) }
      swap(&left, &right)
    }
    load(left, into: pin)
    release(left)
    return pin
  }

  /// min and max: zeroes of either sign are ordered, and NaN wins. Only operands that differ
  /// can be left to the machine's instruction.
  mutating func emitFloatExtremum(isMinimum: Bool, _ size: FloatSize) {
    var right = pop()
    var left = pop()
    let dst = arrange(&left, &right, destinationXMM(), isCommutative: true)
    let other = xmm(&right)
    let differ = asm.makeLabel()
    let unordered = asm.makeLabel()
    let done = asm.makeLabel()
    asm.floatCompare(size, dst, other)
    asm.jump(.notEqual, to: differ, short: true)
    asm.jump(.parity, to: unordered, short: true)
    asm.vector(isMinimum ? .orps : .andps, dst, other)
    asm.jump(to: done, short: true)
    asm.bind(unordered)
    asm.float(.add, size, dst, other)
    asm.jump(to: done, short: true)
    asm.bind(differ)
    asm.float(isMinimum ? .min : .max, size, dst, other)
    asm.bind(done)
    release(right)
    push(floatClass(size), dst)
  }

  mutating func emitFloatCopysign(_ size: FloatSize) {
    var right = pop()
    var left = pop()
    let pin = destinationXMM()
    // xmm15 = the sign of the right operand, before the left one may overwrite it.
    let sign = xmm(&right)
    signMask(size, .xmm15)
    asm.vector(.andps, .xmm15, sign)
    release(right)
    let dst = copyToDestination(&left, pin)
    clearSign(size, dst)
    asm.vector(.orps, dst, .xmm15)
    push(floatClass(size), dst)
  }

  // MARK: One operand

  private mutating func copyToDestination(_ entry: inout Entry, _ pin: XMM?) -> XMM {
    guard let pin else { return ownedXMM(&entry) }
    load(entry, into: pin)
    release(entry)
    return pin
  }

  /// All lanes' sign bits, without memory.
  private mutating func signMask(_ size: FloatSize, _ register: XMM) {
    asm.vector(.pcmpeqd, register, register)
    if size == .f64 {
      asm.vectorShift(.psllq, register, by: 63)
    } else {
      asm.vectorShift(.pslld, register, by: 31)
    }
  }

  private mutating func clearSign(_ size: FloatSize, _ register: XMM) {
    if size == .f64 {
      asm.vectorShift(.psllq, register, by: 1)
      asm.vectorShift(.psrlq, register, by: 1)
    } else {
      asm.vectorShift(.pslld, register, by: 1)
      asm.vectorShift(.psrld, register, by: 1)
    }
  }

  mutating func emitFloatAbs(_ size: FloatSize) {
    var value = pop()
    let dst = copyToDestination(&value, destinationXMM())
    clearSign(size, dst)
    push(floatClass(size), dst)
  }

  mutating func emitFloatNeg(_ size: FloatSize) {
    var value = pop()
    let dst = copyToDestination(&value, destinationXMM())
    signMask(size, .xmm15)
    asm.vector(.xorps, dst, .xmm15)
    push(floatClass(size), dst)
  }

  mutating func emitFloatRound(_ mode: RoundingMode, _ size: FloatSize) {
    var value = pop()
    let dst = unaryDestination(&value, destinationXMM())
    switch floatSource(&value) {
    case .register(let register): asm.floatRound(mode, size, dst, register)
    case .memory(let address): asm.floatRound(mode, size, dst, address)
    }
    if !(value.kind == .xmm && value.xmm == dst) { release(value) }
    push(floatClass(size), dst)
  }

  mutating func emitFloatSquareRoot(_ size: FloatSize) {
    var value = pop()
    let dst = unaryDestination(&value, destinationXMM())
    switch floatSource(&value) {
    case .register(let register): asm.float(.sqrt, size, dst, register)
    case .memory(let address): asm.float(.sqrt, size, dst, address)
    }
    if !(value.kind == .xmm && value.xmm == dst) { release(value) }
    push(floatClass(size), dst)
  }

  /// A register for a result whose instruction merges with the old value: it is zeroed
  /// where it does not hold the operand, so that nothing waits for it.
  func isOperand(_ entry: Entry, _ register: XMM) -> Bool {
    (entry.kind == .xmm && entry.xmm == register) || isPin(entry, register)
  }

  mutating func unaryDestination(_ value: inout Entry, _ pin: XMM?) -> XMM {
    let dst = pin ?? (value.kind == .xmm ? value.xmm : allocateXMM())
    if !isOperand(value, dst) { asm.zero(dst) }
    return dst
  }
}
