import AviaryContract
import AviaryCore

// Between integer and float lanes.
//
// The machine's truncations give the least integer for everything that does not fit, NaN included.
extension FunctionEmitter {
  /// i32x4.trunc_sat_f32x4_s
  mutating func emitTruncationSigned() {
    var value = pop()
    let pin = vectorDestination()
    let x = xmm(&value)
    let dst = freshRegister(value, pin)
    // Not below 2^31: the least integer becomes the greatest.
    vector(.cmpps, .xmm15, x, equalLanes(0x4F00_0000), Self.notLessPredicate)
    asm.vector(.cvttps2dq, dst, x)
    vector(.pxor, dst, dst, .xmm15)
    vector(.cmpps, .xmm15, x, .register(x), Self.orderedPredicate)
    vector(.pand, dst, dst, .xmm15)
    finish(dst, value)
  }

  /// i32x4.trunc_sat_f32x4_u: what is below 2^31 as it is, plus what is above it, which saturates.
  mutating func emitTruncationUnsigned() {
    var value = pop()
    let pin = vectorDestination()
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    let scratch = allocateXMM()
    asm.zero(.xmm15)
    // NaN becomes the second operand.
    vector(.maxps, dst, x, .xmm15)
    vector(.subps, .xmm15, dst, equalLanes(0x4F00_0000))
    vector(.cmpps, scratch, .xmm15, equalLanes(0x4F00_0000), Self.notLessPredicate)
    asm.vector(.cvttps2dq, .xmm15, .xmm15)
    vector(.pxor, .xmm15, .xmm15, scratch)
    asm.zero(scratch)
    vector(.pmaxsd, .xmm15, .xmm15, scratch)
    asm.vector(.cvttps2dq, dst, dst)
    vector(.paddd, dst, dst, .xmm15)
    release(scratch)
    finish(dst, value)
  }

  /// i32x4.trunc_sat_f64x2_s_zero: clamped from above, NaN to zero; from below the machine saturates.
  mutating func emitWideTruncationSigned() {
    var value = pop()
    let pin = vectorDestination()
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    vector(.cmppd, .xmm15, x, .register(x), Self.equalPredicate)
    vector(.andpd, .xmm15, .xmm15, 0x41DF_FFFF_FFC0_0000)
    vector(.minpd, dst, x, .xmm15)
    asm.vector(.cvttpd2dq, dst, dst)
    finish(dst, value)
  }

  /// i32x4.trunc_sat_f64x2_u_zero: with 2^52 added, the integer is the low half of the float.
  mutating func emitWideTruncationUnsigned() {
    var value = pop()
    let pin = vectorDestination()
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    asm.zero(.xmm15)
    vector(.maxpd, dst, x, .xmm15)
    vector(.minpd, dst, dst, 0x41EF_FFFF_FFE0_0000)
    asm.vector(.roundpd, dst, dst, immediate: RoundingMode.towardZero.rawValue)
    vector(.addpd, dst, dst, 0x4330_0000_0000_0000)
    vector(.shufps, dst, dst, .register(.xmm15), 0x88)
    finish(dst, value)
  }

  /// f32x4.convert_i32x4_u: both halves of the integer put into floats of 2^39 and 2^23, exactly; the last addition
  /// alone rounds.
  mutating func emitConversionUnsigned() {
    var value = pop()
    let pin = vectorDestination()
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    vectorShift(.psrld, .xmm15, x, by: 16)
    vector(.pblendw, .xmm15, .xmm15, equalLanes(0x5300_0000), 0xAA)
    vector(.pblendw, dst, x, equalLanes(0x4B00_0000), 0xAA)
    vector(.subps, .xmm15, .xmm15, equalLanes(0x5300_0080))
    vector(.addps, dst, dst, .xmm15)
    finish(dst, value)
  }

  /// f64x2.convert_low_i32x4_u: the integer as the low half of 2^52, which is subtracted.
  mutating func emitWideConversionUnsigned() {
    var value = pop()
    let pin = vectorDestination()
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    vector(.unpcklps, dst, x, equalLanes(0x4330_0000))
    vector(.subpd, dst, dst, 0x4330_0000_0000_0000)
    finish(dst, value)
  }

  /// A constant of four equal lanes.
  mutating func equalLanes(_ bits: UInt32) -> FloatSource {
    let lanes = UInt64(bits) &<< 32 | UInt64(bits)
    return .memory(vectorConstantAddress(lanes, lanes))
  }
}
