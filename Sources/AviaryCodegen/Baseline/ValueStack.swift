// The operand stack: pushing, popping, and bringing entries into their slots.
//
// Registers and aliases live in a window of the topmost entries. What leaves the
// window goes to its slot, so that all walks below are bounded, however deep the stack.
extension FunctionEmitter {
  static var lazyWindow: Int { 48 }

  var height: Int { @inline(__always) get { stack.count } }

  @inline(__always)
  mutating func push(_ entry: Entry) {
    if hasFlags { settle() }
    pushUnsettled(entry)
  }

  /// Invariant: no flags are on the stack.
  @inline(__always)
  mutating func pushUnsettled(_ entry: Entry) {
    stack.append(entry)
    if stack.count > maximumHeight { maximumHeight = stack.count }
    if stack.count &- lazyBase > Self.lazyWindow {
      spill(lazyBase)
      lazyBase &+= 1
    }
  }

  @inline(__always)
  mutating func push(_ type: ValueClass, _ register: GPR) { push(.gpr(type, register)) }
  @inline(__always)
  mutating func push(_ type: ValueClass, _ register: XMM) { push(.xmm(type, register)) }

  /// Leaves a comparison's outcome in the machine's flags.
  @inline(__always)
  mutating func pushFlags(_ condition: FlagCondition) {
    pushUnsettled(Entry(kind: .flags, type: .i32, register: condition.number))
    hasFlags = true
  }

  @inline(__always)
  mutating func pushFlags(_ condition: Condition) { pushFlags(FlagCondition(condition)) }

  /// Pushes the alias of a local.
  @inline(__always)
  mutating func pushLocal(_ local: UInt32) {
    if hasFlags { settle() }
    let type = locals[Int(local)].type
    locals[Int(local)].aliases &+= 1
    pushUnsettled(Entry(kind: .local, type: type, index: local))
  }

  /// The topmost value, never as flags.
  @inline(__always)
  mutating func pop() -> Entry {
    if hasFlags { settle() }
    return popCondition()
  }

  /// The topmost value; as `flags` it must be used before any flag is changed.
  @inline(__always)
  mutating func popCondition() -> Entry {
    let entry = stack.removeLast()
    if lazyBase > stack.count { lazyBase = stack.count }
    if entry.kind == .local { locals[Int(entry.index)].aliases &-= 1 }
    hasFlags = false
    return entry
  }

  /// Turns flags on top of the stack into a register with 0 or 1. Changes no flags
  /// before they were read.
  @inline(never)
  mutating func settle() {
    guard hasFlags else { return }
    hasFlags = false
    let top = stack.count - 1
    let register = allocateGPR()
    setBoolean(FlagCondition(number: stack[top].register), register)
    stack[top] = .gpr(.i32, register)
  }

  /// register = condition ? 1 : 0
  mutating func setBoolean(_ condition: FlagCondition, _ register: GPR) {
    if condition.isMachine {
      asm.setZeroExtended(condition.machine, register)
    } else {
      // Parity clear and zero set, or the opposite of both.
      let isEqual = condition == .floatEqual
      asm.set(isEqual ? .notParity : .parity, .r11)
      asm.set(isEqual ? .equal : .notEqual, register)
      asm.alu(isEqual ? .and : .or, .b32, register, .r11)
      asm.zeroExtend(from: .b8, register, register)
    }
  }

  // MARK: To slots

  /// The canonical place of stack entry `index`.
  @inline(__always)
  func slotAddress(_ index: Int) -> Address { Address(.rbp, slotOffset(index)) }

  /// Heights are bounded by the validator's limit, so the product fits.
  @inline(__always)
  func slotOffset(_ index: Int) -> Int32 {
    frame.slotBase &- Int32(truncatingIfNeeded: index &+ 1) &<< frame.slotShift
  }

  /// Brings an entry of the window into its slot, unless it is a constant. Uses
  /// r11 and xmm15, changes no flags (but those it turns into a value).
  mutating func spill(_ index: Int) {
    let entry = stack[index]
    switch entry.kind {
    case .const, .slot: return
    case .flags:
      settle()
      return spill(index)
    case .local:
      locals[Int(entry.index)].aliases &-= 1
      store(entry, to: slotAddress(index))
    case .gpr:
      asm.store(entry.type.size, slotAddress(index), entry.gpr)
      free.insert(entry.gpr)
    case .xmm:
      store(entry.type, slotAddress(index), entry.xmm)
      free.insert(entry.xmm)
    }
    stack[index] = .slot(entry.type, index)
  }

  /// Before blocks: all entries below `end` become slots or constants.
  mutating func spillAll(below end: Int) {
    var index = lazyBase
    while index < end {
      spill(index)
      index &+= 1
    }
    if lazyBase < end { lazyBase = end }
  }

  @inline(__always)
  mutating func spillAll() { spillAll(below: stack.count) }

  /// Before calls: entries below `end` leave registers that a call destroys. Aliases stay:
  /// their locals survive.
  mutating func spillRegisters(below end: Int) {
    var index = lazyBase
    while index < end {
      let kind = stack[index].kind
      if kind == .gpr || kind == .xmm || kind == .flags { spill(index) }
      index &+= 1
    }
  }

  /// A constant too goes to its slot: for the parameters of loops and of `if`.
  mutating func spillWithConstants(from start: Int) {
    spillAll()
    for index in start..<max(start, stack.count) where stack[index].kind == .const {
      let entry = stack[index]
      store(entry, to: slotAddress(index))
      stack[index] = .slot(entry.type, index)
    }
  }

  // MARK: Aliases

  /// Before a local changes: entries that stand for it become copies.
  @inline(__always)
  mutating func keepAliases(of local: UInt32) {
    if locals[Int(local)].aliases != 0 { copyAliases(of: local) }
  }

  @inline(never)
  private mutating func copyAliases(of local: UInt32) {
    var index = stack.count &- 1
    while index >= lazyBase && locals[Int(local)].aliases != 0 {
      let entry = stack[index]
      if entry.kind == .local && entry.index == local {
        if entry.type.isFloat, let register = free.firstXMM {
          locals[Int(local)].aliases &-= 1
          free.remove(register)
          load(entry, into: register)
          stack[index] = .xmm(entry.type, register)
        } else if !entry.type.isFloat, let register = free.firstGPR {
          locals[Int(local)].aliases &-= 1
          free.remove(register)
          load(entry, into: register)
          stack[index] = .gpr(entry.type, register)
        } else {
          spill(index)
        }
      }
      index &-= 1
    }
  }

  // MARK: Dropping

  /// Forgets entries until `newHeight` are left, and frees their registers.
  mutating func truncate(to newHeight: Int) {
    var index = stack.count
    while index > newHeight && index > lazyBase {
      index &-= 1
      let entry = stack[index]
      if entry.kind == .local {
        locals[Int(entry.index)].aliases &-= 1
      } else {
        release(entry)
      }
    }
    if stack.count > newHeight { stack.truncate(to: newHeight) }
    if lazyBase > stack.count { lazyBase = stack.count }
    hasFlags = false
  }
}
