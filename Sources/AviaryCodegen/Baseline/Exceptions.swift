import AviaryContract
import AviaryCore
import CAviaryContract

// Throwing and catching (docs/exceptions.md).
//
// ```
//  throw       values to an array below the frame; call the runtime, which does not return
//  try_table   code as in a block. The calls and throws in it are known by where they stand
//  catch       a landing pad behind the function: makes the frame's registers again, brings the values
//              where the label wants them, and goes there
// ```
// What an exception's landing finds of a function is what was in its frame at the call or throw that it passed. Entries
// below a try are in slots, or constants, from its start on; pins are written to their homes before each call within one.
extension FunctionEmitter {
  // MARK: Throwing

  private static var valueBytes: Int32 { 16 }

  mutating func emitThrow(_ index: UInt32) {
    settle()
    let tag = tables.tags[index]
    let type = signatures[tag.type]
    let count = Int(type.parameterCount)
    let first = height - count
    savePins()
    // At most a thousand values.
    let bytes = Self.valueBytes * Int32(count)
    if bytes > 0 {
      asm.alu(.sub, .b64, .rsp, immediate: bytes)
      frame.outgoing = max(frame.outgoing, bytes)
    }
    for position in 0..<count {
      storeValue(stack[first + position], Address(.rsp, Self.valueBytes * Int32(position)))
    }
    if tag.place.isIndirect {
      asm.load(.b64, .rsi, Address(.r15, tag.place.offset))
    } else {
      asm.lea(.b64, .rsi, Address(.r15, tag.place.offset))
    }
    asm.move(.b64, .rdx, .rsp)
    storeFuel()
    callBuiltin(AVIARY_BUILTIN_THROW)
    die()
  }

  /// An operand as an AviaryValue. Uses r11 and xmm15.
  private mutating func storeValue(_ entry: Entry, _ address: Address) {
    if entry.type == .vector { return store(entry, to: address) }
    load(entry, into: .r11)
    asm.store(.b64, address, .r11)
  }

  mutating func emitThrowRef() {
    var reference = pop()
    let register = gpr(&reference)
    asm.test(.b64, register, register)
    trap(.equal, .nullExceptionReference)
    savePins()
    if register != .rsi { asm.move(.b64, .rsi, register) }
    release(reference)
    throwReference()
  }

  /// Throws the exception in rsi.
  private mutating func throwReference() {
    storeFuel()
    callBuiltin(AVIARY_BUILTIN_THROW_REF)
    die()
  }

  // MARK: Pins

  /// Of functions with handlers: whatever was called and thrown out of restores nothing, so all that the caller wants kept
  /// is in the frame, and every pin has a home.
  mutating func prepareForLandings() {
    homedPins = homedPins | frame.saved
    frame.saved.insert(.rbx)
    frame.saved.insert(.r12)
    // Metered code keeps its fuel there.
    if !tables.tunables.fuelMetering { frame.saved.insert(.r13) }
  }

  // MARK: Tries

  mutating func emitTryTable(_ type: BlockType, _ catches: UnsafeBufferPointer<CatchClause>) {
    spillAll()
    let handler = makeHandler()
    for unsafe clause in unsafe catches {
      let isTagged = clause.kind == .catch || clause.kind == .catchRef
      // Labels are counted from outside of the block.
      let target = controls.count &- 1 &- Int(clause.depth)
      noteLanding(target)
      controls[target].isTableTarget = true
      let frame = controls[target]
      addPad(
        LandingPad(
          handler: handler, tag: isTagged ? clause.tag : HandlerClause.anyTag, label: frame.label,
          height: frame.height, wantsReference: clause.kind == .catchRef || clause.kind == .catchAllRef,
          isInRegister: frame.joinsInRegister))
    }
    openTry(.tryTable, type, handler)
  }

  mutating func emitLegacyTry(_ type: BlockType) {
    spillAll()
    openTry(.legacyTry, type, makeHandler())
    // The way to a catch is as long as one can be without a check.
    controls[controls.count - 1].conditionPath = Self.longestPath
  }

  /// Ends the try's body or a catch's, and begins the next catch's.
  ///
  /// Where the function throws one again, the exception stays in the slot below the values.
  mutating func emitLegacyCatch(tag: UInt32?) {
    let top = controls.count - 1
    let frame = controls[top]
    if !isDead {
      settle()
      moveToJoin(frame)
      asm.jump(to: frame.label)
    }
    if frame.kind == .legacyTry {
      controls[top].kind = .legacyCatch
      controls[top].handler = controls[top - 1].handler
      beginSegment(controls[top].handler)
    }
    isDead = false
    truncate(to: Int(frame.height))
    let label = asm.makeBoundLabel()
    let keeps = facts.hasRethrows
    if keeps { push(.slot(.i64, height)) }
    if let tag {
      let type = signatures[tables.tags[tag].type]
      for index in 0..<Int(type.parameterCount) { push(.slot(parameterClass(type, index), height)) }
    }
    dirtyPins = homedPins
    addPad(
      LandingPad(
        handler: frame.ownHandler, tag: tag ?? HandlerClause.anyTag, label: label, height: frame.height,
        wantsReference: keeps, isReferenceFirst: true))
  }

  /// `delegate`: what the body throws is taken by whoever is around the block at the depth.
  mutating func delegate(_ depth: UInt32) {
    let own = controls[controls.count - 1].ownHandler
    // The depth counts from outside of the try.
    handlers[Int(own)].parent = controls[controls.count &- 2 &- Int(depth)].handler
  }

