/// Operations of the shape xmm ← xmm/memory, one row each in `Opcode`'s notation.
/// All write the whole register, so they never wait for its old value.
package enum VectorUnaryOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  case sqrtps = 0x00_000F_51
  case sqrtpd = 0x66_000F_51

  // Conversions
  case cvtdq2ps = 0x00_000F_5B
  case cvttps2dq = 0xF3_000F_5B
  case cvtdq2pd = 0xF3_000F_E6
  case cvttpd2dq = 0x66_000F_E6
  case cvtps2pd = 0x00_000F_5A
  case cvtpd2ps = 0x66_000F_5A

  // SSE3
  case movddup = 0xF2_000F_12
  case movsldup = 0xF3_000F_12
  case movshdup = 0xF3_000F_16

  // SSSE3
  case pabsb = 0x66_0F38_1C
  case pabsw = 0x66_0F38_1D
  case pabsd = 0x66_0F38_1E

  // SSE4.1
  case pmovsxbw = 0x66_0F38_20
  case pmovsxwd = 0x66_0F38_23
  case pmovsxdq = 0x66_0F38_25
  case pmovzxbw = 0x66_0F38_30
  case pmovzxwd = 0x66_0F38_33
  case pmovzxdq = 0x66_0F38_35
  case pmovzxbd = 0x66_0F38_31
  case pmovzxbq = 0x66_0F38_32
  case pmovzxwq = 0x66_0F38_34
  /// Writes no register: zero is set where no bit is in both, carry where no bit is in the second alone.
  case ptest = 0x66_0F38_17

  /// What a memory operand has. Those of 16 bytes must be aligned without AVX.
  package var memoryBytes: Int {
    switch self {
    case .pmovsxbw, .pmovsxwd, .pmovsxdq, .pmovzxbw, .pmovzxwd, .pmovzxdq, .cvtdq2pd, .cvtps2pd,
      .movddup:
      8
    case .pmovzxbd, .pmovzxwq: 4
    case .pmovzxbq: 2
    default: 16
    }
  }
}

/// Operations of the shape xmm ← xmm/m128, imm8.
package enum VectorUnaryImmediateOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  case pshufd = 0x66_000F_70
  case pshuflw = 0xF2_000F_70
  case pshufhw = 0xF3_000F_70
  /// SSE4.1; the immediate is a `RoundingMode`.
  case roundps = 0x66_0F3A_08
  case roundpd = 0x66_0F3A_09
}

/// Moves of whole registers and of parts of them, from memory or to it. In the AVX forms
/// nothing of 16 bytes needs alignment.
package enum VectorMoveOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  case movups = 0x00_000F_10
  case movaps = 0x00_000F_28
  case movdqu = 0xF3_000F_6F
  case movdqa = 0x66_000F_6F

  /// The opcode of the form that stores.
  @inline(__always) var storing: Opcode {
    switch self {
    case .movups, .movaps: Opcode(rawValue).plus(1)
    case .movdqu, .movdqa: Opcode(rawValue).plus(0x10)
    }
  }
}

extension Assembler {
  package mutating func vector(_ operation: VectorUnaryOperation, _ dst: XMM, _ src: XMM) {
    emit(Opcode(operation.rawValue), w: false, dst.number, src.number)
  }

  /// The memory operand must be 16-byte aligned if it has as many bytes.
  package mutating func vector(_ operation: VectorUnaryOperation, _ dst: XMM, _ src: Address) {
    emit(Opcode(operation.rawValue), w: false, dst.number, src)
  }

  package mutating func vectorAVX(_ operation: VectorUnaryOperation, _ dst: XMM, _ src: XMM) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, 0, src.number)
  }

  package mutating func vectorAVX(_ operation: VectorUnaryOperation, _ dst: XMM, _ src: Address) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, 0, src)
  }

  package mutating func vector(
    _ operation: VectorUnaryImmediateOperation, _ dst: XMM, _ src: XMM, immediate: UInt8
  ) {
    emit(Opcode(operation.rawValue), w: false, dst.number, src.number)
    code.put1(immediate)
  }

  /// The memory operand must be 16-byte aligned.
  package mutating func vector(
    _ operation: VectorUnaryImmediateOperation, _ dst: XMM, _ src: Address, immediate: UInt8
  ) {
    emit(Opcode(operation.rawValue), w: false, dst.number, src, trailing: 1)
    code.put1(immediate)
  }

  package mutating func vectorAVX(
    _ operation: VectorUnaryImmediateOperation, _ dst: XMM, _ src: XMM, immediate: UInt8
  ) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, 0, src.number)
    code.put1(immediate)
  }

  package mutating func vectorAVX(
    _ operation: VectorUnaryImmediateOperation, _ dst: XMM, _ src: Address, immediate: UInt8
  ) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, 0, src, trailing: 1)
    code.put1(immediate)
  }

  // MARK: Moves of 16 bytes

  package mutating func vectorMove(_ operation: VectorMoveOperation, _ dst: XMM, _ src: XMM) {
    emit(Opcode(operation.rawValue), w: false, dst.number, src.number)
  }

  package mutating func vectorMove(_ operation: VectorMoveOperation, _ dst: XMM, _ src: Address) {
    emit(Opcode(operation.rawValue), w: false, dst.number, src)
  }

  package mutating func vectorMove(_ operation: VectorMoveOperation, _ dst: Address, _ src: XMM) {
    emit(operation.storing, w: false, src.number, dst)
  }

  package mutating func vectorMoveAVX(_ operation: VectorMoveOperation, _ dst: XMM, _ src: XMM) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, 0, src.number)
  }

  package mutating func vectorMoveAVX(
    _ operation: VectorMoveOperation, _ dst: XMM, _ src: Address
  ) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, 0, src)
  }

  package mutating func vectorMoveAVX(
    _ operation: VectorMoveOperation, _ dst: Address, _ src: XMM
  ) {
    emitVEX(operation.storing, w: false, src.number, 0, dst)
  }
}
