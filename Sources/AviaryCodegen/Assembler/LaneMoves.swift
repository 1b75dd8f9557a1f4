// Between lanes and the rest of the machine: general purpose registers, memory, masks.

/// The half of a register that is loaded from memory or stored there, the other one kept.
package enum VectorHalf: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  case low = 0x12
  case high = 0x16
}

extension Assembler {
  /// pextrb to pextrq, by `Opcode`'s notation; all in their SSE4.1 form, which memory can be
  /// the destination of.
  @inline(__always)
  static func extracting(_ size: OperandSize) -> Opcode {
    switch size {
    case .b8: Opcode(0x66_0F3A_14)
    case .b16: Opcode(0x66_0F3A_15)
    case .b32, .b64: Opcode(0x66_0F3A_16)
    }
  }

  @inline(__always)
  static func inserting(_ size: OperandSize) -> Opcode {
    switch size {
    case .b8: Opcode(0x66_0F3A_20)
    case .b16: Opcode(0x66_000F_C4)
    case .b32, .b64: Opcode(0x66_0F3A_22)
    }
  }

  // MARK: Integer lanes

  /// The lane, zero-extended to 64 bits.
  package mutating func extractLane(
    _ size: OperandSize, _ dst: GPR, _ src: XMM, lane: UInt8
  ) {
    if size == .b16 {
      emit(Opcode(0x66_000F_C5), w: false, dst.number, src.number)
    } else {
      emit(Self.extracting(size), w: size.isWide, src.number, dst.number)
    }
    code.put1(lane)
  }

  package mutating func extractLane(
    _ size: OperandSize, _ dst: Address, _ src: XMM, lane: UInt8
  ) {
    emit(Self.extracting(size), w: size.isWide, src.number, dst, trailing: 1)
    code.put1(lane)
  }

  package mutating func insertLane(
    _ size: OperandSize, _ dst: XMM, _ src: GPR, lane: UInt8
  ) {
    emit(Self.inserting(size), w: size.isWide, dst.number, src.number)
    code.put1(lane)
  }

  package mutating func insertLane(
    _ size: OperandSize, _ dst: XMM, _ src: Address, lane: UInt8
  ) {
    emit(Self.inserting(size), w: size.isWide, dst.number, src, trailing: 1)
    code.put1(lane)
  }

  /// AVX's form: dst = a with one lane replaced.
  package mutating func insertLaneAVX(
    _ size: OperandSize, _ dst: XMM, _ a: XMM, _ src: GPR, lane: UInt8
  ) {
    emitVEX(Self.inserting(size), w: size.isWide, dst.number, a.number, src.number)
    code.put1(lane)
  }

  package mutating func insertLaneAVX(
    _ size: OperandSize, _ dst: XMM, _ a: XMM, _ src: Address, lane: UInt8
  ) {
    emitVEX(Self.inserting(size), w: size.isWide, dst.number, a.number, src, trailing: 1)
    code.put1(lane)
  }

  // MARK: Float lanes

  /// insertps. The control's fields, two bits each but the last: lane of a register as source,
  /// lane to replace, four bits of lanes to clear.
  package mutating func insertFloat(_ dst: XMM, _ src: XMM, control: UInt8) {
    emit(Opcode(0x66_0F3A_21), w: false, dst.number, src.number)
    code.put1(control)
  }

  package mutating func insertFloat(_ dst: XMM, _ src: Address, control: UInt8) {
    emit(Opcode(0x66_0F3A_21), w: false, dst.number, src, trailing: 1)
    code.put1(control)
  }

  package mutating func insertFloatAVX(_ dst: XMM, _ a: XMM, _ src: XMM, control: UInt8) {
    emitVEX(Opcode(0x66_0F3A_21), w: false, dst.number, a.number, src.number)
    code.put1(control)
  }

  package mutating func insertFloatAVX(_ dst: XMM, _ a: XMM, _ src: Address, control: UInt8) {
    emitVEX(Opcode(0x66_0F3A_21), w: false, dst.number, a.number, src, trailing: 1)
    code.put1(control)
  }

  /// movlps or movhps: 8 bytes; the other half is kept.
  package mutating func loadHalf(_ half: VectorHalf, _ dst: XMM, _ src: Address) {
    emit(Opcode(0x000F_00).plus(half.rawValue), w: false, dst.number, src)
  }

  /// AVX's form: the other half is that of `a`.
  package mutating func loadHalfAVX(_ half: VectorHalf, _ dst: XMM, _ a: XMM, _ src: Address) {
    emitVEX(Opcode(0x000F_00).plus(half.rawValue), w: false, dst.number, a.number, src)
  }

  package mutating func storeHalf(_ half: VectorHalf, _ dst: Address, _ src: XMM) {
    emit(Opcode(0x000F_01).plus(half.rawValue), w: false, src.number, dst)
  }

  /// movlhps: the low half of `src` becomes the high half of `dst`; for AVX with the low half of `a`.
  package mutating func moveLowToHigh(_ dst: XMM, _ src: XMM) {
    emit(Opcode(0x000F_16), w: false, dst.number, src.number)
  }

  /// movhlps: the high half of `src` becomes the low half of `dst`.
  package mutating func moveHighToLow(_ dst: XMM, _ src: XMM) {
    emit(Opcode(0x000F_12), w: false, dst.number, src.number)
  }

  package mutating func moveHighToLowAVX(_ dst: XMM, _ a: XMM, _ src: XMM) {
    emitVEX(Opcode(0x000F_12), w: false, dst.number, a.number, src.number)
  }

  // MARK: Masks

  /// movmskps or movmskpd: the lanes' sign bits.
  package mutating func signMask(_ size: FloatSize, _ dst: GPR, _ src: XMM) {
    emit(size.packed(0x50), w: false, dst.number, src.number)
  }

  /// pmovmskb: the sign bits of all bytes.
  package mutating func byteMask(_ dst: GPR, _ src: XMM) {
    emit(Opcode(0x66_000F_D7), w: false, dst.number, src.number)
  }
}
