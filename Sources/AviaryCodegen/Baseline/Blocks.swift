import AviaryContract
import AviaryCore

// Blocks and branches.
//
// At a join nothing is in a register but pinned locals and a single result, in rax
// or xmm0: what lies below a block is spilled at the block's entry, and several
// results travel in their slots. So there is no state to merge, and none to remember.
//
// Dead code is skipped: `isDead` until the block's end, with `deadDepth` for the blocks in it.
extension FunctionEmitter {
  // MARK: Types of blocks

  @inline(__always)
  func arity(_ type: BlockType) -> (parameters: UInt32, results: UInt32) {
    switch type.form {
    case .empty: (0, 0)
    case .value: (0, 1)
    case .index: (signatures[type.payload].parameterCount, signatures[type.payload].resultCount)
    }
  }

  @inline(__always)
  func blockParameterClass(_ frame: ControlFrame, _ index: Int) -> ValueClass {
    parameterClass(signatures[frame.type.payload], index)
  }

  @inline(__always)
  func blockResultClass(_ frame: ControlFrame, _ index: Int) -> ValueClass {
    frame.type.form == .value
      ? ValueClass(ValueType(rawValue: frame.type.payload))
      : resultClass(signatures[frame.type.payload], index)
  }

  // MARK: Opening

  @inline(__always)
  mutating func open(_ kind: ControlFrame.Kind, _ type: BlockType, label: Label, elseLabel: Label) {
    let arity = arity(type)
    controls.append(
      ControlFrame(
        kind: kind, label: label, elseLabel: elseLabel,
        height: Int32(truncatingIfNeeded: height) &- Int32(bitPattern: arity.parameters),
        parameterCount: arity.parameters, resultCount: arity.results, type: type,
        handler: controls.isEmpty ? -1 : controls[controls.count &- 1].handler))
  }

  mutating func openFunction(_ type: UInt32) {
    open(.function, BlockType(form: .index, payload: type), label: asm.makeLabel(), elseLabel: Label(index: -1))
    // The body's block takes no parameters from the stack: they are locals.
    controls[0].height = 0
    controls[0].parameterCount = 0
  }

  mutating func emitBlock(_ type: BlockType) throws(ModuleError) {
    spillAll()
    open(.block, type, label: asm.makeLabel(), elseLabel: Label(index: -1))
  }

  mutating func emitLoop(_ type: BlockType) throws(ModuleError) {
    let label = asm.makeLabel()
    let parameters = Int(arity(type).parameters)
    if parameters > 0 { spillWithConstants(from: height - parameters) } else { spillAll() }
    asm.align(to: 16)
    asm.bind(label)
    dirtyPins = homedPins
    open(.loop, type, label: label, elseLabel: Label(index: -1))
    emitLoopChecks()
  }

  mutating func emitIf(_ type: BlockType) throws(ModuleError) {
    var condition = popCondition()
    let parameters = Int(arity(type).parameters)
    if parameters > 0 { spillWithConstants(from: height - parameters) } else { spillAll() }
    let elseLabel = asm.makeLabel()
    let flags = test(&condition)
    jump(flags.inverted, to: elseLabel)
    open(.then, type, label: asm.makeLabel(), elseLabel: elseLabel)
  }

  // MARK: Conditions

  /// Makes flags of a condition that was popped, and releases it. Constants become flags too.
  mutating func test(_ condition: inout Entry) -> FlagCondition {
    if condition.kind == .flags { return FlagCondition(number: condition.register) }
    if let address = memoryAddress(condition) {
      asm.alu(.cmp, .b32, address, immediate: 0)
    } else {
      let register = gpr(&condition)
      asm.test(.b32, register, register)
      release(condition)
    }
    return FlagCondition(.notEqual)
  }

  mutating func jump(_ condition: FlagCondition, to label: Label) {
    if condition.isMachine {
      asm.jump(condition.machine, to: label)
    } else if condition == .floatEqual {
      let skip = asm.makeLabel()
      asm.jump(.parity, to: skip, short: true)
      asm.jump(.equal, to: label)
      asm.bind(skip)
    } else {
      asm.jump(.parity, to: label)
      asm.jump(.notEqual, to: label)
    }
  }

  // MARK: Joins

  /// Whether the values of a branch to `frame` are where it wants them.
  private func isInPlace(_ frame: ControlFrame) -> Bool {
    let arity = frame.arity
    guard arity > 0 else { return true }
    if frame.joinsInRegister {
      let top = stack[height - 1]
      return (top.kind == .gpr && top.gpr == .rax) || (top.kind == .xmm && top.xmm == .xmm0)
    }
    for index in 0..<arity {
      let entry = stack[height - arity + index]
      if entry.kind != .slot || Int(entry.index) != Int(frame.height) + index { return false }
    }
    return true
  }

  /// Brings the values of a branch to where `frame` wants them. Leaves the stack's
  /// description as it is: on the path that does not branch nothing has moved. Only
  /// scratch registers, dead ones and dead slots are written.
  mutating func moveToJoin(_ frame: ControlFrame) {
    let arity = frame.arity
    guard arity > 0 else { return }
    if frame.joinsInRegister {
      let top = stack[height - 1]
      if top.type.isFloat { load(top, into: .xmm0) } else { load(top, into: .rax) }
      return
    }
    // A source's slot is never below its destination, so going upwards loses nothing.
    for index in 0..<arity {
      let entry = stack[height - arity + index]
      let target = Int(frame.height) + index
      if entry.kind == .slot && Int(entry.index) == target { continue }
      store(entry, to: slotAddress(target))
    }
    if maximumHeight < Int(frame.height) + arity { maximumHeight = Int(frame.height) + arity }
  }

