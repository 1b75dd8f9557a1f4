import AviaryContract
import AviaryCore

// Float lanes: signs, least and greatest, and NaNs.
extension FunctionEmitter {
  /// Eight bytes of lanes with their sign bits alone.
  static func signBits(_ size: FloatSize) -> UInt64 {
    size == .f32 ? 0x8000_0000_8000_0000 : 0x8000_0000_0000_0000
  }

  mutating func emitVectorSign(_ operation: VectorOperation, _ bits: UInt64) {
    var value = pop()
    let pin = vectorDestination()
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    vector(operation, dst, x, bits)
    finish(dst, value)
  }

  /// min and max: zeroes of either sign are ordered and NaN wins, neither of which the machine's instructions do. Both
  /// orders of the operands together tell.
  ///
  /// For min, "or" of both makes −0 of differing zeroes, and keeps a NaN one. For max, the zeroes' difference in sign
  /// is subtracted again. At the end a NaN keeps its sign and quiet bit alone.
  mutating func emitVectorExtremum(isMinimum: Bool, _ size: FloatSize) {
    var right = pop()
    var left = pop()
    let pin = vectorDestination()
    let b = xmm(&right)
    let a = xmm(&left)
    let dst = sequenceRegister(left, right, pin)
    let single = size == .f32
    let extremum: VectorOperation =
      isMinimum ? (single ? .minps : .minpd) : (single ? .maxps : .maxpd)
    vector(extremum, .xmm15, b, a)
    vector(extremum, dst, a, b)
    if isMinimum {
      vector(.orps, dst, dst, .xmm15)
      unordered(size, .xmm15, dst)
      // A signalling NaN becomes a quiet one.
      vector(.orps, dst, dst, .xmm15)
    } else {
      vector(.xorps, .xmm15, .xmm15, dst)
      vector(.orps, dst, dst, .xmm15)
      vector(single ? .subps : .subpd, dst, dst, .xmm15)
      unordered(size, .xmm15, dst)
    }
    if single {
      vectorShift(.psrld, .xmm15, .xmm15, by: 10)
    } else {
      vectorShift(.psrlq, .xmm15, .xmm15, by: 13)
    }
    if hasAVX {
      asm.vectorAVX(.andnps, dst, .xmm15, dst)
    } else {
      asm.vector(.andnps, .xmm15, dst)
      asm.move(dst, .xmm15)
    }
    finish(dst, left, right)
  }

  /// dst = all ones where `x` is NaN.
  mutating func unordered(_ size: FloatSize, _ dst: XMM, _ x: XMM) {
    vector(size == .f32 ? .cmpps : .cmppd, dst, x, .register(x), Self.unorderedPredicate)
  }

  /// Immediates of cmpps and cmppd.
  static var equalPredicate: UInt8 { 0 }
  static var lessPredicate: UInt8 { 1 }
  static var lessOrEqualPredicate: UInt8 { 2 }
  static var unorderedPredicate: UInt8 { 3 }
  static var notEqualPredicate: UInt8 { 4 }
  static var notLessPredicate: UInt8 { 5 }
  static var orderedPredicate: UInt8 { 7 }
}
