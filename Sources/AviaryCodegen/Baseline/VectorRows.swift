import AviaryCore

/// An operator that one instruction does.
struct VectorRow: BitwiseCopyable {
  let operation: VectorOperation
  var isCommutative = false
  /// The machine's operands are the other way round.
  var isSwapped = false

  static func either(_ operation: VectorOperation) -> VectorRow { VectorRow(operation: operation, isCommutative: true) }
  static func ordered(_ operation: VectorOperation) -> VectorRow { VectorRow(operation: operation) }
  static func swapped(_ operation: VectorOperation) -> VectorRow { VectorRow(operation: operation, isSwapped: true) }
}

extension AviaryCore.Opcode {
  /// v128 v128 → v128 in one instruction of SSE4.2.
  var vectorRow: VectorRow? {
    switch self {
    case .v128Andnot: .swapped(.pandn)
    case .v128Or: .either(.por)
    case .v128Xor: .either(.pxor)

    case .i8x16Eq: .either(.pcmpeqb)
    case .i8x16GtS: .ordered(.pcmpgtb)
    case .i8x16LtS: .swapped(.pcmpgtb)
    case .i8x16NarrowI16x8S: .ordered(.packsswb)
    case .i8x16NarrowI16x8U: .ordered(.packuswb)
    case .i8x16Add: .either(.paddb)
    case .i8x16AddSatS: .either(.paddsb)
    case .i8x16AddSatU: .either(.paddusb)
    case .i8x16Sub: .ordered(.psubb)
    case .i8x16SubSatS: .ordered(.psubsb)
    case .i8x16SubSatU: .ordered(.psubusb)
    case .i8x16MinS: .either(.pminsb)
    case .i8x16MinU: .either(.pminub)
    case .i8x16MaxS: .either(.pmaxsb)
    case .i8x16MaxU: .either(.pmaxub)
    case .i8x16AvgrU: .either(.pavgb)

    case .i16x8Eq: .either(.pcmpeqw)
    case .i16x8GtS: .ordered(.pcmpgtw)
    case .i16x8LtS: .swapped(.pcmpgtw)
    case .i16x8NarrowI32x4S: .ordered(.packssdw)
    case .i16x8NarrowI32x4U: .ordered(.packusdw)
    case .i16x8Add: .either(.paddw)
    case .i16x8AddSatS: .either(.paddsw)
    case .i16x8AddSatU: .either(.paddusw)
    case .i16x8Sub: .ordered(.psubw)
    case .i16x8SubSatS: .ordered(.psubsw)
    case .i16x8SubSatU: .ordered(.psubusw)
    case .i16x8Mul: .either(.pmullw)
    case .i16x8MinS: .either(.pminsw)
    case .i16x8MinU: .either(.pminuw)
    case .i16x8MaxS: .either(.pmaxsw)
    case .i16x8MaxU: .either(.pmaxuw)
    case .i16x8AvgrU: .either(.pavgw)

    case .i32x4Eq: .either(.pcmpeqd)
    case .i32x4GtS: .ordered(.pcmpgtd)
    case .i32x4LtS: .swapped(.pcmpgtd)
    case .i32x4Add: .either(.paddd)
    case .i32x4Sub: .ordered(.psubd)
    case .i32x4Mul: .either(.pmulld)
    case .i32x4MinS: .either(.pminsd)
    case .i32x4MinU: .either(.pminud)
    case .i32x4MaxS: .either(.pmaxsd)
    case .i32x4MaxU: .either(.pmaxud)
    case .i32x4DotI16x8S: .either(.pmaddwd)

    case .i64x2Eq: .either(.pcmpeqq)
    case .i64x2GtS: .ordered(.pcmpgtq)
    case .i64x2LtS: .swapped(.pcmpgtq)
    case .i64x2Add: .either(.paddq)
    case .i64x2Sub: .ordered(.psubq)

    case .f32x4Add: .either(.addps)
    case .f32x4Sub: .ordered(.subps)
    case .f32x4Mul: .either(.mulps)
    case .f32x4Div: .ordered(.divps)
    // "right < left ? right : left": the machine gives its second operand where that does not hold.
    case .f32x4Pmin: .swapped(.minps)
    case .f32x4Pmax: .swapped(.maxps)
    case .f64x2Add: .either(.addpd)
    case .f64x2Sub: .ordered(.subpd)
    case .f64x2Mul: .either(.mulpd)
    case .f64x2Div: .ordered(.divpd)
    case .f64x2Pmin: .swapped(.minpd)
    case .f64x2Pmax: .swapped(.maxpd)
    default: nil
    }
  }

  /// v128 → v128 in one instruction.
  var vectorUnaryRow: VectorUnaryOperation? {
    switch self {
    case .i8x16Abs: .pabsb
    case .i16x8Abs: .pabsw
    case .i32x4Abs: .pabsd
    case .i16x8ExtendLowI8x16S: .pmovsxbw
    case .i16x8ExtendLowI8x16U: .pmovzxbw
    case .i32x4ExtendLowI16x8S: .pmovsxwd
    case .i32x4ExtendLowI16x8U: .pmovzxwd
    case .i64x2ExtendLowI32x4S: .pmovsxdq
    case .i64x2ExtendLowI32x4U: .pmovzxdq
    case .f32x4Sqrt: .sqrtps
    case .f64x2Sqrt: .sqrtpd
    case .f32x4ConvertI32x4S: .cvtdq2ps
    case .f64x2ConvertLowI32x4S: .cvtdq2pd
    case .f32x4DemoteF64x2Zero: .cvtpd2ps
    case .f64x2PromoteLowF32x4: .cvtps2pd
    default: nil
    }
  }
}
