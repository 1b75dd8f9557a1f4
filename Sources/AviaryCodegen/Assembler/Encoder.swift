/// An opcode in the notation of Intel's manual, as a number: mandatory prefix,
/// escape bytes and opcode byte as 0xPP_EEEE_OO. `66 0F 38 F7` is
/// 0x66_0F38_F7, `F2 0F 58` is 0xF2_000F_58, a plain `8B` is 0x8B.
struct Opcode {
  let bits: UInt32

  @inline(__always)
  init(_ bits: UInt32) { self.bits = bits }

  @inline(__always) var prefix: UInt8 { UInt8(truncatingIfNeeded: bits &>> 24) }
  @inline(__always) var escape: UInt32 { (bits &>> 8) & 0xFFFF }
  @inline(__always) var byte: UInt8 { UInt8(truncatingIfNeeded: bits) }

  /// The same opcode with another last byte.
  @inline(__always)
  func plus(_ offset: UInt8) -> Opcode { Opcode(bits &+ UInt32(offset)) }

  /// VEX's map number: 1 for 0F, 2 for 0F 38, 3 for 0F 3A.
  @inline(__always)
  var vexMap: UInt8 { escape == 0x0F38 ? 2 : escape == 0x0F3A ? 3 : 1 }

  /// VEX's two bits for the mandatory prefix.
  @inline(__always)
  var vexPrefix: UInt8 { prefix == 0x66 ? 1 : prefix == 0xF3 ? 2 : prefix == 0xF2 ? 3 : 0 }
}

/// Up to eight bytes of an instruction, gathered in a register and stored at once.
struct InstructionBytes {
  var word: UInt64 = 0
  var bits: UInt64 = 0

  @inline(__always) init() {}

  @inline(__always)
  mutating func add(_ byte: UInt8) {
    word |= UInt64(byte) &<< bits
    bits &+= 8
  }

  @inline(__always)
  var count: Int { Int(truncatingIfNeeded: bits &>> 3) }
}

// From operands to bytes. `reg` is the number in ModRM's reg field, or the
// digit of the manual's /digit; `rm` the register in its r/m field. All of it
// folds to a few stores once inlined with a constant opcode. Every instruction
// reserves its room here, so immediates may be put after it unchecked.
extension Assembler {
  @inline(__always)
  static func rex(_ w: Bool, _ reg: UInt8, _ index: UInt8, _ rm: UInt8) -> UInt8 {
    0x40 | (w ? 8 : 0) | ((reg &>> 3) &<< 2) | ((index &>> 3) &<< 1) | (rm &>> 3)
  }

  @inline(__always)
  static func prepend(
    _ opcode: Opcode, rex: UInt8, forceREX: Bool, to bytes: inout InstructionBytes
  ) {
    if opcode.prefix != 0 { bytes.add(opcode.prefix) }
    if rex != 0x40 || forceREX { bytes.add(rex) }
    if opcode.escape != 0 {
      if opcode.escape > 0xFF { bytes.add(0x0F) }
      bytes.add(UInt8(truncatingIfNeeded: opcode.escape))
    }
    bytes.add(opcode.byte)
  }

  /// opcode /r with a register in r/m. `forceREX` names spl, bpl, sil and dil
  /// in place of ah to bh.
  @inline(__always)
  mutating func emit(
    _ opcode: Opcode, w: Bool, _ reg: UInt8, _ rm: UInt8, forceREX: Bool = false
  ) {
    code.reserve()
    var bytes = InstructionBytes()
    Self.prepend(opcode, rex: Self.rex(w, reg, 0, rm), forceREX: forceREX, to: &bytes)
    bytes.add(0xC0 | (reg & 7) &<< 3 | (rm & 7))
    code.append(bytes.word, bytes: bytes.count)
  }

  /// opcode /r with a memory operand. `trailing` is the size of the immediate
  /// that follows, which rip-relative addresses count from behind.
  @inline(__always)
  mutating func emit(
    _ opcode: Opcode, w: Bool, _ reg: UInt8, _ address: Address, trailing: Int = 0,
    forceREX: Bool = false
  ) {
    code.reserve()
    var bytes = InstructionBytes()
    if address.usesGS { bytes.add(0x65) }
    // The marks for "none" would set bits of REX: only true registers count.
    let index = address.index & (address.index >= 0x80 ? 0 : 15)
    let base = address.base & (address.base >= 0x80 ? 0 : 15)
    Self.prepend(opcode, rex: Self.rex(w, reg, index, base), forceREX: forceREX, to: &bytes)
    code.append(bytes.word, bytes: bytes.count)
    appendAddress(reg, address, trailing: trailing)
  }

  /// opcode with a register in its low three bits.
  @inline(__always)
  mutating func emit(_ opcode: Opcode, w: Bool, plus register: UInt8) {
    code.reserve()
    var bytes = InstructionBytes()
    Self.prepend(
      opcode.plus(register & 7), rex: Self.rex(w, 0, 0, register), forceREX: false, to: &bytes)
    code.append(bytes.word, bytes: bytes.count)
  }

