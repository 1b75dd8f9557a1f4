/// Loads of the shape xmm ← m32 or m64 that fill a whole register, one row each in `Opcode`'s notation. The memory
/// operand has the width that the name says, and need not be aligned.
package enum VectorUnaryOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  // Eight bytes, each lane widened
  case pmovsxbw = 0x66_0F38_20
  case pmovsxwd = 0x66_0F38_23
  case pmovsxdq = 0x66_0F38_25
  case pmovzxbw = 0x66_0F38_30
  case pmovzxwd = 0x66_0F38_33
  case pmovzxdq = 0x66_0F38_35
  /// Eight bytes, twice.
  case movddup = 0xF2_000F_12
}

/// The same of AVX (four bytes) and AVX2 (one and two): the lane that all lanes become.
package enum BroadcastOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  case vbroadcastss = 0x66_0F38_18
  case vpbroadcastb = 0x66_0F38_78
  case vpbroadcastw = 0x66_0F38_79
}

extension Assembler {
  package mutating func vector(_ operation: VectorUnaryOperation, _ dst: XMM, _ src: Address) {
    emit(Opcode(operation.rawValue), w: false, dst.number, src)
  }

  package mutating func vector(_ operation: VectorUnaryOperation, _ dst: XMM, _ src: XMM) {
    emit(Opcode(operation.rawValue), w: false, dst.number, src.number)
  }

  package mutating func vectorAVX(_ operation: VectorUnaryOperation, _ dst: XMM, _ src: Address) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, 0, src)
  }

  package mutating func broadcast(_ operation: BroadcastOperation, _ dst: XMM, _ src: Address) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, 0, src)
  }

  @inline(__always)
  private static func inserting(_ size: OperandSize) -> Opcode {
    switch size {
    case .b8: Opcode(0x66_0F3A_20)
    case .b16: Opcode(0x66_000F_C4)
    case .b32, .b64: Opcode(0x66_0F3A_22)
    }
  }

  /// pinsrb, pinsrw, pinsrd or pinsrq from memory of the lane's width.
  package mutating func insertLane(_ size: OperandSize, _ dst: XMM, _ src: Address, lane: UInt8) {
    emit(Self.inserting(size), w: size.isWide, dst.number, src, trailing: 1)
    code.put1(lane)
  }

  /// AVX's form: dst = a with one lane from memory.
  package mutating func insertLaneAVX(_ size: OperandSize, _ dst: XMM, _ a: XMM, _ src: Address, lane: UInt8) {
    emitVEX(Self.inserting(size), w: size.isWide, dst.number, a.number, src, trailing: 1)
    code.put1(lane)
  }

  /// pextrb, pextrw, pextrd or pextrq to memory of the lane's width.
  package mutating func extractLane(_ size: OperandSize, _ dst: Address, _ src: XMM, lane: UInt8) {
    let opcode: UInt32 =
      switch size {
      case .b8: 0x66_0F3A_14
      case .b16: 0x66_0F3A_15
      case .b32, .b64: 0x66_0F3A_16
      }
    emit(Opcode(opcode), w: size.isWide, src.number, dst, trailing: 1)
    code.put1(lane)
  }
}
