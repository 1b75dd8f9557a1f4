import AviaryCore

// Numeric operators of vectors: one instruction by `VectorRows`, all others by their family.
extension FunctionEmitter {
  mutating func emitVectorNumeric(_ op: AviaryCore.Opcode) throws(ModuleError) {
    if emitTestOfPair(op) { return }
    if op == .v128And { return emitVectorAnd() }
    if op == .v128Andnot && stack[height - 1].kind == .const { return emitClearConstant() }
    if let row = op.vectorRow {
      emitVectorBinary(row.operation, isCommutative: row.isCommutative, swapped: row.isSwapped)
    } else if let operation = op.vectorUnaryRow {
      emitVectorUnary(operation)
    } else {
      try emitVectorSequence(op)
    }
    if canonicalizesNaN, let size = op.makesVectorNaN { canonicalizeVector(size) }
  }

  private mutating func emitVectorSequence(_ op: AviaryCore.Opcode) throws(ModuleError) {
    switch op {
    case .i8x16Swizzle: emitSwizzle(isRelaxed: false)
    case .i8x16Splat: emitSplat(.b8)
    case .i16x8Splat: emitSplat(.b16)
    case .i32x4Splat: emitSplat(.b32)
    case .i64x2Splat: emitSplat(.b64)
    case .f32x4Splat: emitFloatSplat(.f32)
    case .f64x2Splat: emitFloatSplat(.f64)

    case .v128Not: emitVectorNot()
    case .v128Bitselect: emitBitselect()
    case .v128AnyTrue: emitAnyTrue()
    case .i8x16AllTrue: emitAllTrue(.pcmpeqb)
    case .i16x8AllTrue: emitAllTrue(.pcmpeqw)
    case .i32x4AllTrue: emitAllTrue(.pcmpeqd)
    case .i64x2AllTrue: emitAllTrue(.pcmpeqq)
    case .i8x16Bitmask, .i16x8Bitmask, .i32x4Bitmask, .i64x2Bitmask: emitBitmask(op)

    case .i8x16Neg: emitVectorNegation(.psubb)
    case .i16x8Neg: emitVectorNegation(.psubw)
    case .i32x4Neg: emitVectorNegation(.psubd)
    case .i64x2Neg: emitVectorNegation(.psubq)
    case .i64x2Abs: emitWideAbs()
    case .i8x16Popcnt: emitVectorPopulationCount()
    case .i64x2Mul: emitWideMultiplication()
    case .i16x8Q15mulrSatS: emitSaturatingQ15()
    case .i16x8ExtendHighI8x16S: emitExtendHigh(.pmovsxbw)
    case .i16x8ExtendHighI8x16U: emitExtendHigh(.pmovzxbw)
    case .i32x4ExtendHighI16x8S: emitExtendHigh(.pmovsxwd)
    case .i32x4ExtendHighI16x8U: emitExtendHigh(.pmovzxwd)
    case .i64x2ExtendHighI32x4S: emitExtendHigh(.pmovsxdq)
    case .i64x2ExtendHighI32x4U: emitExtendHigh(.pmovzxdq)
    case .i16x8ExtmulLowI8x16S: emitWidenedProduct8(.pmovsxbw, isHigh: false)
    case .i16x8ExtmulHighI8x16S: emitWidenedProduct8(.pmovsxbw, isHigh: true)
    case .i16x8ExtmulLowI8x16U: emitWidenedProduct8(.pmovzxbw, isHigh: false)
    case .i16x8ExtmulHighI8x16U: emitWidenedProduct8(.pmovzxbw, isHigh: true)
    case .i32x4ExtmulLowI16x8S: emitWidenedProduct16(.pmulhw, isHigh: false)
    case .i32x4ExtmulHighI16x8S: emitWidenedProduct16(.pmulhw, isHigh: true)
    case .i32x4ExtmulLowI16x8U: emitWidenedProduct16(.pmulhuw, isHigh: false)
    case .i32x4ExtmulHighI16x8U: emitWidenedProduct16(.pmulhuw, isHigh: true)
    case .i64x2ExtmulLowI32x4S: emitWidenedProduct32(.pmuldq, isHigh: false)
    case .i64x2ExtmulHighI32x4S: emitWidenedProduct32(.pmuldq, isHigh: true)
    case .i64x2ExtmulLowI32x4U: emitWidenedProduct32(.pmuludq, isHigh: false)
    case .i64x2ExtmulHighI32x4U: emitWidenedProduct32(.pmuludq, isHigh: true)
    case .i16x8ExtaddPairwiseI8x16S, .i16x8ExtaddPairwiseI8x16U, .i32x4ExtaddPairwiseI16x8S,
      .i32x4ExtaddPairwiseI16x8U:
      emitPairwiseSum(op)

    case .i8x16Shl: emitByteShift(.left)
    case .i8x16ShrS: emitByteShift(.rightSigned)
    case .i8x16ShrU: emitByteShift(.rightUnsigned)
    case .i16x8Shl: emitVectorShift(.psllw, .psllw, bits: 16)
    case .i16x8ShrS: emitVectorShift(.psraw, .psraw, bits: 16)
    case .i16x8ShrU: emitVectorShift(.psrlw, .psrlw, bits: 16)
    case .i32x4Shl: emitVectorShift(.pslld, .pslld, bits: 32)
    case .i32x4ShrS: emitVectorShift(.psrad, .psrad, bits: 32)
    case .i32x4ShrU: emitVectorShift(.psrld, .psrld, bits: 32)
    case .i64x2Shl: emitVectorShift(.psllq, .psllq, bits: 64)
    case .i64x2ShrS: emitWideShiftSigned()
    case .i64x2ShrU: emitVectorShift(.psrlq, .psrlq, bits: 64)
    default: try emitVectorFloatSequence(op)
    }
  }