  mutating func emitRethrow(_ depth: UInt32) {
    settle()
    savePins()
    asm.load(.b64, .rsi, slotAddress(Int(target(depth).height)))
    throwReference()
  }

  // MARK: Handlers

  private mutating func makeHandler() -> Int32 {
    handlers.append(HandlerRecord(parent: controls[controls.count - 1].handler))
    return Int32(truncatingIfNeeded: handlers.count - 1)
  }

  private mutating func openTry(_ kind: ControlFrame.Kind, _ type: BlockType, _ handler: Int32) {
    open(kind, type, label: asm.makeLabel(), elseLabel: Label(index: -1))
    let top = controls.count - 1
    controls[top].handler = handler
    controls[top].ownHandler = handler
    beginSegment(handler)
  }

  /// Behind the block that was closed last, a try, the handler is the one around it. A legacy catch has left its own.
  mutating func leaveTry(_ frame: ControlFrame) {
    if frame.kind != .legacyCatch { beginSegment(controls[controls.count - 1].handler) }
  }

  private mutating func beginSegment(_ handler: Int32) {
    let segment = HandlerSegment(
      offset: UInt32(truncatingIfNeeded: asm.position),
      handler: handler < 0 ? HandlerSegment.none : UInt32(handler))
    let last = handlerSegments.count - 1
    if last >= 0, handlerSegments[last].offset == segment.offset {
      handlerSegments[last] = segment
    } else {
      handlerSegments.append(segment)
    }
  }

  private mutating func addPad(_ pad: LandingPad) {
    var pad = pad
    let handler = Int(pad.handler)
    pad.order = handlers[handler].count
    handlers[handler].count += 1
    let values = pad.tag == HandlerClause.anyTag ? 0 : Int(signatures[tables.tags[pad.tag].type].parameterCount)
    maximumHeight = max(maximumHeight, Int(pad.height) + values + (pad.wantsReference ? 1 : 0))
    landingPads.append(pad)
  }

  // MARK: Landing pads

  /// Emits the function's landing pads and its clauses, each handler's together.
  mutating func emitLandingPads() {
    var first = UInt32(truncatingIfNeeded: handlerClauses.count)
    for index in firstHandler..<handlers.count {
      handlers[index].first = first
      first += handlers[index].count
      let parent = handlers[index].parent
      let outer = parent < 0 ? 0 : handlers[Int(parent)].length
      handlers[index].length = min(outer + 1 + handlers[index].count, .max / 2)
      if handlers[index].length > HandlerTables.chainLimit { hasLongChains = true }
    }
    handlerClauses.append(repeating: HandlerClause(tag: 0, landing: 0), count: landingPads.count)
    for index in 0..<landingPads.count {
      let pad = landingPads[index]
      let reference = pad.wantsReference ? HandlerClause.keepsReference : 0
      handlerClauses[Int(handlers[Int(pad.handler)].first + pad.order)] = HandlerClause(
        tag: pad.tag, landing: UInt32(truncatingIfNeeded: asm.position) | reference)
      emitLandingPad(pad)
    }
    landingPads.removeAll()
  }

  /// rbp, r15, r14 and fuel are the frame's already (CAviaryHost/enter.S), rax is the exception.
  private mutating func emitLandingPad(_ pad: LandingPad) {
    asm.lea(.b64, .rsp, Address(.rbp, -frame.size))
    var slot = Int(pad.height)
    if pad.wantsReference && pad.isReferenceFirst {
      asm.store(.b64, slotAddress(slot), .rax)
      slot += 1
    }
    if pad.tag != HandlerClause.anyTag {
      let type = signatures[tables.tags[pad.tag].type]
      let values = Int32(AVIARY_EXCEPTION_VALUES)
      for index in 0..<Int(type.parameterCount) {
        let source = Address(.rax, values + Self.valueBytes * Int32(index))
        land(parameterClass(type, index), source, slot, isInRegister: pad.isInRegister)
        slot += 1
      }
    }
    if pad.wantsReference && !pad.isReferenceFirst && !pad.isInRegister { asm.store(.b64, slotAddress(slot), .rax) }
    reload(homedPins)
    asm.jump(to: pad.label)
  }

  /// Brings one value where the label wants it. A single one may overwrite rax: nothing is read behind it.
  private mutating func land(_ type: ValueClass, _ source: Address, _ slot: Int, isInRegister: Bool) {
    if isInRegister {
      if type.isFloat { load(type, .xmm0, source) } else { asm.load(type.size, .rax, source) }
    } else if type == .vector {
      asm.loadVector(.xmm15, source)
      asm.storeVector(slotAddress(slot), .xmm15)
    } else {
      asm.load(type.size, .r11, source)
      asm.store(type.size, slotAddress(slot), .r11)
    }
  }
}

/// A try of the chunk, while it is compiled.
struct HandlerRecord: BitwiseCopyable {
  /// -1: none in its function.
  var parent: Int32
  var first: UInt32 = 0
  var count: UInt32 = 0
  /// Handlers and clauses from here outwards.
  var length: UInt32 = 0

  var row: Handler { Handler(parent: parent < 0 ? HandlerSegment.none : UInt32(parent), first: first, count: count) }
}

/// Where a clause's exceptions land.
struct LandingPad: BitwiseCopyable {
  var handler: Int32
  /// Which of the handler's clauses it is.
  var order: UInt32 = 0
  var tag: UInt32
  /// Where it goes with the values, and from which slot on they are.
  var label: Label
  var height: Int32
  var wantsReference: Bool
  /// The reference goes below the values, and not above.
  var isReferenceFirst = false
  /// The label takes a single value in rax or xmm0.
  var isInRegister = false
}
