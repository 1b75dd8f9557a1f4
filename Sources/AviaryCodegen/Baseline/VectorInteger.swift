import AviaryContract
import AviaryCore

// Arithmetic of integer lanes that takes more than one instruction.
extension FunctionEmitter {
  mutating func emitVectorNegation(_ subtraction: VectorOperation) {
    var value = pop()
    let pin = vectorDestination()
    let source = vectorSource(&value)
    let dst = freshRegister(value, pin)
    asm.zero(dst)
    vector(subtraction, dst, dst, source)
    finish(dst, value)
  }

  /// i64x2.abs: (x ^ s) - s, where s is all ones in negative lanes.
  mutating func emitWideAbs() {
    var value = pop()
    let pin = vectorDestination()
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    asm.zero(.xmm15)
    vector(.pcmpgtq, .xmm15, .xmm15, x)
    vector(.pxor, dst, x, .xmm15)
    vector(.psubq, dst, dst, .xmm15)
    finish(dst, value)
  }

  /// i8x16.popcnt: the counts of both halves of each byte, from a table in a register.
  mutating func emitVectorPopulationCount() {
    var value = pop()
    let pin = vectorDestination()
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    let upper = allocateXMM()
    let low = Self.lowNibbles
    vectorShift(.psrlw, upper, x, by: 4)
    vector(.pand, .xmm15, x, low)
    vector(.pand, upper, upper, low)
    let table = vectorConstantAddress(0x0302_0201_0201_0100, 0x0403_0302_0302_0201)
    asm.loadVector(dst, table)
    vector(.pshufb, dst, dst, .xmm15)
    asm.loadVector(.xmm15, table)
    vector(.pshufb, .xmm15, .xmm15, upper)
    vector(.paddb, dst, dst, .xmm15)
    release(upper)
    finish(dst, value)
  }

  private static var lowNibbles: UInt64 { 0x0F0F_0F0F_0F0F_0F0F }

  // MARK: Products

  /// i64x2.mul of 32-bit products: low × low + (low × high + high × low) << 32.
  mutating func emitWideMultiplication() {
    var right = pop()
    var left = pop()
    let pin = vectorDestination()
    let b = xmm(&right)
    let a = xmm(&left)
    let dst = sequenceRegister(left, right, pin)
    let other = allocateXMM()
    vectorShift(.psrlq, .xmm15, a, by: 32)
    vector(.pmuludq, .xmm15, .xmm15, b)
    vectorShift(.psrlq, other, b, by: 32)
    vector(.pmuludq, other, other, a)
    vector(.paddq, .xmm15, .xmm15, other)
    vectorShift(.psllq, .xmm15, .xmm15, by: 32)
    vector(.pmuludq, dst, a, b)
    vector(.paddq, dst, dst, .xmm15)
    release(other)
    finish(dst, left, right)
  }

  /// i16x8.q15mulr_sat_s: only −1 × −1 overflows, and gives 0x8000, which nothing else does.
  mutating func emitSaturatingQ15() {
    var right = pop()
    var left = pop()
    let dst = vectorBinary(.pmulhrsw, &left, &right, vectorDestination(), isCommutative: true)
    vector(.pcmpeqw, .xmm15, dst, 0x8000_8000_8000_8000)
    vector(.pxor, dst, dst, .xmm15)
    push(.vector, dst)
  }

  /// dst = eight bytes of the operand widened, its lower ones or its higher ones.
  mutating func widen(_ operation: VectorUnaryOperation, _ dst: XMM, _ source: FloatSource, isHigh: Bool) {
    switch source {
    case .memory(let address): vectorUnary(operation, dst, .memory(isHigh ? address.offset(by: 8) : address))
    case .register(let register):
      if isHigh { asm.vector(.pshufd, dst, register, immediate: 0xEE) }
      vectorUnary(operation, dst, .register(isHigh ? dst : register))
    }
  }

  mutating func emitExtendHigh(_ operation: VectorUnaryOperation) {
    var value = pop()
    let pin = vectorDestination()
    let source = vectorSource(&value)
    let dst = resultRegister(value, pin)
    widen(operation, dst, source, isHigh: true)
    finish(dst, value)
  }

  /// i16x8.extmul: the widened lanes' product.
  mutating func emitWidenedProduct8(_ operation: VectorUnaryOperation, isHigh: Bool) {
    var right = pop()
    var left = pop()
    let pin = vectorDestination()
    let b = vectorSource(&right)
    let a = vectorSource(&left)
    let dst = pin ?? (left.kind == .xmm ? left.xmm : resultRegister(right, nil))
    if isOperand(left, dst) || !isOperand(right, dst) {
      widen(operation, .xmm15, b, isHigh: isHigh)
      widen(operation, dst, a, isHigh: isHigh)
    } else {
      widen(operation, .xmm15, a, isHigh: isHigh)
      widen(operation, dst, b, isHigh: isHigh)
    }
    vector(.pmullw, dst, dst, .xmm15)
    finish(dst, left, right)
  }

  /// i32x4.extmul: both halves of the products, interleaved.
  mutating func emitWidenedProduct16(_ upper: VectorOperation, isHigh: Bool) {
    var right = pop()
    var left = pop()
    let pin = vectorDestination()
    let a = xmm(&left)
    let b = vectorSource(&right)
    let dst = sequenceRegister(left, right, pin)
    vector(upper, .xmm15, a, b)
    vector(.pmullw, dst, a, b)
    vector(isHigh ? .punpckhwd : .punpcklwd, dst, dst, .xmm15)
    finish(dst, left, right)
  }

  /// i64x2.extmul: the machine multiplies the even lanes.
  mutating func emitWidenedProduct32(_ product: VectorOperation, isHigh: Bool) {
    var right = pop()
    var left = pop()
    let pin = vectorDestination()
    let b = vectorSource(&right)
    let a = vectorSource(&left)
    let control: UInt8 = isHigh ? 0xFA : 0x50
    vectorUnary(.pshufd, .xmm15, b, control)
    let dst = pin ?? (left.kind == .xmm ? left.xmm : resultRegister(right, nil))
    vectorUnary(.pshufd, dst, a, control)
    vector(product, dst, dst, .xmm15)
    finish(dst, left, right)
  }

  // MARK: Sums of neighbours

  mutating func emitPairwiseSum(_ op: AviaryCore.Opcode) {
    var value = pop()
    let pin = vectorDestination()
    let dst: XMM
    switch op {
    case .i16x8ExtaddPairwiseI8x16S:
      // The machine takes the unsigned bytes first.
      let source = vectorSource(&value)
      dst = freshRegister(value, pin)
      asm.loadVector(dst, vectorConstantAddress(Self.byteOnes, Self.byteOnes))
      vector(.pmaddubsw, dst, dst, source)
    case .i16x8ExtaddPairwiseI8x16U:
      let x = xmm(&value)
      dst = resultRegister(value, pin)
      vector(.pmaddubsw, dst, x, Self.byteOnes)
    case .i32x4ExtaddPairwiseI16x8S:
      let x = xmm(&value)
      dst = resultRegister(value, pin)
      vector(.pmaddwd, dst, x, Self.wordOnes)
    default:
      let x = xmm(&value)
      dst = resultRegister(value, pin)
      vectorShift(.psrld, .xmm15, x, by: 16)
      vector(.pand, dst, x, 0x0000_FFFF_0000_FFFF)
      vector(.paddd, dst, dst, .xmm15)
    }
    finish(dst, value)
  }

  static var byteOnes: UInt64 { 0x0101_0101_0101_0101 }
  static var wordOnes: UInt64 { 0x0001_0001_0001_0001 }
}