  private mutating func emitVectorFloatSequence(_ op: AviaryCore.Opcode) throws(ModuleError) {
    switch op {
    case .f32x4Ceil: emitVectorUnary(.roundps, RoundingMode.up.rawValue)
    case .f32x4Floor: emitVectorUnary(.roundps, RoundingMode.down.rawValue)
    case .f32x4Trunc: emitVectorUnary(.roundps, RoundingMode.towardZero.rawValue)
    case .f32x4Nearest: emitVectorUnary(.roundps, RoundingMode.nearestEven.rawValue)
    case .f64x2Ceil: emitVectorUnary(.roundpd, RoundingMode.up.rawValue)
    case .f64x2Floor: emitVectorUnary(.roundpd, RoundingMode.down.rawValue)
    case .f64x2Trunc: emitVectorUnary(.roundpd, RoundingMode.towardZero.rawValue)
    case .f64x2Nearest: emitVectorUnary(.roundpd, RoundingMode.nearestEven.rawValue)
    case .f32x4Abs: emitVectorSign(.andps, ~Self.signBits(.f32))
    case .f32x4Neg: emitVectorSign(.xorps, Self.signBits(.f32))
    case .f64x2Abs: emitVectorSign(.andps, ~Self.signBits(.f64))
    case .f64x2Neg: emitVectorSign(.xorps, Self.signBits(.f64))
    case .f32x4Min: emitVectorExtremum(isMinimum: true, .f32)
    case .f32x4Max: emitVectorExtremum(isMinimum: false, .f32)
    case .f64x2Min: emitVectorExtremum(isMinimum: true, .f64)
    case .f64x2Max: emitVectorExtremum(isMinimum: false, .f64)
    case .i32x4TruncSatF32x4S: emitTruncationSigned()
    case .i32x4TruncSatF32x4U: emitTruncationUnsigned()
    case .i32x4TruncSatF64x2SZero: emitWideTruncationSigned()
    case .i32x4TruncSatF64x2UZero: emitWideTruncationUnsigned()
    case .f32x4ConvertI32x4U: emitConversionUnsigned()
    case .f64x2ConvertLowI32x4U: emitWideConversionUnsigned()
    default: try emitVectorComparison(op)
    }
  }

