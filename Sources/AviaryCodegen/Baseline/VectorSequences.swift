import AviaryContract
import AviaryCore

// More of what the vector operators are written with: instructions with immediates, and registers for results of
// several instructions.
//
// How a sequence goes: operands to registers (`xmm`) or sources; a register for the result; instructions, xmm15 and
// registers of `allocateXMM` for what is between; `finish`. The result's register may be an operand's, so whatever
// writes it before an operand's last use asks for `freshRegister` or `sequenceRegister`.
extension FunctionEmitter {
  // MARK: Instructions

  /// dst = a operation b. Without AVX `b` must not be `dst`, unless `a` is too.
  @inline(__always)
  mutating func vector(_ operation: VectorOperation, _ dst: XMM, _ a: XMM, _ b: XMM) {
    vector(operation, dst, a, .register(b))
  }

  /// dst = a operation a constant of equal lanes.
  @inline(__always)
  mutating func vector(_ operation: VectorOperation, _ dst: XMM, _ a: XMM, _ lanes: UInt64) {
    vector(operation, dst, a, .memory(vectorConstantAddress(lanes, lanes)))
  }

  /// dst = a operation b. Without AVX `b` must not be `dst`, unless `a` is too.
  mutating func vector(
    _ operation: VectorImmediateOperation, _ dst: XMM, _ a: XMM, _ b: FloatSource, _ immediate: UInt8
  ) {
    if hasAVX {
      switch b {
      case .register(let register): asm.vectorAVX(operation, dst, a, register, immediate: immediate)
      case .memory(let address): asm.vectorAVX(operation, dst, a, address, immediate: immediate)
      }
      return
    }
    if dst != a {
      if case .register(let register) = b { assert(register != dst) }
      asm.move(dst, a)
    }
    switch b {
    case .register(let register): asm.vector(operation, dst, register, immediate: immediate)
    case .memory(let address): asm.vector(operation, dst, address, immediate: immediate)
    }
  }

  mutating func vectorUnary(
    _ operation: VectorUnaryImmediateOperation, _ dst: XMM, _ src: FloatSource, _ immediate: UInt8
  ) {
    switch src {
    case .register(let register): asm.vector(operation, dst, register, immediate: immediate)
    case .memory(let address):
      if hasAVX {
        asm.vectorAVX(operation, dst, address, immediate: immediate)
      } else {
        asm.vector(operation, dst, address, immediate: immediate)
      }
    }
  }

  /// dst = src shifted by an immediate.
  mutating func vectorShift(_ operation: VectorShiftOperation, _ dst: XMM, _ src: XMM, by count: UInt8) {
    if hasAVX { return asm.vectorShiftAVX(operation, dst, src, by: count) }
    if dst != src { asm.move(dst, src) }
    asm.vectorShift(operation, dst, by: count)
  }

  mutating func setAllBits(_ register: XMM) { asm.vector(.pcmpeqd, register, register) }

  // MARK: Registers

  /// A register for a result that is written while the operand is still needed.
  mutating func freshRegister(_ value: Entry, _ pin: XMM?) -> XMM {
    if let pin, !isOperand(value, pin) { return pin }
    return allocateXMM()
  }

  /// Likewise with two operands: never the right one's register, maybe the left one's.
  mutating func sequenceRegister(_ left: Entry, _ right: Entry, _ pin: XMM?) -> XMM {
    if let pin, !isPin(right, pin) { return pin }
    return left.kind == .xmm ? left.xmm : allocateXMM()
  }

  /// Pushes a result and releases the operand.
  @inline(__always)
  mutating func finish(_ result: XMM, _ value: Entry) {
    release(value, unless: result)
    push(.vector, result)
  }

  @inline(__always)
  mutating func finish(_ result: XMM, _ left: Entry, _ right: Entry) {
    release(left, unless: result)
    finish(result, right)
  }

  // MARK: Whole operators

  /// v128 → v128 by one instruction with an immediate.
  mutating func emitVectorUnary(_ operation: VectorUnaryImmediateOperation, _ immediate: UInt8) {
    var value = pop()
    let pin = vectorDestination()
    let source = vectorSource(&value)
    let dst = resultRegister(value, pin)
    vectorUnary(operation, dst, source, immediate)
    finish(dst, value)
  }

  /// v128 v128 → v128 by one instruction with an immediate.
  mutating func emitVectorBinary(
    _ operation: VectorImmediateOperation, _ immediate: UInt8, isCommutative: Bool, swapped: Bool = false
  ) {
    var right = pop()
    var left = pop()
    if swapped { swap(&left, &right) }
    let dst = vectorBinary(
      operation, &left, &right, vectorDestination(), immediate, isCommutative: isCommutative)
    push(.vector, dst)
  }

  /// Releases the operands; the result is the caller's.
  mutating func vectorBinary(
    _ operation: VectorImmediateOperation, _ left: inout Entry, _ right: inout Entry, _ pin: XMM?,
    _ immediate: UInt8, isCommutative: Bool
  ) -> XMM {
    guard hasAVX else {
      let dst = arrange(&left, &right, pin, isCommutative: isCommutative)
      vector(operation, dst, dst, vectorSource(&right), immediate)
      release(right)
      return dst
    }
    if isCommutative && vectorRegister(left) == nil { swap(&left, &right) }
    let a = xmm(&left)
    let b = vectorSource(&right)
    let dst = pin ?? (left.kind == .xmm ? left.xmm : resultRegister(right, nil))
    vector(operation, dst, a, b, immediate)
    release(left, unless: dst)
    release(right, unless: dst)
    return dst
  }

  // MARK: Looking ahead

  /// The number of the vector operator behind the one in hand, which has two bytes and `immediates` more.
  func nextVectorOperator(immediates: Int = 0) -> UInt32? {
    let next = afterLEB(Int(operatorOffset) &+ 1) &+ immediates
    guard byte(at: next) == 0xFD else { return nil }
    let low = UInt32(byte(at: next &+ 1))
    return low < 0x80 ? low : low & 0x7F | UInt32(byte(at: next &+ 2)) &<< 7
  }
}
