import AviaryContract
import AviaryCore

// Relaxed operators. Each gives one of the results that the specification lists, the same one for the same operands all
// through a program: which one depends on the CPU's features alone, or is the deterministic profile's where the engine
// asks for that.
//
// | operator | fast | deterministic |
// |---|---|---|
// | swizzle | lane numbers 16–127 modulo 16 | zero |
// | trunc, signed | −2^31 for what does not fit | saturated |
// | trunc, unsigned | saturated | saturated |
// | madd, nmadd | rounded once with FMA3, else twice | rounded twice |
// | laneselect | by the lane's sign bit with AVX, else by bits | by bits |
// | min, max | the second operand for NaN and for two zeroes | min, max |
// | q15mulr | 0x8000 for −1 × −1 | 0x7FFF |
// | dot | the second operand's bytes unsigned | signed |
extension FunctionEmitter {
  var isDeterministic: Bool { tables.tunables.relaxedSIMDDeterministic }

  mutating func emitVectorRelaxed(_ op: AviaryCore.Opcode) throws(ModuleError) {
    switch op {
    case .i8x16RelaxedSwizzle: emitSwizzle(isRelaxed: !isDeterministic)
    case .i32x4RelaxedTruncF32x4S:
      if isDeterministic { emitTruncationSigned() } else { emitVectorUnary(.cvttps2dq) }
    case .i32x4RelaxedTruncF32x4U: emitTruncationUnsigned()
    case .i32x4RelaxedTruncF64x2SZero:
      if isDeterministic { emitWideTruncationSigned() } else { emitVectorUnary(.cvttpd2dq) }
    case .i32x4RelaxedTruncF64x2UZero: emitWideTruncationUnsigned()
    case .f32x4RelaxedMadd: emitMultiplyAdd(.f32, isNegated: false)
    case .f32x4RelaxedNmadd: emitMultiplyAdd(.f32, isNegated: true)
    case .f64x2RelaxedMadd: emitMultiplyAdd(.f64, isNegated: false)
    case .f64x2RelaxedNmadd: emitMultiplyAdd(.f64, isNegated: true)
    case .i8x16RelaxedLaneselect: emitLaneSelect(.vpblendvb, isWord: false)
    case .i16x8RelaxedLaneselect: emitLaneSelect(.vpblendvb, isWord: true)
    case .i32x4RelaxedLaneselect: emitLaneSelect(.vblendvps, isWord: false)
    case .i64x2RelaxedLaneselect: emitLaneSelect(.vblendvpd, isWord: false)
    case .f32x4RelaxedMin: emitRelaxedExtremum(.minps, .f32, isMinimum: true)
    case .f32x4RelaxedMax: emitRelaxedExtremum(.maxps, .f32, isMinimum: false)
    case .f64x2RelaxedMin: emitRelaxedExtremum(.minpd, .f64, isMinimum: true)
    case .f64x2RelaxedMax: emitRelaxedExtremum(.maxpd, .f64, isMinimum: false)
    case .i16x8RelaxedQ15mulrS:
      if isDeterministic { emitSaturatingQ15() } else { emitVectorBinary(.pmulhrsw, isCommutative: true) }
    case .i16x8RelaxedDotI8x16I7x16S: emitDotProduct()
    case .i32x4RelaxedDotI8x16I7x16AddS: emitDotSum()
    default: throw unsupported("an unknown vector operator")
    }
  }

  private mutating func emitRelaxedExtremum(_ operation: VectorOperation, _ size: FloatSize, isMinimum: Bool) {
    if isDeterministic {
      emitVectorExtremum(isMinimum: isMinimum, size)
    } else {
      emitVectorBinary(operation, isCommutative: false)
    }
  }

  // MARK: Products and sums

  /// a × b + c, or c − a × b.
  private mutating func emitMultiplyAdd(_ size: FloatSize, isNegated: Bool) {
    var c = pop()
    var b = pop()
    var a = pop()
    let pin = vectorDestination()
    if cpu.contains(.fma) && !isDeterministic {
      return emitFused(size, &a, &b, &c, pin, isNegated: isNegated)
    }
    let single = size == .f32
    // Not in the pin, which the sum's other operand may be in.
    let product = vectorBinary(single ? .mulps : .mulpd, &a, &b, nil, isCommutative: true)
    var term = Entry.xmm(.vector, product)
    let dst =
      isNegated
      ? vectorBinary(single ? .subps : .subpd, &c, &term, pin, isCommutative: false)
      : vectorBinary(single ? .addps : .addpd, &term, &c, pin, isCommutative: true)
    push(.vector, dst)
  }

