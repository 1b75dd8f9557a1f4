// Registers of the operand stack: a mask of free ones; when it is empty the
// deepest entry that has one gives it up.
extension FunctionEmitter {
  /// Registers that instructions want by name are handed out last.
  private static var special: UInt16 { 0b0000_0111 }

  @inline(__always)
  mutating func allocateGPR() -> GPR {
    let mask = free.gprMask
    if mask == 0 { return evictGPR() }
    let preferred = mask & ~Self.special
    let register = GPR(
      UInt8(truncatingIfNeeded: (preferred != 0 ? preferred : mask).trailingZeroBitCount))
    free.remove(register)
    return register
  }

  @inline(__always)
  mutating func allocateXMM() -> XMM {
    guard let register = free.firstXMM else { return evictXMM() }
    free.remove(register)
    return register
  }

  @inline(never)
  private mutating func evictGPR() -> GPR {
    for index in lazyBase..<stack.count where stack[index].kind == .gpr {
      let register = stack[index].gpr
      spill(index)
      free.remove(register)
      return register
    }
    // Operators hold at most three registers besides the stack's, and there are more.
    preconditionFailure("no integer register is left to evict")
  }

  @inline(never)
  private mutating func evictXMM() -> XMM {
    for index in lazyBase..<stack.count where stack[index].kind == .xmm {
      let register = stack[index].xmm
      spill(index)
      free.remove(register)
      return register
    }
    preconditionFailure("no vector register is left to evict")
  }

  /// Takes a certain register, which no operand in hand may own: an entry of the stack
  /// that does moves elsewhere. Changes no flags.
  mutating func claim(_ register: GPR) {
    if free.contains(register) {
      free.remove(register)
      return
    }
    for index in lazyBase..<stack.count
    where stack[index].kind == .gpr && stack[index].gpr == register {
      let type = stack[index].type
      if let other = free.firstGPR {
        free.remove(other)
        asm.move(type.size, other, register)
        stack[index] = .gpr(type, other)
      } else {
        spill(index)
        free.remove(register)
      }
      return
    }
    preconditionFailure("a register is claimed that an operand owns")
  }

  /// Gives back what an operand owned.
  @inline(__always)
  mutating func release(_ entry: Entry) {
    if entry.kind == .gpr { free.insert(entry.gpr) } else if entry.kind == .xmm { free.insert(entry.xmm) }
  }

  @inline(__always)
  mutating func release(_ register: GPR) { free.insert(register) }
  @inline(__always)
  mutating func release(_ register: XMM) { free.insert(register) }
}