  /// ModRM, SIB and displacement.
  ///
  /// Three registers' numbers mean something else in these fields: r/m 4 (rsp,
  /// r12) announces a SIB byte, base 5 (rbp, r13) without displacement means
  /// "no base", index 4 means "no index".
  mutating func appendAddress(_ reg: UInt8, _ address: Address, trailing: Int) {
    let field = UInt64((reg & 7) &<< 3)
    let displacement = address.displacement
    if address.base >= 0x80 {
      return appendBaseless(field, address, trailing: trailing)
    }
    let wide = UInt64(UInt32(bitPattern: displacement))
    let base = UInt64(address.base & 7)
    let isByte = displacement == Int32(Int8(truncatingIfNeeded: displacement))
    let mod: UInt64 = displacement == 0 && base != 5 ? 0 : isByte ? 0x40 : 0x80
    let size = mod == 0 ? 0 : isByte ? 1 : 4
    if address.index == Address.noRegister && base != 4 {
      code.append(mod | field | base | wide &<< 8, bytes: 1 &+ size)
    } else {
      let index = UInt64(address.index == Address.noRegister ? 4 : address.index & 7)
      let sib = UInt64(address.scale.rawValue) &<< 6 | index &<< 3 | base
      code.append(mod | field | 4 | sib &<< 8 | wide &<< 16, bytes: 2 &+ size)
    }
  }

  private mutating func appendBaseless(_ field: UInt64, _ address: Address, trailing: Int) {
    let wide = UInt64(UInt32(bitPattern: address.displacement))
    if address.base == Address.ripRelative {
      code.append(field | 5, bytes: 5)
      let end = position &+ trailing
      refer(
        to: Label(index: address.label), at: position &- 4,
        base: end &- Int(address.displacement))
    } else {
      let index = UInt64(address.index == Address.noRegister ? 4 : address.index & 7)
      let sib = UInt64(address.scale.rawValue) &<< 6 | index &<< 3 | 5
      code.append(field | 4 | sib &<< 8 | wide &<< 16, bytes: 6)
    }
  }

  // MARK: VEX

  /// The VEX prefix, in two bytes where that is enough.
  @inline(__always)
  static func prependVEX(
    _ opcode: Opcode, w: Bool, reg: UInt8, index: UInt8, rm: UInt8, vvvv: UInt8,
    to bytes: inout InstructionBytes
  ) {
    let last = (~vvvv & 15) &<< 3 | opcode.vexPrefix
    let r = (~reg & 8) &<< 4
    if !w && opcode.vexMap == 1 && (index | rm) & 8 == 0 {
      bytes.add(0xC5)
      bytes.add(r | last)
    } else {
      bytes.add(0xC4)
      bytes.add(r | (~index & 8) &<< 3 | (~rm & 8) &<< 2 | opcode.vexMap)
      bytes.add((w ? 0x80 : 0) | last)
    }
    bytes.add(opcode.byte)
  }

  @inline(__always)
  mutating func emitVEX(_ opcode: Opcode, w: Bool, _ reg: UInt8, _ vvvv: UInt8, _ rm: UInt8) {
    code.reserve()
    var bytes = InstructionBytes()
    Self.prependVEX(opcode, w: w, reg: reg, index: 0, rm: rm, vvvv: vvvv, to: &bytes)
    bytes.add(0xC0 | (reg & 7) &<< 3 | (rm & 7))
    code.append(bytes.word, bytes: bytes.count)
  }

  @inline(__always)
  mutating func emitVEX(
    _ opcode: Opcode, w: Bool, _ reg: UInt8, _ vvvv: UInt8, _ address: Address, trailing: Int = 0
  ) {
    code.reserve()
    var bytes = InstructionBytes()
    if address.usesGS { bytes.add(0x65) }
    let index = address.index & (address.index >= 0x80 ? 0 : 15)
    let base = address.base & (address.base >= 0x80 ? 0 : 15)
    Self.prependVEX(opcode, w: w, reg: reg, index: index, rm: base, vvvv: vvvv, to: &bytes)
    code.append(bytes.word, bytes: bytes.count)
    appendAddress(reg, address, trailing: trailing)
  }

  /// The immediate of an operation of `size`: at most four bytes.
  @inline(__always)
  mutating func putImmediate(_ size: OperandSize, _ value: Int32) {
    switch size {
    case .b8: code.put1(UInt8(truncatingIfNeeded: value))
    case .b16: code.put2(UInt16(truncatingIfNeeded: value))
    case .b32, .b64: code.put4(UInt32(bitPattern: value))
    }
  }

  /// An integer opcode at `size`: `base` is the form for bytes, and the next
  /// one that for all other sizes, with 66 in front for 16 bits.
  @inline(__always)
  static func sized(_ base: UInt32, _ size: OperandSize) -> Opcode {
    switch size {
    case .b8: Opcode(base)
    case .b16: Opcode(0x6600_0000 | base &+ 1)
    case .b32, .b64: Opcode(base &+ 1)
    }
  }

  /// An integer opcode that has no form for bytes.
  @inline(__always)
  static func wide(_ opcode: UInt32, _ size: OperandSize) -> Opcode {
    assert(size != .b8)
    return Opcode(size == .b16 ? 0x6600_0000 | opcode : opcode)
  }
}

extension OperandSize {
  /// REX.W
  @inline(__always) var isWide: Bool { self == .b64 }
}

extension GPR {
  /// Whether the register's low byte can be named with a REX prefix only.
  @inline(__always) func needsREX(_ size: OperandSize) -> Bool {
    size == .b8 && number >= 4
  }
}
