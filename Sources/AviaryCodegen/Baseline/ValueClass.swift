import AviaryCore

/// What the machine makes of a value type: width and register class. References
/// are 64-bit integers.
enum ValueClass: UInt8, BitwiseCopyable {
  case i32, i64, f32, f64
  /// Sixteen bytes, in a vector register as floats are.
  case vector

  init(_ type: ValueType) {
    switch type {
    case .i32: self = .i32
    case .f32: self = .f32
    case .f64: self = .f64
    case .v128: self = .vector
    default: self = .i64
    }
  }

  @inline(__always) var isFloat: Bool { rawValue >= 2 }
  /// Integer operand size; floats by their width too, for moves through integer registers. Vectors have none.
  @inline(__always) var size: OperandSize { rawValue & 1 == 0 ? .b32 : .b64 }
  /// Only meaningful for f32 and f64: what may be a vector goes by `load` and `store` of VectorSupport.
  @inline(__always) var floatSize: FloatSize { self == .f32 ? .f32 : .f64 }
}
