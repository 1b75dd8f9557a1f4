// What exists in AVX, AVX2 and FMA3 only.

/// One element into all lanes. From memory vbroadcastss is AVX, all else AVX2.
package enum BroadcastOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  case vbroadcastss = 0x66_0F38_18
  case vpbroadcastb = 0x66_0F38_78
  case vpbroadcastw = 0x66_0F38_79
  case vpbroadcastd = 0x66_0F38_58
  case vpbroadcastq = 0x66_0F38_59

  /// Of the element.
  package var bytes: Int {
    switch self {
    case .vpbroadcastb: 1
    case .vpbroadcastw: 2
    case .vbroadcastss, .vpbroadcastd: 4
    case .vpbroadcastq: 8
    }
  }
}

/// Selection by the sign bits of a mask's lanes.
package enum VectorBlendOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  case vblendvps = 0x66_0F3A_4A
  case vblendvpd = 0x66_0F3A_4B
  case vpblendvb = 0x66_0F3A_4C
}

/// Products and sums with one rounding, of `dst`, `a` and `b`; the digits tell, with these as
/// 1 to 3, which two are multiplied and which one is added.
package enum FusedOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  case vfmadd132 = 0x66_0F38_98
  case vfmadd213 = 0x66_0F38_A8
  case vfmadd231 = 0x66_0F38_B8
  /// The product negated.
  case vfnmadd132 = 0x66_0F38_9C
  case vfnmadd213 = 0x66_0F38_AC
  case vfnmadd231 = 0x66_0F38_BC
}

extension Assembler {
  package mutating func broadcast(_ operation: BroadcastOperation, _ dst: XMM, _ src: XMM) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, 0, src.number)
  }

  package mutating func broadcast(_ operation: BroadcastOperation, _ dst: XMM, _ src: Address) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, 0, src)
  }

  /// dst = mask's sign ? b : a
  package mutating func blend(
    _ operation: VectorBlendOperation, _ dst: XMM, _ a: XMM, _ b: XMM, mask: XMM
  ) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, a.number, b.number)
    code.put1(mask.number &<< 4)
  }

  package mutating func blend(
    _ operation: VectorBlendOperation, _ dst: XMM, _ a: XMM, _ b: Address, mask: XMM
  ) {
    emitVEX(Opcode(operation.rawValue), w: false, dst.number, a.number, b, trailing: 1)
    code.put1(mask.number &<< 4)
  }

  package mutating func fused(
    _ operation: FusedOperation, _ size: FloatSize, _ dst: XMM, _ a: XMM, _ b: XMM
  ) {
    emitVEX(Opcode(operation.rawValue), w: size == .f64, dst.number, a.number, b.number)
  }

  package mutating func fused(
    _ operation: FusedOperation, _ size: FloatSize, _ dst: XMM, _ a: XMM, _ b: Address
  ) {
    emitVEX(Opcode(operation.rawValue), w: size == .f64, dst.number, a.number, b)
  }
}