  /// The forms differ in which operand is overwritten: the sum's, where a local that sums up is pinned, or a factor.
  private mutating func emitFused(
    _ size: FloatSize, _ a: inout Entry, _ b: inout Entry, _ c: inout Entry, _ pin: XMM?, isNegated: Bool
  ) {
    if vectorRegister(a) == nil { swap(&a, &b) }
    let isSum = pin.map { isPin(c, $0) } ?? false
    if !isSum && c.kind != .xmm && (a.kind == .xmm || b.kind == .xmm) {
      if a.kind != .xmm { swap(&a, &b) }
      let factor = xmm(&b)
      let source = vectorSource(&c)
      let dst = a.xmm
      fused(isNegated ? .vfnmadd213 : .vfmadd213, size, dst, factor, source)
      release(c)
      return finish(dst, b)
    }
    let x = xmm(&a)
    let y = vectorSource(&b)
    let dst: XMM
    if let pin, isSum || !isPin(a, pin) && !isPin(b, pin) {
      load(c, into: pin)
      release(c)
      dst = pin
    } else {
      dst = ownedXMM(&c)
    }
    fused(isNegated ? .vfnmadd231 : .vfmadd231, size, dst, x, y)
    release(a)
    finish(dst, b)
  }

  private mutating func fused(
    _ operation: FusedOperation, _ size: FloatSize, _ dst: XMM, _ a: XMM, _ b: FloatSource
  ) {
    switch b {
    case .register(let register): asm.fused(operation, size, dst, a, register)
    case .memory(let address): asm.fused(operation, size, dst, a, address)
    }
  }

  // MARK: Selection

  private mutating func emitLaneSelect(_ operation: VectorBlendOperation, isWord: Bool) {
    guard hasAVX && !isDeterministic else { return emitBitselect() }
    var mask = pop()
    var b = pop()
    var a = pop()
    let pin = vectorDestination()
    var m = xmm(&mask)
    let otherwise = xmm(&b)
    let chosen = vectorSource(&a)
    if isWord {
      // The machine would ask each byte.
      vectorShift(.psraw, .xmm15, m, by: 15)
      m = .xmm15
    }
    let dst = pin ?? (b.kind == .xmm ? b.xmm : resultRegister(a, nil))
    switch chosen {
    case .register(let register): asm.blend(operation, dst, otherwise, register, mask: m)
    case .memory(let address): asm.blend(operation, dst, otherwise, address, mask: m)
    }
    release(a, unless: dst)
    finish(dst, b, mask)
  }

  // MARK: Dot products

  /// i16x8.relaxed_dot_i8x16_i7x16_s
  private mutating func emitDotProduct() {
    var right = pop()
    var left = pop()
    let pin = vectorDestination()
    push(.vector, dotProduct(&left, &right, pin))
  }

  /// Sums of two products of bytes, saturated. Releases the operands; the register is the caller's.
  private mutating func dotProduct(_ left: inout Entry, _ right: inout Entry, _ pin: XMM?) -> XMM {
    guard isDeterministic else {
      // The machine takes the unsigned bytes first.
      return vectorBinary(.pmaddubsw, &right, &left, pin, isCommutative: false)
    }
    let b = xmm(&right)
    let a = xmm(&left)
    let upper = allocateXMM()
    widen(.pmovsxbw, upper, .register(a), isHigh: true)
    widen(.pmovsxbw, .xmm15, .register(b), isHigh: true)
    vector(.pmaddwd, upper, upper, .xmm15)
    widen(.pmovsxbw, .xmm15, .register(b), isHigh: false)
    let dst = sequenceRegister(left, right, pin)
    widen(.pmovsxbw, dst, .register(a), isHigh: false)
    vector(.pmaddwd, dst, dst, .xmm15)
    vector(.packssdw, dst, dst, upper)
    release(upper)
    release(left, unless: dst)
    release(right, unless: dst)
    return dst
  }

  /// i32x4.relaxed_dot_i8x16_i7x16_add_s
  private mutating func emitDotSum() {
    var sum = pop()
    var right = pop()
    var left = pop()
    let pin = vectorDestination()
    // Not in the pin, which the sum may be in.
    let product = dotProduct(&left, &right, nil)
    vector(.pmaddwd, product, product, Self.wordOnes)
    var term = Entry.xmm(.vector, product)
    let dst = vectorBinary(.paddd, &term, &sum, pin, isCommutative: true)
    push(.vector, dst)
  }
}