  private mutating func emitVectorComparison(_ op: AviaryCore.Opcode) throws(ModuleError) {
    switch op {
    case .i8x16Ne: emitInverted(.pcmpeqb, isCommutative: true)
    case .i16x8Ne: emitInverted(.pcmpeqw, isCommutative: true)
    case .i32x4Ne: emitInverted(.pcmpeqd, isCommutative: true)
    case .i64x2Ne: emitInverted(.pcmpeqq, isCommutative: true)
    case .i64x2LeS: emitInverted(.pcmpgtq, isCommutative: false)
    case .i64x2GeS: emitInverted(.pcmpgtq, isCommutative: false, swapped: true)
    case .i8x16LeS: emitOrderOrEqual(.pminsb, .pcmpeqb)
    case .i8x16LeU: emitOrderOrEqual(.pminub, .pcmpeqb)
    case .i8x16GeS: emitOrderOrEqual(.pmaxsb, .pcmpeqb)
    case .i8x16GeU: emitOrderOrEqual(.pmaxub, .pcmpeqb)
    case .i16x8LeS: emitOrderOrEqual(.pminsw, .pcmpeqw)
    case .i16x8LeU: emitOrderOrEqual(.pminuw, .pcmpeqw)
    case .i16x8GeS: emitOrderOrEqual(.pmaxsw, .pcmpeqw)
    case .i16x8GeU: emitOrderOrEqual(.pmaxuw, .pcmpeqw)
    case .i32x4LeS: emitOrderOrEqual(.pminsd, .pcmpeqd)
    case .i32x4LeU: emitOrderOrEqual(.pminud, .pcmpeqd)
    case .i32x4GeS: emitOrderOrEqual(.pmaxsd, .pcmpeqd)
    case .i32x4GeU: emitOrderOrEqual(.pmaxud, .pcmpeqd)
    case .i8x16GtU: emitUnsignedGreater(.pcmpgtb, signs: 0x8080_8080_8080_8080, swapped: false)
    case .i8x16LtU: emitUnsignedGreater(.pcmpgtb, signs: 0x8080_8080_8080_8080, swapped: true)
    case .i16x8GtU: emitUnsignedGreater(.pcmpgtw, signs: 0x8000_8000_8000_8000, swapped: false)
    case .i16x8LtU: emitUnsignedGreater(.pcmpgtw, signs: 0x8000_8000_8000_8000, swapped: true)
    case .i32x4GtU: emitUnsignedGreater(.pcmpgtd, signs: Self.signBits(.f32), swapped: false)
    case .i32x4LtU: emitUnsignedGreater(.pcmpgtd, signs: Self.signBits(.f32), swapped: true)
    case .f32x4Eq: emitVectorBinary(.cmpps, Self.equalPredicate, isCommutative: true)
    case .f32x4Ne: emitVectorBinary(.cmpps, Self.notEqualPredicate, isCommutative: true)
    case .f32x4Lt: emitVectorBinary(.cmpps, Self.lessPredicate, isCommutative: false)
    case .f32x4Gt: emitVectorBinary(.cmpps, Self.lessPredicate, isCommutative: false, swapped: true)
    case .f32x4Le: emitVectorBinary(.cmpps, Self.lessOrEqualPredicate, isCommutative: false)
    case .f32x4Ge: emitVectorBinary(.cmpps, Self.lessOrEqualPredicate, isCommutative: false, swapped: true)
    case .f64x2Eq: emitVectorBinary(.cmppd, Self.equalPredicate, isCommutative: true)
    case .f64x2Ne: emitVectorBinary(.cmppd, Self.notEqualPredicate, isCommutative: true)
    case .f64x2Lt: emitVectorBinary(.cmppd, Self.lessPredicate, isCommutative: false)
    case .f64x2Gt: emitVectorBinary(.cmppd, Self.lessPredicate, isCommutative: false, swapped: true)
    case .f64x2Le: emitVectorBinary(.cmppd, Self.lessOrEqualPredicate, isCommutative: false)
    case .f64x2Ge: emitVectorBinary(.cmppd, Self.lessOrEqualPredicate, isCommutative: false, swapped: true)
    default: try emitVectorRelaxed(op)
    }
  }
}