  /// The stack behind a join: the block's results, in their places.
  private mutating func pushJoined(_ frame: ControlFrame) {
    truncate(to: Int(frame.height))
    if frame.joinsInRegister {
      let type = blockResultClass(frame, 0)
      if type.isFloat {
        free.remove(.xmm0)
        push(type, .xmm0)
      } else {
        free.remove(.rax)
        push(type, .rax)
      }
    } else {
      for index in 0..<Int(frame.resultCount) {
        push(.slot(blockResultClass(frame, index), height))
      }
    }
    dirtyPins = homedPins
  }

  /// The rest of the block is dead.
  mutating func die() {
    isDead = true
    deadDepth = 0
    truncate(to: Int(controls[controls.count - 1].height))
    // What lies below a block is in slots.
    free = allocatable
  }

  // MARK: Closing

  mutating func emitElse() {
    let top = controls.count - 1
    let frame = controls[top]
    if !isDead {
      settle()
      moveToJoin(frame)
      asm.jump(to: frame.label)
    }
    controls[top].kind = .otherwise
    beginElse(frame)
  }

  /// The state at the start of an `if`'s second arm.
  private mutating func beginElse(_ frame: ControlFrame) {
    isDead = false
    asm.bind(frame.elseLabel)
    truncate(to: Int(frame.height))
    for index in 0..<Int(frame.parameterCount) {
      push(.slot(blockParameterClass(frame, index), height))
    }
    dirtyPins = homedPins
  }

  mutating func emitEnd() {
    let frame = controls[controls.count - 1]
    switch frame.kind {
    case .loop:
      if isDead { truncate(to: Int(frame.height)) }
    case .then:
      // No `else`: it would hand the parameters on as the results.
      if frame.parameterCount == 0 {
        asm.bind(frame.elseLabel)
        isDead = false
        joinAtEnd(frame, isReached: false)
      } else {
        emitElse()
        moveToJoin(frame)
        joinAtEnd(frame, isReached: false)
      }
    case .block, .otherwise, .function, .tryTable, .legacyTry, .legacyCatch:
      let isReached = !isDead
      // Below a legacy catch's values may be the exception.
      if isTarget(frame) || frame.kind == .function || frame.kind == .legacyCatch {
        joinAtEnd(frame, isReached: isReached)
      }
    }
    _ = controls.removeLast()
    if frame.isTry { leaveTry(frame) }
    if controls.isEmpty { emitFunctionEnd() }
  }

  /// - Parameter isReached: whether control falls in from above with the results not yet in place.
  private mutating func joinAtEnd(_ frame: ControlFrame, isReached: Bool) {
    if isReached {
      settle()
      moveToJoin(frame)
    }
    let isUsed = isTarget(frame)
    if isUsed { asm.bind(frame.label) }
    if isUsed || !isDead {
      isDead = false
      pushJoined(frame)
    }
  }

  /// Whether something branches to the block's end.
  private func isTarget(_ frame: ControlFrame) -> Bool {
    frame.isTableTarget || asm.isUsed(frame.label)
  }

  // MARK: Branches

  func target(_ depth: UInt32) -> ControlFrame { controls[controls.count &- 1 &- Int(depth)] }

  mutating func emitBr(_ depth: UInt32) {
    settle()
    let frame = target(depth)
    moveToJoin(frame)
    if frame.kind == .function && isReturnShort {
      emitFunctionReturn()
    } else {
      asm.jump(to: frame.label)
    }
    die()
  }

  mutating func emitBrIf(_ depth: UInt32) {
    var condition = popCondition()
    let frame = target(depth)
    let flags = test(&condition)
    branch(flags, to: frame)
  }

  /// A conditional branch with the values that the block wants.
  mutating func branch(_ condition: FlagCondition, to frame: ControlFrame) {
    if isInPlace(frame) {
      jump(condition, to: frame.label)
    } else {
      let skip = asm.makeLabel()
      jump(condition.inverted, to: skip)
      moveToJoin(frame)
      asm.jump(to: frame.label)
      asm.bind(skip)
    }
  }

  mutating func emitUnreachable() {
    settle()
    emitTrapCall(.unreachable, operatorOffset)
    die()
  }

  // MARK: The function's end

  /// Whether a return in place is hardly longer than a jump to the shared one.
  private var isReturnShort: Bool { frame.saved.count <= 1 && signature.resultCount <= 1 }

  private mutating func emitFunctionEnd() {
    if isDead { return }
    emitFunctionReturn()
  }

  /// The results are where the function's block wants them.
  private mutating func emitFunctionReturn() {
    let count = Int(signature.resultCount)
    if count > 1 { loadResults(count) }
    emitReturn()
  }

  /// From slots to result registers and the caller's result area. Pins are dead by now.
  private mutating func loadResults(_ count: Int) {
    var places = ArgumentAssignment(isResult: true)
    if signature.resultAreaBytes > 0 { asm.load(.b64, .r11, Address(.rbp, frame.resultArea)) }
    // The area first: it goes through rax, which is the first result.
    for pass in 0..<2 {
      places = ArgumentAssignment(isResult: true)
      for index in 0..<count {
        let type = resultClass(signature, index)
        let place = places.next(type)
        let slot = slotAddress(index)
        switch place.kind {
        case .stack where pass == 0 && type == .vector:
          asm.loadVector(.xmm15, slot)
          asm.storeVector(Address(.r11, place.offset), .xmm15)
        case .stack where pass == 0:
          asm.load(type.size, .rax, slot)
          asm.store(.b64, Address(.r11, place.offset), .rax)
        case .gpr where pass == 1: asm.load(type.size, GPR(place.number), slot)
        case .xmm where pass == 1: load(type, XMM(place.number), slot)
        default: break
        }
      }
    }
  }
}
