import AviaryContract
import AviaryCore
import CAviaryContract

// Epoch checks and fuel (docs/interruption.md).
//
// ```
//  cmp r15d, [r15+poll]     one load; the word is 0, or more than any context's address ends with
//  jb  stub                 stub: call epoch_thunk; jmp back
//
//  sub r13, cost            r13 is what is left, in all code of an engine that meters
//  jb  stub                 stub: add r13, cost; call trap_thunk
// ```
// The epoch thunk (ModuleLinker) preserves every register but r11, xmm15 and the flags, so a check may stand
// wherever no flags are on the operand stack.
extension FunctionEmitter {
  /// A function is checked at its entry if it may call before it comes to a loop, or if its body is longer than this;
  /// and on each way through it, after so many bytes of operators: the amount of work between two checks does not
  /// depend on the guest's numbers.
  private static var checkedBytes: UInt32 { 1024 }

  /// Behind the prologue.
  mutating func emitEntryChecks() {
    chargeFuel(at: 0)
    guard tables.tunables.epochChecks else { return }
    lastCheck = operatorOffset
    if facts.callsOutsideLoops || bodyBytes > Self.checkedBytes { emitEpochCheck() }
  }

  /// At a loop's head, where all is in slots and pins.
  mutating func emitLoopChecks() {
    chargeFuel(at: operatorOffset)
    guard tables.tunables.epochChecks else { return }
    while nextUncheckedLoop < uncheckedLoops.count && uncheckedLoops[nextUncheckedLoop] < operatorOffset {
      nextUncheckedLoop &+= 1
    }
    // Each turn comes to an inner loop's check, by a straight way.
    if nextUncheckedLoop < uncheckedLoops.count && uncheckedLoops[nextUncheckedLoop] == operatorOffset { return }
    emitEpochCheck()
  }

  /// Between two operators of a long way without loops.
  @inline(__always)
  mutating func checkLongWay() {
    if operatorOffset &- lastCheck > Self.checkedBytes { emitLongWayCheck() }
  }

  @inline(never)
  private mutating func emitLongWayCheck() {
    if skipsNext { return }
    lastCheck = operatorOffset
    guard tables.tunables.epochChecks else { return }
    settle()
    emitEpochCheck()
  }

  // Ways through the code, for `checkLongWay`. Between a way's operators `lastCheck` is where the check would be if the
  // longest way were the only one, so that no branch leads around the checks.

  private var path: UInt32 { operatorOffset &- lastCheck }

  /// A branch to a block's end.
  @inline(__always)
  mutating func notePath(_ depth: UInt32) {
    if tables.tunables.epochChecks { lengthenPath(controls.count &- 1 &- Int(depth)) }
  }
  private mutating func lengthenPath(_ index: Int) {
    controls[index].branchPath = max(controls[index].branchPath, path)
  }

  /// The longest way that may lie behind a call within a function.
  static var longestPath: UInt32 { checkedBytes }

  /// An exception may land where a block's branches go: by a way as long as one can be.
  mutating func noteLanding(_ index: Int) {
    if tables.tunables.epochChecks { controls[index].branchPath = max(controls[index].branchPath, Self.longestPath) }
  }

  /// Behind `if`: the way around its first arm.
  mutating func noteConditionPath() {
    if tables.tunables.epochChecks { controls[controls.count - 1].conditionPath = path }
  }

  /// Where the second arm starts, whose end the first one goes to, if it is alive.
  mutating func splitPath(_ isReached: Bool) {
    guard tables.tunables.epochChecks else { return }
    if isReached { lengthenPath(controls.count - 1) }
    lastCheck = operatorOffset &- controls[controls.count - 1].conditionPath
  }

  /// Behind the end of a block, which control came to from above or not.
  mutating func joinPaths(_ frame: ControlFrame, _ isReached: Bool) {
    guard tables.tunables.epochChecks else { return }
    var longest = isReached ? path : 0
    longest = max(longest, frame.branchPath)
    if frame.kind == .then { longest = max(longest, frame.conditionPath) }
    lastCheck = operatorOffset &- longest
  }

  private mutating func emitEpochCheck() {
    lastCheck = operatorOffset
    let stub = asm.makeLabel()
    asm.alu(.cmp, .b32, .r15, Address(.r15, Int32(AVIARY_VMCTX_POLL)))
    asm.jump(.below, to: stub)
    let back = asm.makeBoundLabel()
    epochStubs.append(EpochStub(label: stub, back: back, wasmOffset: operatorOffset))
  }

  mutating func emitEpochStubs() {
    for index in 0..<epochStubs.count {
      let stub = epochStubs[index]
      asm.bind(stub.label)
      // What a leaf has below rsp survives the call.
      if frame.isRedZone { asm.lea(.b64, .rsp, Address(.rsp, -Frame.redZone)) }
      epochCalls.append(UInt32(truncatingIfNeeded: asm.callRelocated()))
      recordAddress(stub.wasmOffset)
      if frame.isRedZone { asm.lea(.b64, .rsp, Address(.rsp, Frame.redZone)) }
      asm.jump(to: stub.back)
    }
    epochStubs.removeAll()
  }

  // MARK: Fuel

  /// Charges for the region that starts at the operator, if one does that costs anything.
  @inline(__always)
  mutating func chargeFuel(at offset: UInt32) {
    if nextRegion < fuelRegions.count { charge(at: offset) }
  }

  @inline(never)
  private mutating func charge(at offset: UInt32) {
    // Both passes agree on what is dead: to skip a region would be to give it away.
    assert(fuelRegions[nextRegion].offset >= offset, "a region of fuel is skipped")
    while nextRegion < fuelRegions.count && fuelRegions[nextRegion].offset < offset { nextRegion &+= 1 }
    guard nextRegion < fuelRegions.count, fuelRegions[nextRegion].offset == offset else { return }
    let cost = fuelRegions[nextRegion].cost
    nextRegion &+= 1
    guard cost > 0 else { return }
    settle()
    // A body has less than 2^31 bytes.
    let amount = Int32(truncatingIfNeeded: cost)
    asm.alu(.sub, .b64, .r13, immediate: amount)
    let label = asm.makeLabel()
    coldStubs.append(ColdStub(label: label, wasmOffset: operatorOffset, refund: amount, code: .outOfFuel))
    asm.jump(.below, to: label)
  }

  /// Before the runtime is called from metered code, and behind it: it may charge, and the host may refuel.
  mutating func storeFuel() {
    guard tables.tunables.fuelMetering else { return }
    asm.storeFuel()
  }
  mutating func loadFuel() {
    guard tables.tunables.fuelMetering else { return }
    asm.loadFuel()
  }
}

/// The code behind an epoch check that calls the thunk.
struct EpochStub: BitwiseCopyable {
  var label: Label
  var back: Label
  var wasmOffset: UInt32
}

extension Assembler {
  /// store.fuel = r13, where r15 is any context of the store. Overwrites r11.
  mutating func storeFuel() {
    load(.b64, .r11, Address(.r15, Int32(AVIARY_VMCTX_STORE)))
    store(.b64, Address(.r11, Int32(AVIARY_STORE_FUEL)), .r13)
  }

  /// r13 = store.fuel
  mutating func loadFuel() {
    load(.b64, .r13, Address(.r15, Int32(AVIARY_VMCTX_STORE)))
    load(.b64, .r13, Address(.r13, Int32(AVIARY_STORE_FUEL)))
  }
}
