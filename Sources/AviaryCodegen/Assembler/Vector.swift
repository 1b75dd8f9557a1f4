/// Operations of the shape xmm ← xmm operation xmm/m128, one row each in `Opcode`'s
/// notation. A new instruction of this shape is a new row: the encoder, the
/// AVX form with three operands and the test against the disassembler follow.
package enum VectorOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  // Bitwise
  case andps = 0x00_000F_54
  case andpd = 0x66_000F_54
  case andnps = 0x00_000F_55
  case andnpd = 0x66_000F_55
  case orps = 0x00_000F_56
  case orpd = 0x66_000F_56
  case xorps = 0x00_000F_57
  case xorpd = 0x66_000F_57
  case pand = 0x66_000F_DB
  case pandn = 0x66_000F_DF
  case por = 0x66_000F_EB
  case pxor = 0x66_000F_EF

  // Packed float arithmetic
  case addps = 0x00_000F_58
  case addpd = 0x66_000F_58
  case mulps = 0x00_000F_59
  case mulpd = 0x66_000F_59
  case subps = 0x00_000F_5C
  case subpd = 0x66_000F_5C
  case divps = 0x00_000F_5E
  case divpd = 0x66_000F_5E
  /// Both give the second operand where one is NaN or both are zeroes.
  case minps = 0x00_000F_5D
  case minpd = 0x66_000F_5D
  case maxps = 0x00_000F_5F
  case maxpd = 0x66_000F_5F

  // Interleaving
  case unpcklps = 0x00_000F_14
  case unpcklpd = 0x66_000F_14
  case unpckhps = 0x00_000F_15
  case unpckhpd = 0x66_000F_15
  case punpcklbw = 0x66_000F_60
  case punpcklwd = 0x66_000F_61
  case punpckldq = 0x66_000F_62
  case punpcklqdq = 0x66_000F_6C
  case punpckhbw = 0x66_000F_68
  case punpckhwd = 0x66_000F_69
  case punpckhdq = 0x66_000F_6A
  case punpckhqdq = 0x66_000F_6D

  // Narrowing with saturation
  case packsswb = 0x66_000F_63
  case packuswb = 0x66_000F_67
  case packssdw = 0x66_000F_6B
  /// SSE4.1
  case packusdw = 0x66_0F38_2B

  // Packed integer arithmetic
  case paddb = 0x66_000F_FC
  case paddw = 0x66_000F_FD
  case paddd = 0x66_000F_FE
  case paddq = 0x66_000F_D4
  case paddsb = 0x66_000F_EC
  case paddsw = 0x66_000F_ED
  case paddusb = 0x66_000F_DC
  case paddusw = 0x66_000F_DD
  case psubb = 0x66_000F_F8
  case psubw = 0x66_000F_F9
  case psubd = 0x66_000F_FA
  case psubq = 0x66_000F_FB
  case psubsb = 0x66_000F_E8
  case psubsw = 0x66_000F_E9
  case psubusb = 0x66_000F_D8
  case psubusw = 0x66_000F_D9
  case pavgb = 0x66_000F_E0
  case pavgw = 0x66_000F_E3
  case psadbw = 0x66_000F_F6

  // Products
  case pmullw = 0x66_000F_D5
  case pmulhw = 0x66_000F_E5
  case pmulhuw = 0x66_000F_E4
  case pmuludq = 0x66_000F_F4
  case pmaddwd = 0x66_000F_F5
  /// SSSE3: bytes of the first operand are unsigned, those of the second signed.
  case pmaddubsw = 0x66_0F38_04
  case pmulhrsw = 0x66_0F38_0B
  /// SSE4.1
  case pmuldq = 0x66_0F38_28
  case pmulld = 0x66_0F38_40

  // Least and greatest
  case pminub = 0x66_000F_DA
  case pmaxub = 0x66_000F_DE
  case pminsw = 0x66_000F_EA
  case pmaxsw = 0x66_000F_EE
  /// SSE4.1, and those that follow
  case pminsb = 0x66_0F38_38
  case pminsd = 0x66_0F38_39
  case pminuw = 0x66_0F38_3A
  case pminud = 0x66_0F38_3B
  case pmaxsb = 0x66_0F38_3C
  case pmaxsd = 0x66_0F38_3D
  case pmaxuw = 0x66_0F38_3E
  case pmaxud = 0x66_0F38_3F

  // Comparisons: all ones or zeroes
  case pcmpeqb = 0x66_000F_74
  case pcmpeqw = 0x66_000F_75
  case pcmpeqd = 0x66_000F_76
  /// SSE4.1
  case pcmpeqq = 0x66_0F38_29
  case pcmpgtb = 0x66_000F_64
  case pcmpgtw = 0x66_000F_65
  case pcmpgtd = 0x66_000F_66
  /// SSE4.2
  case pcmpgtq = 0x66_0F38_37

  // Shifts of all lanes by the low 64 bits of the second operand
  case psllw = 0x66_000F_F1
  case pslld = 0x66_000F_F2
  case psllq = 0x66_000F_F3
  case psrlw = 0x66_000F_D1
  case psrld = 0x66_000F_D2
  case psrlq = 0x66_000F_D3
  case psraw = 0x66_000F_E1
  case psrad = 0x66_000F_E2

  // SSSE3
  case pshufb = 0x66_0F38_00
  case phaddw = 0x66_0F38_01
  case phaddd = 0x66_0F38_02
}

