/// The /digit of C0, C1, D0, D1, D2 and D3.
package enum ShiftOperation: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  case rol = 0
  case ror = 1
  case rcl = 2
  case rcr = 3
  case shl = 4
  case shr = 5
  case sar = 7
}

/// Operations on a general purpose register and one source (`Opcode`'s notation).
package enum BitOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  case bsf = 0x00_000F_BC
  case bsr = 0x00_000F_BD
  /// POPCNT
  case popcnt = 0xF3_000F_B8
  /// BMI1
  case tzcnt = 0xF3_000F_BC
  /// LZCNT
  case lzcnt = 0xF3_000F_BD
}

/// Shifts of BMI2, which take their count from any register and leave the flags alone.
package enum ShiftXOperation: UInt32, CaseIterable, Sendable, BitwiseCopyable {
  case shlx = 0x66_0F38_F7
  case sarx = 0xF3_0F38_F7
  case shrx = 0xF2_0F38_F7
}

/// Operations of BMI1 that clear or isolate the lowest set bit: 0F 38 F3 /digit.
package enum LowestBitOperation: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  case blsr = 1
  case blsmsk = 2
  case blsi = 3
}

/// BT, BTS, BTR and BTC: the /digit of 0F BA.
package enum BitTestOperation: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  case bt = 4
  case bts = 5
  case btr = 6
  case btc = 7
}

extension Assembler {
  // MARK: Shifts and rotations

  /// D1 /digit for one, else C1 /digit ib. The machine masks the count.
  package mutating func shift(
    _ operation: ShiftOperation, _ size: OperandSize, _ dst: GPR, by count: UInt8
  ) {
    if count == 1 {
      emit(
        Self.sized(0xD0, size), w: size.isWide, operation.rawValue, dst.number,
        forceREX: dst.needsREX(size))
    } else {
      emit(
        Self.sized(0xC0, size), w: size.isWide, operation.rawValue, dst.number,
        forceREX: dst.needsREX(size))
      code.put1(count)
    }
  }

  package mutating func shift(
    _ operation: ShiftOperation, _ size: OperandSize, _ dst: Address, by count: UInt8
  ) {
    if count == 1 {
      emit(Self.sized(0xD0, size), w: size.isWide, operation.rawValue, dst)
    } else {
      emit(Self.sized(0xC0, size), w: size.isWide, operation.rawValue, dst, trailing: 1)
      code.put1(count)
    }
  }

  /// D3 /digit
  package mutating func shiftByCL(
    _ operation: ShiftOperation, _ size: OperandSize, _ dst: GPR
  ) {
    emit(
      Self.sized(0xD2, size), w: size.isWide, operation.rawValue, dst.number,
      forceREX: dst.needsREX(size))
  }

  package mutating func shiftByCL(
    _ operation: ShiftOperation, _ size: OperandSize, _ dst: Address
  ) {
    emit(Self.sized(0xD2, size), w: size.isWide, operation.rawValue, dst)
  }

  /// BMI2: dst = src shifted by the low 5 or 6 bits of `count`.
  package mutating func shiftX(
    _ operation: ShiftXOperation, _ size: OperandSize, _ dst: GPR, _ src: GPR, by count: GPR
  ) {
    emitVEX(
      Opcode(operation.rawValue), w: size.isWide, dst.number, count.number, src.number)
  }

  package mutating func shiftX(
    _ operation: ShiftXOperation, _ size: OperandSize, _ dst: GPR, _ src: Address, by count: GPR
  ) {
    emitVEX(Opcode(operation.rawValue), w: size.isWide, dst.number, count.number, src)
  }

  /// BMI2 rorx: dst = src rotated right, flags left alone.
  package mutating func rotateRightX(
    _ size: OperandSize, _ dst: GPR, _ src: GPR, by count: UInt8
  ) {
    emitVEX(Opcode(0xF2_0F3A_F0), w: size.isWide, dst.number, 0, src.number)
    code.put1(count)
  }

  package mutating func rotateRightX(
    _ size: OperandSize, _ dst: GPR, _ src: Address, by count: UInt8
  ) {
    emitVEX(Opcode(0xF2_0F3A_F0), w: size.isWide, dst.number, 0, src, trailing: 1)
    code.put1(count)
  }

  // MARK: Counting and single bits

  package mutating func bits(
    _ operation: BitOperation, _ size: OperandSize, _ dst: GPR, _ src: GPR
  ) {
    assert(size == .b32 || size == .b64)
    emit(Opcode(operation.rawValue), w: size.isWide, dst.number, src.number)
  }

  package mutating func bits(
    _ operation: BitOperation, _ size: OperandSize, _ dst: GPR, _ src: Address
  ) {
    assert(size == .b32 || size == .b64)
    emit(Opcode(operation.rawValue), w: size.isWide, dst.number, src)
  }

  /// BMI1 andn: dst = ~inverted & src.
  package mutating func andNot(
    _ size: OperandSize, _ dst: GPR, inverted: GPR, _ src: GPR
  ) {
    emitVEX(Opcode(0x00_0F38_F2), w: size.isWide, dst.number, inverted.number, src.number)
  }

  package mutating func andNot(
    _ size: OperandSize, _ dst: GPR, inverted: GPR, _ src: Address
  ) {
    emitVEX(Opcode(0x00_0F38_F2), w: size.isWide, dst.number, inverted.number, src)
  }

  package mutating func lowestBit(
    _ operation: LowestBitOperation, _ size: OperandSize, _ dst: GPR, _ src: GPR
  ) {
    emitVEX(
      Opcode(0x00_0F38_F3), w: size.isWide, operation.rawValue, dst.number, src.number)
  }

  package mutating func bitTest(
    _ operation: BitTestOperation, _ size: OperandSize, _ operand: GPR, bit: UInt8
  ) {
    emit(Self.wide(0x000F_BA, size), w: size.isWide, operation.rawValue, operand.number)
    code.put1(bit)
  }

  package mutating func bitTest(
    _ operation: BitTestOperation, _ size: OperandSize, _ operand: Address, bit: UInt8
  ) {
    emit(Self.wide(0x000F_BA, size), w: size.isWide, operation.rawValue, operand, trailing: 1)
    code.put1(bit)
  }

  /// 0F A3, AB, B3 or BB /r, with the bit's number modulo the size.
  package mutating func bitTest(
    _ operation: BitTestOperation, _ size: OperandSize, _ operand: GPR, bit: GPR
  ) {
    emit(
      Self.wide(0x000F_83, size).plus(operation.rawValue &<< 3), w: size.isWide, bit.number,
      operand.number)
  }

  /// 0F C8+r
  package mutating func byteSwap(_ size: OperandSize, _ register: GPR) {
    assert(size == .b32 || size == .b64)
    emit(Opcode(0x000F_C8), w: size.isWide, plus: register.number)
  }

  // MARK: Flags to registers

  /// Sets the low byte to 0 or 1 and leaves the rest.
  package mutating func set(_ condition: Condition, _ dst: GPR) {
    emit(
      Opcode(0x000F_90).plus(condition.rawValue), w: false, 0, dst.number,
      forceREX: dst.needsREX(.b8))
  }

  package mutating func set(_ condition: Condition, _ dst: Address) {
    emit(Opcode(0x000F_90).plus(condition.rawValue), w: false, 0, dst)
  }

  /// Sets the whole register to 0 or 1: setcc and movzx, flags kept.
  package mutating func setZeroExtended(_ condition: Condition, _ dst: GPR) {
    set(condition, dst)
    zeroExtend(from: .b8, dst, dst)
  }
}
