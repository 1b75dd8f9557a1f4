/// Operations of the shape xmm ← xmm/m128, one row each in `Opcode`'s
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

  // Interleaving
  case unpcklps = 0x00_000F_14
  case unpcklpd = 0x66_000F_14
  case punpckldq = 0x66_000F_62
  case punpcklqdq = 0x66_000F_6C

  // Packed integer arithmetic
  case paddd = 0x66_000F_FE
  case paddq = 0x66_000F_D4
  case psubd = 0x66_000F_FA
  case psubq = 0x66_000F_FB
  case pcmpeqd = 0x66_000F_76
  case pshufb = 0x66_0F38_00
}

/// Operations of the shape xmm ← xmm/m128, imm8. In `threeOperands` the AVX
/// form has a second source.
package enum VectorImmediateOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  case cmpps = 0x00_000F_C2
  case cmppd = 0x66_000F_C2
  case shufps = 0x00_000F_C6
  case shufpd = 0x66_000F_C6
  case pshufd = 0x66_000F_70
}

/// Shifts of each lane by an immediate: the opcode and in its top byte the /digit.
package enum VectorShiftOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  case psrld = 0x2_000F_72
  case psrad = 0x4_000F_72
  case pslld = 0x6_000F_72
  case psrlq = 0x2_000F_73
  case psllq = 0x6_000F_73
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

  package mutating func vector(
    _ operation: VectorImmediateOperation, _ dst: XMM, _ src: Address, immediate: UInt8
  ) {
    emit(Opcode(operation.rawValue), w: false, dst.number, src, trailing: 1)
    code.put1(immediate)
  }

  package mutating func vectorShift(
    _ operation: VectorShiftOperation, _ dst: XMM, by count: UInt8
  ) {
    let digit = UInt8(truncatingIfNeeded: operation.rawValue &>> 24)
    emit(Opcode(0x6600_0000 | operation.rawValue & 0xFF_FFFF), w: false, digit, dst.number)
    code.put1(count)
  }

  /// movmskps or movmskpd: the lanes' sign bits.
  package mutating func signMask(_ size: FloatSize, _ dst: GPR, _ src: XMM) {
    emit(size.packed(0x50), w: false, dst.number, src.number)
  }

  /// pextrd or pextrq of SSE4.1.
  package mutating func extractLane(
    _ size: OperandSize, _ dst: GPR, _ src: XMM, lane: UInt8
  ) {
    assert(size == .b32 || size == .b64)
    emit(Opcode(0x66_0F3A_16), w: size.isWide, src.number, dst.number)
    code.put1(lane)
  }

  /// pinsrd or pinsrq of SSE4.1.
  package mutating func insertLane(
    _ size: OperandSize, _ dst: XMM, _ src: GPR, lane: UInt8
  ) {
    assert(size == .b32 || size == .b64)
    emit(Opcode(0x66_0F3A_22), w: size.isWide, dst.number, src.number)
    code.put1(lane)
  }
}
