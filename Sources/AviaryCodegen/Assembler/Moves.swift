// Moves between registers, memory and immediates; the stack.
extension Assembler {
  /// 8B /r; 32 bits clear the upper half.
  package mutating func move(_ size: OperandSize, _ dst: GPR, _ src: GPR) {
    emit(
      Self.sized(0x8A, size), w: size.isWide, dst.number, src.number,
      forceREX: dst.needsREX(size) || src.needsREX(size))
  }

  /// B8+r id, C7 /0 id or REX.W B8+r io, whichever is shortest. Leaves the flags alone.
  package mutating func moveImmediate(_ size: OperandSize, _ dst: GPR, _ value: Int64) {
    if size != .b64 || value == Int64(UInt32(truncatingIfNeeded: value)) {
      emit(Opcode(0xB8), w: false, plus: dst.number)
      code.put4(UInt32(truncatingIfNeeded: value))
    } else if value == Int64(Int32(truncatingIfNeeded: value)) {
      emit(Opcode(0xC7), w: true, 0, dst.number)
      code.put4(UInt32(truncatingIfNeeded: value))
    } else {
      emit(Opcode(0xB8), w: true, plus: dst.number)
      code.put8(UInt64(bitPattern: value))
    }
  }

  /// xor of the register with itself: two or three bytes, and changes the flags.
  package mutating func zero(_ dst: GPR) {
    emit(Opcode(0x33), w: false, dst.number, dst.number)
  }

  /// Loads `size` bits and clears all bits above.
  package mutating func load(_ size: OperandSize, _ dst: GPR, _ src: Address) {
    switch size {
    case .b8: emit(Opcode(0x000F_B6), w: false, dst.number, src)
    case .b16: emit(Opcode(0x000F_B7), w: false, dst.number, src)
    case .b32: emit(Opcode(0x8B), w: false, dst.number, src)
    case .b64: emit(Opcode(0x8B), w: true, dst.number, src)
    }
  }

  /// Loads `from` bits and sign-extends them to `to` (32 or 64) bits.
  package mutating func loadSignExtended(
    from: OperandSize, to: OperandSize, _ dst: GPR, _ src: Address
  ) {
    emit(Self.signExtending(from), w: to.isWide, dst.number, src)
  }

  package mutating func signExtend(
    from: OperandSize, to: OperandSize, _ dst: GPR, _ src: GPR
  ) {
    emit(
      Self.signExtending(from), w: to.isWide, dst.number, src.number,
      forceREX: src.needsREX(from))
  }

  @inline(__always)
  private static func signExtending(_ from: OperandSize) -> Opcode {
    switch from {
    case .b8: Opcode(0x000F_BE)
    case .b16: Opcode(0x000F_BF)
    case .b32: Opcode(0x63)
    case .b64: Opcode(0x8B)
    }
  }

  /// Copies the low `from` bits and clears all above.
  package mutating func zeroExtend(from: OperandSize, _ dst: GPR, _ src: GPR) {
    switch from {
    case .b8:
      emit(
        Opcode(0x000F_B6), w: false, dst.number, src.number, forceREX: src.needsREX(.b8))
    case .b16: emit(Opcode(0x000F_B7), w: false, dst.number, src.number)
    case .b32: emit(Opcode(0x8B), w: false, dst.number, src.number)
    case .b64: emit(Opcode(0x8B), w: true, dst.number, src.number)
    }
  }

  package mutating func store(_ size: OperandSize, _ dst: Address, _ src: GPR) {
    emit(
      Self.sized(0x88, size), w: size.isWide, src.number, dst, forceREX: src.needsREX(size))
  }

  /// C7 /0: 64 bits store the immediate sign-extended.
  package mutating func storeImmediate(_ size: OperandSize, _ dst: Address, _ value: Int32) {
    emit(Self.sized(0xC6, size), w: size.isWide, 0, dst, trailing: min(size.bytes, 4))
    putImmediate(size, value)
  }

  package mutating func lea(_ size: OperandSize, _ dst: GPR, _ address: Address) {
    emit(Self.wide(0x8D, size), w: size.isWide, dst.number, address)
  }

  package mutating func exchange(_ size: OperandSize, _ a: GPR, _ b: GPR) {
    emit(
      Self.sized(0x86, size), w: size.isWide, b.number, a.number,
      forceREX: a.needsREX(size) || b.needsREX(size))
  }

  /// Locks the bus, as `xchg` with memory always does.
  package mutating func exchange(_ size: OperandSize, _ a: Address, _ b: GPR) {
    emit(Self.sized(0x86, size), w: size.isWide, b.number, a, forceREX: b.needsREX(size))
  }

  /// cmov: 32 bits clear the upper half whether or not the condition holds.
  package mutating func moveIf(
    _ condition: Condition, _ size: OperandSize, _ dst: GPR, _ src: GPR
  ) {
    emit(
      Self.wide(0x000F_40, size).plus(condition.rawValue), w: size.isWide, dst.number, src.number)
  }

  /// cmov reads the memory whether or not the condition holds.
  package mutating func moveIf(
    _ condition: Condition, _ size: OperandSize, _ dst: GPR, _ src: Address
  ) {
    emit(Self.wide(0x000F_40, size).plus(condition.rawValue), w: size.isWide, dst.number, src)
  }

  // MARK: The stack, always 64 bits

  package mutating func push(_ register: GPR) {
    emit(Opcode(0x50), w: false, plus: register.number)
  }

  package mutating func push(_ address: Address) {
    emit(Opcode(0xFF), w: false, 6, address)
  }

  package mutating func push(immediate value: Int32) {
    code.reserve()
    if let byte = Int8(exactly: value) {
      code.put1(0x6A)
      code.put1(UInt8(bitPattern: byte))
    } else {
      code.put1(0x68)
      code.put4(UInt32(bitPattern: value))
    }
  }

  package mutating func pop(_ register: GPR) {
    emit(Opcode(0x58), w: false, plus: register.number)
  }

  package mutating func pop(_ address: Address) {
    emit(Opcode(0x8F), w: false, 0, address)
  }
}
