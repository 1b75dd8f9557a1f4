import AviaryContract
import AviaryCore

// Which locals live in registers for the whole function. The hottest ones do, by
// the scan's weights:
//
// | function | integer pins | float pins |
// |---|---|---|
// | leaf | rdi, rsi, r8, r9, then rbx, r12, r13 | xmm14 … xmm5 |
// | other | rbx, r12, r13; r8, r9, rsi, rdi where the uses outweigh the calls | xmm14 … xmm8, likewise |
//
// A leaf's parameters stay where they arrive, if that is a register that can be
// pinned. rax, rcx, rdx and r10 are never pinned: divisions, shifts, results and
// calls want them. Where fuel is metered, r13 is not pinned either (Interruption).
extension FunctionEmitter {
  private static var leafGPRs: [GPR] { [.rdi, .rsi, .r8, .r9] }

  /// Weighs a register that must be saved and restored once.
  private static var savedRegisterCost: UInt32 { 40 }

  mutating func choosePins() {
    allocatable = RegisterSet(bits: 0)
    for number: UInt8 in [0, 1, 2, 3, 6, 7, 8, 9, 10, 12, 13] { allocatable.insert(GPR(number)) }
    for number: UInt8 in 0..<15 { allocatable.insert(XMM(number)) }
    // A pin of the callee's costs a save: the stack's registers are the others.
    allocatable.remove(.rbx)
    allocatable.remove(.r12)
    allocatable.remove(.r13)
    volatilePins = RegisterSet()
    frame.saved = RegisterSet()
    chooseIntegerPins()
    chooseFloatPins()
    homedPins = volatilePins
    if facts.hasHandlers { prepareForLandings() }
    free = allocatable
    dirtyPins = homedPins
  }

  /// The hottest locals of a class, hottest first, at most `limit`: one walk with a short list.
  private func hottest(isFloat: Bool, limit: Int, above: UInt32) -> InlineArray<12, Int32> {
    var list = InlineArray<12, Int32>(repeating: -1)
    var weights = InlineArray<12, UInt32>(repeating: 0)
    for index in 0..<seenLocals.count {
      let local = Int(seenLocals[index])
      let info = locals[local]
      guard info.weight > above && info.weight > weights[limit - 1], info.type.isFloat == isFloat,
        !info.isException
      else { continue }
      var position = limit - 1
      while position > 0 && weights[position - 1] < info.weight {
        weights[position] = weights[position - 1]
        list[position] = list[position - 1]
        position -= 1
      }
      weights[position] = info.weight
      list[position] = Int32(local)
    }
    return list
  }

  private mutating func pin(_ local: Int, _ number: UInt8, isFloat: Bool) {
    locals[local].pin = number
    let position = Int(number) + (isFloat ? 16 : 0)
    pinnedLocals[position] = UInt32(local)
    let bit = RegisterSet(bits: 1 << UInt32(position))
    allocatable = allocatable - bit
    // rbx, r12 and r13 survive calls.
    let survives = !isFloat && (number == 3 || number == 12 || number == 13)
    if survives {
      frame.saved = frame.saved | bit
    } else if facts.hasCalls {
      volatilePins = volatilePins | bit
    }
  }

  /// What a pin in a volatile register costs: a store, if it changed, and a load around each call.
  /// Weighed as one: in large functions most calls are in rare cases, as measured on interpreters.
  private var volatileCost: UInt32 { facts.callWeight }

  /// Then r13 is taken.
  private var isMetered: Bool { tables.tunables.fuelMetering }

  private mutating func chooseIntegerPins() {
    let limit = 7
    let candidates = hottest(isFloat: false, limit: limit, above: 0)
    if facts.hasCalls {
      var saved: [UInt8] = isMetered ? [12, 3] : [13, 12, 3]
      var volatile: [UInt8] = [7, 6, 9, 8]
      for position in 0..<limit where candidates[position] >= 0 {
        let local = Int(candidates[position])
        let weight = locals[local].weight
        if weight > Self.savedRegisterCost, let number = saved.popLast() {
          pin(local, number, isFloat: false)
        } else if weight > volatileCost, let number = volatile.popLast() {
          pin(local, number, isFloat: false)
        }
      }
      return
    }
    // Parameters first keep their own registers.
    var pool: [UInt8] = isMetered ? [12, 3, 9, 8, 6, 7] : [13, 12, 3, 9, 8, 6, 7]
    for position in 0..<limit where candidates[position] >= 0 {
      let local = Int(candidates[position])
      guard let register = argumentGPR(of: local), let index = pool.firstIndex(of: register)
      else { continue }
      pool.remove(at: index)
      pin(local, register, isFloat: false)
    }
    for position in 0..<limit where candidates[position] >= 0 {
      let local = Int(candidates[position])
      guard !locals[local].isPinned, let number = pool.last else { continue }
      let isSaved = number == 3 || number == 12 || number == 13
      if isSaved && locals[local].weight <= Self.savedRegisterCost { break }
      pool.removeLast()
      pin(local, number, isFloat: false)
    }
  }

  private mutating func chooseFloatPins() {
    let limit = facts.hasCalls ? 7 : 10
    let candidates = hottest(isFloat: true, limit: limit, above: volatileCost)
    for position in 0..<limit where candidates[position] >= 0 {
      pin(Int(candidates[position]), UInt8(14 - position), isFloat: true)
    }
  }

  // MARK: Around calls

  /// Writes the volatile pins that changed to their homes; where an exception may land in this function, the others too.
  mutating func savePins() {
    let saving = controls[controls.count &- 1].handler < 0 ? volatilePins : homedPins
    var set = dirtyPins & saving
    while let register = set.popFirstGPR() {
      let local = locals[Int(pinnedLocals[Int(register.number)])]
      asm.store(local.type.size, Address(.rbp, local.home), register)
    }
    while let register = set.popFirstXMM() {
      let local = locals[Int(pinnedLocals[16 + Int(register.number)])]
      store(local.type, Address(.rbp, local.home), register)
    }
    dirtyPins = dirtyPins - saving
  }

  @inline(__always)
  mutating func reloadPins() { reload(volatilePins) }

  mutating func reload(_ pins: RegisterSet) {
    var set = pins
    while let register = set.popFirstGPR() {
      let local = locals[Int(pinnedLocals[Int(register.number)])]
      asm.load(local.type.size, register, Address(.rbp, local.home))
    }
    while let register = set.popFirstXMM() {
      let local = locals[Int(pinnedLocals[16 + Int(register.number)])]
      load(local.type, register, Address(.rbp, local.home))
    }
  }

  /// A pinned local was assigned.
  @inline(__always)
  mutating func markDirty(_ pin: UInt8, isFloat: Bool) {
    dirtyPins.bits |= 1 &<< (UInt32(pin) &+ (isFloat ? 16 : 0))
  }
}
