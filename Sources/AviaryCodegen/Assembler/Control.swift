// Jumps, calls, tables of jump targets, alignment.
extension Assembler {
  // MARK: To labels

  /// EB or E9. A label behind takes the short form where it reaches; one ahead
  /// takes it only when `short` promises that it is less than 128 bytes away.
  package mutating func jump(to label: Label, short: Bool = false) {
    code.reserve()
    if fitsShort(label, short) {
      code.append(0xEB, bytes: 2)
      refer(to: label, at: position &- 1, base: position, isShort: true)
    } else {
      code.append(0xE9, bytes: 5)
      refer(to: label, at: position &- 4, base: position)
    }
  }

  /// 70+cc or 0F 80+cc.
  package mutating func jump(_ condition: Condition, to label: Label, short: Bool = false) {
    code.reserve()
    if fitsShort(label, short) {
      code.append(0x70 | UInt64(condition.rawValue), bytes: 2)
      refer(to: label, at: position &- 1, base: position, isShort: true)
    } else {
      code.append(0x800F | UInt64(condition.rawValue) &<< 8, bytes: 6)
      refer(to: label, at: position &- 4, base: position)
    }
  }

  @inline(__always)
  private func fitsShort(_ label: Label, _ promised: Bool) -> Bool {
    guard let target = position(of: label) else { return promised }
    return target &- (position &+ 2) >= -128
  }

  /// E8
  package mutating func call(_ label: Label) {
    code.reserve()
    code.append(0xE8, bytes: 5)
    refer(to: label, at: position &- 4, base: position)
  }

  // MARK: To places outside of this code

  /// A call whose target the linker fills in. Returns the offset of the four
  /// bytes, which are relative to the offset after them.
  package mutating func callRelocated() -> Int {
    code.reserve()
    code.append(0xE8, bytes: 5)
    return position &- 4
  }

  /// A jump whose target the linker fills in, as for a tail call.
  package mutating func jumpRelocated() -> Int {
    code.reserve()
    code.append(0xE9, bytes: 5)
    return position &- 4
  }

  /// A conditional jump whose target the linker fills in, as to a trap stub.
  package mutating func jumpRelocated(_ condition: Condition) -> Int {
    code.reserve()
    code.append(0x800F | UInt64(condition.rawValue) &<< 8, bytes: 6)
    return position &- 4
  }

  /// lea of an address that the linker fills in.
  package mutating func leaRelocated(_ dst: GPR) -> Int {
    code.reserve()
    let rex = UInt64(Self.rex(true, dst.number, 0, 0))
    code.append(rex | 0x8D00 | UInt64((dst.number & 7) &<< 3 | 5) &<< 16, bytes: 7)
    return position &- 4
  }

  // MARK: To registers and memory

  package mutating func call(_ target: GPR) {
    emit(Opcode(0xFF), w: false, 2, target.number)
  }

  package mutating func call(_ target: Address) {
    emit(Opcode(0xFF), w: false, 2, target)
  }

  package mutating func jump(_ target: GPR) {
    emit(Opcode(0xFF), w: false, 4, target.number)
  }

  package mutating func jump(_ target: Address) {
    emit(Opcode(0xFF), w: false, 4, target)
  }

  // MARK: Returns and stops

  package mutating func ret() {
    code.reserve()
    code.put1(0xC3)
  }

  /// Returns and takes `bytes` of arguments off the caller's stack.
  package mutating func ret(popping bytes: UInt16) {
    code.reserve()
    if bytes == 0 {
      code.put1(0xC3)
    } else {
      code.append(0xC2 | UInt64(bytes) &<< 8, bytes: 3)
    }
  }

  package mutating func leave() {
    code.reserve()
    code.put1(0xC9)
  }

  package mutating func undefined() {
    code.reserve()
    code.append(0x0B0F, bytes: 2)
  }

  package mutating func breakpoint() {
    code.reserve()
    code.put1(0xCC)
  }

  package mutating func pause() {
    code.reserve()
    code.append(0x90F3, bytes: 2)
  }

  // MARK: Tables

  /// Jumps to entry `index` of `table`, whose entries are `labelDifference`s.
  /// The index is 64 bits wide and within the table. Overwrites `scratch` and `index`.
  package mutating func jumpThroughTable(_ table: Label, index: GPR, scratch: GPR) {
    lea(.b64, scratch, Address(table))
    loadSignExtended(from: .b32, to: .b64, index, Address(scratch, index, .x4))
    alu(.add, .b64, scratch, index)
    jump(scratch)
  }

  /// A data word: the distance from `table` (which is bound) to `label`.
  package mutating func labelDifference(_ label: Label, from table: Label) {
    guard let base = position(of: table) else {
      preconditionFailure("a table's label is bound before its entries")
    }
    code.reserve()
    code.put4(0)
    refer(to: label, at: position &- 4, base: base)
  }

  /// A data word as it is.
  package mutating func data(_ word: UInt32) {
    code.reserve()
    code.put4(word)
  }

  package mutating func data(_ word: UInt64) {
    code.reserve()
    code.put8(word)
  }

  /// Fills up with instructions that do nothing: ahead of loops.
  package mutating func align(to alignment: Int) {
    code.align(to: alignment)
  }
}