/// Operations of the shape xmm ← xmm operation xmm/m128, imm8.
package enum VectorImmediateOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  case cmpps = 0x00_000F_C2
  case cmppd = 0x66_000F_C2
  case shufps = 0x00_000F_C6
  case shufpd = 0x66_000F_C6
  /// SSSE3: the bytes of first:second, shifted right.
  case palignr = 0x66_0F3A_0F
  /// SSE4.1, and those that follow
  case pblendw = 0x66_0F3A_0E
  case blendps = 0x66_0F3A_0C
  case blendpd = 0x66_0F3A_0D
}

/// Shifts by an immediate: the opcode and in its top byte the /digit.
package enum VectorShiftOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  case psrlw = 0x2_000F_71
  case psraw = 0x4_000F_71
  case psllw = 0x6_000F_71
  case psrld = 0x2_000F_72
  case psrad = 0x4_000F_72
  case pslld = 0x6_000F_72
  case psrlq = 0x2_000F_73
  case psllq = 0x6_000F_73
  /// Of the whole register, by bytes.
  case psrldq = 0x3_000F_73
  case pslldq = 0x7_000F_73

  @inline(__always) var opcode: Opcode { Opcode(0x6600_0000 | rawValue & 0xFF_FFFF) }
  @inline(__always) var digit: UInt8 { UInt8(truncatingIfNeeded: rawValue &>> 24) }
}

extension Assembler {
  package mutating func vector(_ operation: VectorOperation, _ dst: XMM, _ src: XMM) {
    emit(Opcode(operation.rawValue), w: false, dst.number, src.number)
  }

  /// The memory operand must be 16-byte aligned, as without AVX all are.
  package mutating func vector(_ operation: VectorOperation, _ dst: XMM, _ src: Address) {
    emit(Opcode(operation.rawValue), w: false, dst.number, src)
  }

  /// AVX's form: dst = a operation b.
  package mutating func vectorAVX(
    _ operation: VectorOperation, _ dst: XMM, _ a: XMM, _ b: XMM
  ) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, a.number, b.number)
  }

  /// AVX's form, whose memory operand need not be aligned.
  package mutating func vectorAVX(
    _ operation: VectorOperation, _ dst: XMM, _ a: XMM, _ b: Address
  ) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, a.number, b)
  }

  package mutating func vector(
    _ operation: VectorImmediateOperation, _ dst: XMM, _ src: XMM, immediate: UInt8
  ) {
    emit(Opcode(operation.rawValue), w: false, dst.number, src.number)
    code.put1(immediate)
  }

  /// The memory operand must be 16-byte aligned.
  package mutating func vector(
    _ operation: VectorImmediateOperation, _ dst: XMM, _ src: Address, immediate: UInt8
  ) {
    emit(Opcode(operation.rawValue), w: false, dst.number, src, trailing: 1)
    code.put1(immediate)
  }

  package mutating func vectorAVX(
    _ operation: VectorImmediateOperation, _ dst: XMM, _ a: XMM, _ b: XMM, immediate: UInt8
  ) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, a.number, b.number)
    code.put1(immediate)
  }

  package mutating func vectorAVX(
    _ operation: VectorImmediateOperation, _ dst: XMM, _ a: XMM, _ b: Address, immediate: UInt8
  ) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, a.number, b, trailing: 1)
    code.put1(immediate)
  }

  package mutating func vectorShift(
    _ operation: VectorShiftOperation, _ dst: XMM, by count: UInt8
  ) {
    emit(operation.opcode, w: false, operation.digit, dst.number)
    code.put1(count)
  }

  /// AVX's form: dst = src shifted.
  package mutating func vectorShiftAVX(
    _ operation: VectorShiftOperation, _ dst: XMM, _ src: XMM, by count: UInt8
  ) {
    emitVEX(operation.opcode, w: false, operation.digit, dst.number, src.number)
    code.put1(count)
  }
}
