import AviaryCore

// Moves of single values between registers, stack slots and `AviaryValue`s,
// each as wide as its type: the unused upper bytes of a stack slot are
// undefined, those of an `AviaryValue` are zero.
extension Assembler {
  /// Loads a value of `type` into a register of its class.
  mutating func loadValue(_ type: ValueType, _ dst: SignatureLayout.Place, _ src: Address) {
    switch dst {
    case .gpr(let register): load(type == .i32 ? .b32 : .b64, register, src)
    case .xmm(let register):
      switch type {
      case .f32: load(.f32, register, src)
      case .f64: load(.f64, register, src)
      default: loadVector(register, src)
      }
    case .stack: preconditionFailure("a value is loaded into a register")
    }
  }

  /// Stores a register to an `AviaryValue`.
  mutating func storeValue(_ type: ValueType, _ dst: Address, _ src: SignatureLayout.Place) {
    switch src {
    case .gpr(let register): store(.b64, dst, register)
    case .xmm(let register):
      switch type {
      case .f32:
        store(.f32, dst, register)
        storeImmediate(.b32, dst.offset(by: 4), 0)
      case .f64: store(.f64, dst, register)
      default: storeVector(dst, register)
      }
    case .stack: preconditionFailure("a value is stored from a register")
    }
  }

  /// Copies between memory operands by way of r11 or xmm15. Four bytes become
  /// eight, the upper ones zero.
  mutating func copyValue(_ type: ValueType, _ dst: Address, _ src: Address, scratch: GPR) {
    if type.isVector {
      loadVector(.xmm15, src)
      storeVector(dst, .xmm15)
    } else {
      load(type == .i32 || type == .f32 ? .b32 : .b64, scratch, src)
      store(.b64, dst, scratch)
    }
  }
}
