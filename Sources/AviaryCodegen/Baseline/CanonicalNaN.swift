import AviaryContract
import AviaryCore

// By the engine's option every NaN that an operator makes is the canonical positive one, so that results are the same
// on every machine. Operators that only move bits (abs, neg, copysign, pmin, pmax) are defined to the bit without it.
extension FunctionEmitter {
  @inline(__always) var canonicalizesNaN: Bool { tables.tunables.nanCanonicalization }

  /// The result on top of the stack, a scalar.
  mutating func canonicalizeScalar(_ size: FloatSize) {
    var value = pop()
    let register = xmm(&value)
    let done = asm.makeLabel()
    asm.floatCompare(size, register, register)
    asm.jump(.notParity, to: done, short: true)
    asm.load(size, register, canonicalNaN(size))
    asm.bind(done)
    push(value)
  }

  /// The result on top of the stack, a vector.
  mutating func canonicalizeVector(_ size: FloatSize) {
    let value = pop()
    let register = value.xmm
    let nan = canonicalNaN(size)
    vector(size == .f32 ? .cmpps : .cmppd, .xmm15, register, .register(register), Self.unorderedPredicate)
    if hasAVX {
      asm.blend(.vblendvps, register, register, nan, mask: .xmm15)
    } else {
      // The mask's bits choose between the result and the NaN.
      asm.vector(.xorps, register, nan)
      asm.vector(.andnps, .xmm15, register)
      asm.move(register, .xmm15)
      asm.vector(.xorps, register, nan)
    }
    push(value)
  }

  private mutating func canonicalNaN(_ size: FloatSize) -> Address {
    let lanes: UInt64 = size == .f32 ? 0x7FC0_0000_7FC0_0000 : 0x7FF8_0000_0000_0000
    return vectorConstantAddress(lanes, lanes)
  }
}

extension AviaryCore.Opcode {
  /// The lanes of the operator's result, if it may make a NaN that is not one of its operands.
  var makesVectorNaN: FloatSize? {
    switch self {
    case .f32x4Add, .f32x4Sub, .f32x4Mul, .f32x4Div, .f32x4Min, .f32x4Max, .f32x4Sqrt, .f32x4Ceil, .f32x4Floor,
      .f32x4Trunc, .f32x4Nearest, .f32x4DemoteF64x2Zero, .f32x4RelaxedMadd, .f32x4RelaxedNmadd, .f32x4RelaxedMin,
      .f32x4RelaxedMax:
      .f32
    case .f64x2Add, .f64x2Sub, .f64x2Mul, .f64x2Div, .f64x2Min, .f64x2Max, .f64x2Sqrt, .f64x2Ceil, .f64x2Floor,
      .f64x2Trunc, .f64x2Nearest, .f64x2PromoteLowF32x4, .f64x2RelaxedMadd, .f64x2RelaxedNmadd, .f64x2RelaxedMin,
      .f64x2RelaxedMax:
      .f64
    default: nil
    }
  }

  /// Likewise for scalars.
  var makesScalarNaN: FloatSize? {
    switch self {
    case .f32Add, .f32Sub, .f32Mul, .f32Div, .f32Min, .f32Max, .f32Sqrt, .f32Ceil, .f32Floor, .f32Trunc, .f32Nearest,
      .f32DemoteF64:
      .f32
    case .f64Add, .f64Sub, .f64Mul, .f64Div, .f64Min, .f64Max, .f64Sqrt, .f64Ceil, .f64Floor, .f64Trunc, .f64Nearest,
      .f64PromoteF32:
      .f64
    default: nil
    }
  }
}
