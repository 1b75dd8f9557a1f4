/// The last opcode byte of F3 0F (single) and F2 0F (double).
package enum FloatOperation: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  case sqrt = 0x51
  case add = 0x58
  case mul = 0x59
  case sub = 0x5C
  /// Neither min nor max does with NaN and signed zeroes what wasm asks for.
  case min = 0x5D
  case div = 0x5E
  case max = 0x5F
}

/// The immediate of roundss and roundsd, with the inexact exception masked.
package enum RoundingMode: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  case nearestEven = 8
  case down = 9
  case up = 10
  case towardZero = 11
}

extension FloatSize {
  /// F3 0F or F2 0F, with `byte` as the opcode.
  @inline(__always)
  func scalar(_ byte: UInt8) -> Opcode {
    Opcode((self == .f32 ? 0xF3_000F_00 : 0xF2_000F_00) | UInt32(byte))
  }

  /// 0F or 66 0F, with `byte` as the opcode.
  @inline(__always)
  func packed(_ byte: UInt8) -> Opcode {
    Opcode((self == .f32 ? 0x00_000F_00 : 0x66_000F_00) | UInt32(byte))
  }
}

extension Assembler {
  // MARK: Moves

  /// movaps: the whole register, so no dependency on its old value.
  package mutating func move(_ dst: XMM, _ src: XMM) {
    emit(Opcode(0x000F_28), w: false, dst.number, src.number)
  }

  /// movss or movsd, which clear the rest of the register.
  package mutating func load(_ size: FloatSize, _ dst: XMM, _ src: Address) {
    emit(size.scalar(0x10), w: false, dst.number, src)
  }

  package mutating func store(_ size: FloatSize, _ dst: Address, _ src: XMM) {
    emit(size.scalar(0x11), w: false, src.number, dst)
  }

  /// movups: 16 bytes, aligned or not.
  package mutating func loadVector(_ dst: XMM, _ src: Address) {
    emit(Opcode(0x000F_10), w: false, dst.number, src)
  }

  package mutating func storeVector(_ dst: Address, _ src: XMM) {
    emit(Opcode(0x000F_11), w: false, src.number, dst)
  }

  /// movd or movq: the low 32 or 64 bits, the rest cleared.
  package mutating func move(_ size: OperandSize, _ dst: XMM, _ src: GPR) {
    assert(size == .b32 || size == .b64)
    emit(Opcode(0x66_000F_6E), w: size.isWide, dst.number, src.number)
  }

  package mutating func move(_ size: OperandSize, _ dst: GPR, _ src: XMM) {
    assert(size == .b32 || size == .b64)
    emit(Opcode(0x66_000F_7E), w: size.isWide, src.number, dst.number)
  }

  /// xorps of the register with itself: +0.0.
  package mutating func zero(_ dst: XMM) {
    emit(Opcode(0x000F_57), w: false, dst.number, dst.number)
  }

  // MARK: Arithmetic

  package mutating func float(
    _ operation: FloatOperation, _ size: FloatSize, _ dst: XMM, _ src: XMM
  ) {
    emit(size.scalar(operation.rawValue), w: false, dst.number, src.number)
  }

  package mutating func float(
    _ operation: FloatOperation, _ size: FloatSize, _ dst: XMM, _ src: Address
  ) {
    emit(size.scalar(operation.rawValue), w: false, dst.number, src)
  }

  /// AVX's form with a destination of its own: dst = a operation b.
  package mutating func floatAVX(
    _ operation: FloatOperation, _ size: FloatSize, _ dst: XMM, _ a: XMM, _ b: XMM
  ) {
    emitVEX(size.scalar(operation.rawValue), w: false, dst.number, a.number, b.number)
  }

  package mutating func floatAVX(
    _ operation: FloatOperation, _ size: FloatSize, _ dst: XMM, _ a: XMM, _ b: Address
  ) {
    emitVEX(size.scalar(operation.rawValue), w: false, dst.number, a.number, b)
  }

  /// ucomiss or ucomisd: sets carry, zero and parity as an unsigned comparison
  /// does, and all three when either is NaN.
  package mutating func floatCompare(_ size: FloatSize, _ a: XMM, _ b: XMM) {
    emit(size.packed(0x2E), w: false, a.number, b.number)
  }

  package mutating func floatCompare(_ size: FloatSize, _ a: XMM, _ b: Address) {
    emit(size.packed(0x2E), w: false, a.number, b)
  }

  /// roundss or roundsd of SSE4.1.
  package mutating func floatRound(
    _ mode: RoundingMode, _ size: FloatSize, _ dst: XMM, _ src: XMM
  ) {
    emit(size == .f32 ? Opcode(0x66_0F3A_0A) : Opcode(0x66_0F3A_0B), w: false, dst.number,
      src.number)
    code.put1(mode.rawValue)
  }

  package mutating func floatRound(
    _ mode: RoundingMode, _ size: FloatSize, _ dst: XMM, _ src: Address
  ) {
    emit(size == .f32 ? Opcode(0x66_0F3A_0A) : Opcode(0x66_0F3A_0B), w: false, dst.number, src,
      trailing: 1)
    code.put1(mode.rawValue)
  }

  // MARK: Conversions

  /// cvtsi2ss or cvtsi2sd of a signed integer. It merges into the register's
  /// old value: `zero` it first where that may be a false dependency.
  package mutating func convert(
    _ size: FloatSize, _ dst: XMM, fromSigned intSize: OperandSize, _ src: GPR
  ) {
    assert(intSize == .b32 || intSize == .b64)
    emit(size.scalar(0x2A), w: intSize.isWide, dst.number, src.number)
  }

  package mutating func convert(
    _ size: FloatSize, _ dst: XMM, fromSigned intSize: OperandSize, _ src: Address
  ) {
    assert(intSize == .b32 || intSize == .b64)
    emit(size.scalar(0x2A), w: intSize.isWide, dst.number, src)
  }

  /// cvttss2si or cvttsd2si: the sign bit alone when it does not fit.
  package mutating func convertTruncating(
    _ intSize: OperandSize, _ dst: GPR, from size: FloatSize, _ src: XMM
  ) {
    assert(intSize == .b32 || intSize == .b64)
    emit(size.scalar(0x2C), w: intSize.isWide, dst.number, src.number)
  }

  package mutating func convertTruncating(
    _ intSize: OperandSize, _ dst: GPR, from size: FloatSize, _ src: Address
  ) {
    assert(intSize == .b32 || intSize == .b64)
    emit(size.scalar(0x2C), w: intSize.isWide, dst.number, src)
  }

  /// cvtss2sd to f64, cvtsd2ss to f32. Merges into the old value, as above.
  package mutating func convertFloat(to size: FloatSize, _ dst: XMM, _ src: XMM) {
    let from: FloatSize = size == .f32 ? .f64 : .f32
    emit(from.scalar(0x5A), w: false, dst.number, src.number)
  }

  package mutating func convertFloat(to size: FloatSize, _ dst: XMM, _ src: Address) {
    let from: FloatSize = size == .f32 ? .f64 : .f32
    emit(from.scalar(0x5A), w: false, dst.number, src)
  }
}
