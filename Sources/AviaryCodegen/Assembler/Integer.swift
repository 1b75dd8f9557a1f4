/// The eight operations of one shape, by the number that is both the /digit of
/// their immediate form and bits 3–5 of their opcode.
package enum ALUOperation: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  case add, or, adc, sbb, and, sub, xor, cmp
}

/// F6 /digit and F7 /digit.
package enum UnaryOperation: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  case not = 2
  case neg = 3
  /// rdx:rax = rax × operand, unsigned.
  case mul = 4
  /// rdx:rax = rax × operand, signed.
  case imul = 5
  /// rax, rdx = quotient and remainder of rdx:rax / operand, unsigned.
  case div = 6
  case idiv = 7
}

extension Assembler {
  // MARK: add, or, adc, sbb, and, sub, xor, cmp

  package mutating func alu(_ operation: ALUOperation, _ size: OperandSize, _ dst: GPR, _ src: GPR)
  {
    emit(
      Self.sized(UInt32(operation.rawValue &<< 3) | 2, size), w: size.isWide, dst.number,
      src.number, forceREX: dst.needsREX(size) || src.needsREX(size))
  }

  package mutating func alu(
    _ operation: ALUOperation, _ size: OperandSize, _ dst: GPR, _ src: Address
  ) {
    emit(
      Self.sized(UInt32(operation.rawValue &<< 3) | 2, size), w: size.isWide, dst.number, src,
      forceREX: dst.needsREX(size))
  }

  package mutating func alu(
    _ operation: ALUOperation, _ size: OperandSize, _ dst: Address, _ src: GPR
  ) {
    emit(
      Self.sized(UInt32(operation.rawValue &<< 3), size), w: size.isWide, src.number, dst,
      forceREX: src.needsREX(size))
  }

  /// 83 /digit ib where the immediate fits in a byte, else 81 /digit id.
  package mutating func alu(
    _ operation: ALUOperation, _ size: OperandSize, _ dst: GPR, immediate: Int32
  ) {
    let digit = operation.rawValue
    if size == .b8 {
      emit(Opcode(0x80), w: false, digit, dst.number, forceREX: dst.needsREX(size))
      code.put1(UInt8(truncatingIfNeeded: immediate))
    } else if Self.fitsByte(immediate) {
      emit(Self.wide(0x83, size), w: size.isWide, digit, dst.number)
      code.put1(UInt8(truncatingIfNeeded: immediate))
    } else {
      emit(Self.wide(0x81, size), w: size.isWide, digit, dst.number)
      putImmediate(size, immediate)
    }
  }

  package mutating func alu(
    _ operation: ALUOperation, _ size: OperandSize, _ dst: Address, immediate: Int32
  ) {
    let digit = operation.rawValue
    if size == .b8 {
      emit(Opcode(0x80), w: false, digit, dst, trailing: 1)
      code.put1(UInt8(truncatingIfNeeded: immediate))
    } else if Self.fitsByte(immediate) {
      emit(Self.wide(0x83, size), w: size.isWide, digit, dst, trailing: 1)
      code.put1(UInt8(truncatingIfNeeded: immediate))
    } else {
      emit(Self.wide(0x81, size), w: size.isWide, digit, dst, trailing: min(size.bytes, 4))
      putImmediate(size, immediate)
    }
  }

  @inline(__always)
  static func fitsByte(_ value: Int32) -> Bool {
    value == Int32(Int8(truncatingIfNeeded: value))
  }

  // MARK: test

  package mutating func test(_ size: OperandSize, _ a: GPR, _ b: GPR) {
    emit(
      Self.sized(0x84, size), w: size.isWide, b.number, a.number,
      forceREX: a.needsREX(size) || b.needsREX(size))
  }

  package mutating func test(_ size: OperandSize, _ a: Address, _ b: GPR) {
    emit(Self.sized(0x84, size), w: size.isWide, b.number, a, forceREX: b.needsREX(size))
  }

  package mutating func test(_ size: OperandSize, _ a: GPR, immediate: Int32) {
    emit(Self.sized(0xF6, size), w: size.isWide, 0, a.number, forceREX: a.needsREX(size))
    putImmediate(size, immediate)
  }

  package mutating func test(_ size: OperandSize, _ a: Address, immediate: Int32) {
    emit(Self.sized(0xF6, size), w: size.isWide, 0, a, trailing: min(size.bytes, 4))
    putImmediate(size, immediate)
  }

  // MARK: One operand

  package mutating func unary(_ operation: UnaryOperation, _ size: OperandSize, _ operand: GPR) {
    emit(
      Self.sized(0xF6, size), w: size.isWide, operation.rawValue, operand.number,
      forceREX: operand.needsREX(size))
  }

  package mutating func unary(_ operation: UnaryOperation, _ size: OperandSize, _ operand: Address)
  {
    emit(Self.sized(0xF6, size), w: size.isWide, operation.rawValue, operand)
  }

  /// FF /0
  package mutating func increment(_ size: OperandSize, _ operand: Address) {
    emit(Self.sized(0xFE, size), w: size.isWide, 0, operand)
  }

  /// FF /1
  package mutating func decrement(_ size: OperandSize, _ operand: Address) {
    emit(Self.sized(0xFE, size), w: size.isWide, 1, operand)
  }

  /// cdq or cqo: fills rdx with the sign of rax, ahead of `idiv`.
  package mutating func signExtendAccumulator(_ size: OperandSize) {
    code.reserve()
    if size.isWide { code.put1(0x48) }
    code.put1(0x99)
  }

  // MARK: Products

  /// 0F AF /r
  package mutating func multiply(_ size: OperandSize, _ dst: GPR, _ src: GPR) {
    emit(Self.wide(0x000F_AF, size), w: size.isWide, dst.number, src.number)
  }

  package mutating func multiply(_ size: OperandSize, _ dst: GPR, _ src: Address) {
    emit(Self.wide(0x000F_AF, size), w: size.isWide, dst.number, src)
  }

  /// 6B /r ib or 69 /r id: dst = src × immediate.
  package mutating func multiply(
    _ size: OperandSize, _ dst: GPR, _ src: GPR, immediate: Int32
  ) {
    if Self.fitsByte(immediate) {
      emit(Self.wide(0x6B, size), w: size.isWide, dst.number, src.number)
      code.put1(UInt8(truncatingIfNeeded: immediate))
    } else {
      emit(Self.wide(0x69, size), w: size.isWide, dst.number, src.number)
      putImmediate(size, immediate)
    }
  }

  package mutating func multiply(
    _ size: OperandSize, _ dst: GPR, _ src: Address, immediate: Int32
  ) {
    if Self.fitsByte(immediate) {
      emit(Self.wide(0x6B, size), w: size.isWide, dst.number, src, trailing: 1)
      code.put1(UInt8(truncatingIfNeeded: immediate))
    } else {
      emit(
        Self.wide(0x69, size), w: size.isWide, dst.number, src, trailing: min(size.bytes, 4))
      putImmediate(size, immediate)
    }
  }
}
