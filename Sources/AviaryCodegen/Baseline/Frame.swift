import AviaryContract
import AviaryCore
import CAviaryContract

/// The frame of the function in hand (docs/abi.md draws it). Offsets are from rbp.
struct Frame: BitwiseCopyable {
  /// Registers that are saved on entry, from [rbp-16] downwards by number.
  var saved = RegisterSet()
  /// Where the address of the caller's result area is kept; 0 without one.
  var resultArea: Int32 = 0
  /// The slot of stack entry i is at slotBase - slot size × (i + 1). Where there are vectors all slots have
  /// 16 bytes, and are aligned to them.
  var slotBase: Int32 = 0
  var slotShift: Int32 = 3
  /// First local that needs zeroes, and the offset below the last one's home.
  var zeroTop: Int32 = 0
  var zeroBottom: Int32 = 0
  /// Positions of what `finishFrame` fills in.
  var start = 0
  var adjustment = 0
  var limitCheck = 0
  /// From rbp down to rsp.
  var size: Int32 = 0
  /// The frame lies below rsp.
  var isRedZone = false
  /// The most that calls take below the frame, for arguments and result areas.
  var outgoing: Int32 = 0
  var afterAdjustment = Label(index: 0)

  /// What the system leaves alone below rsp.
  static var redZone: Int32 { 128 }
}

/// Where one argument travels, by the rules of docs/abi.md.
struct ArgumentPlace: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable { case gpr, xmm, stack }
  var kind: Kind
  var number: UInt8 = 0
  /// Bytes from the area's start.
  var offset: Int32 = 0
}

/// Hands out registers, then stack slots.
struct ArgumentAssignment: BitwiseCopyable {
  var gprs = 0
  var xmms = 0
  var bytes: Int32 = 0
  let isResult: Bool
  init(isResult: Bool = false) { self.isResult = isResult }

  /// rdi, rsi, rdx, rcx, r8, r9, and rax, rdx, rcx, rsi, rdi, r8, r9, r10: nibbles, first lowest.
  private static var argumentGPRs: UInt64 { 0x98_1267 }
  private static var resultGPRs: UInt64 { 0xA987_6120 }

  mutating func next(_ type: ValueClass) -> ArgumentPlace {
    if !type.isFloat {
      if gprs < (isResult ? 8 : 6) {
        let all = isResult ? Self.resultGPRs : Self.argumentGPRs
        let number = UInt8(truncatingIfNeeded: (all >> UInt64(4 * gprs)) & 15)
        gprs += 1
        return ArgumentPlace(kind: .gpr, number: number)
      }
    } else if xmms < 8 {
      xmms += 1
      return ArgumentPlace(kind: .xmm, number: UInt8(xmms - 1))
    }
    let offset = bytes
    bytes += type == .vector ? 16 : 8
    return ArgumentPlace(kind: .stack, offset: offset)
  }
}

extension FunctionEmitter {
  @inline(__always)
  func parameterClass(_ signature: ModuleTables.Signature, _ index: Int) -> ValueClass {
    unsafe unsafeBitCast(classes[Int(signature.firstParameter) &+ index], to: ValueClass.self)
  }

  @inline(__always)
  func resultClass(_ signature: ModuleTables.Signature, _ index: Int) -> ValueClass {
    unsafe unsafeBitCast(classes[Int(signature.firstResult) &+ index], to: ValueClass.self)
  }

  /// The integer register that a parameter arrives in.
  func argumentGPR(of local: Int) -> UInt8? {
    guard local < arguments.count, arguments[local].kind == .gpr else { return nil }
    return arguments[local].number
  }

  /// Places of the function's own parameters, and of the result area's address behind them.
  mutating func placeArguments() {
    arguments.removeAll()
    var assignment = ArgumentAssignment()
    for index in 0..<Int(signature.parameterCount) {
      arguments.append(assignment.next(parameterClass(signature, index)))
    }
    if signature.resultAreaBytes > 0 { arguments.append(assignment.next(.i64)) }
  }

  /// Gives homes to whatever needs one. Only 50,000 locals are valid, so offsets fit.
  mutating func layOutFrame() {
    var offset: Int32 = -8 - 8 * Int32(frame.saved.count)
    func take(_ type: ValueClass) -> Int32 {
      // rbp is a multiple of 16.
      offset = type == .vector ? (offset - 16) & ~15 : offset - 8
      return offset
    }
    let parameterCount = Int(signature.parameterCount)
    frame.resultArea = 0
    if signature.resultAreaBytes > 0 {
      let place = arguments[parameterCount]
      frame.resultArea = place.kind == .stack ? 16 + place.offset : take(.i64)
    }
    for local in 0..<parameterCount {
      let place = arguments[local]
      let info = locals[local]
      if place.kind == .stack {
        locals[local].home = 16 + place.offset
      } else if info.isSeen && needsHome(info) {
        locals[local].home = take(info.type)
      }
    }
    frame.zeroTop = offset
    for position in 0..<seenLocals.count {
      let local = Int(seenLocals[position])
      if local >= parameterCount && needsHome(locals[local]) {
        locals[local].home = take(locals[local].type)
      }
    }
    frame.zeroBottom = offset
    frame.slotBase = facts.hasVectors ? offset & ~15 : offset
    frame.slotShift = facts.hasVectors ? 4 : 3
  }

  private func needsHome(_ info: LocalInfo) -> Bool {
    guard info.isPinned else { return true }
    let bit: UInt32 = 1 &<< (UInt32(info.pin) &+ (info.type.isFloat ? 16 : 0))
    return homedPins.bits & bit != 0
  }

  // MARK: Prologue

  mutating func emitPrologue() {
    asm.code.alignWithBreakpoints(to: 16)
    frame.start = asm.position
    asm.push(.rbp)
    asm.move(.b64, .rbp, .rsp)
    if tables.tunables.stackCheck == .explicit {
      asm.load(.b64, .r11, Address(.r15, Int32(AVIARY_VMCTX_STORE)))
      asm.lea(.b64, .rax, Address(.rsp, -0x7FFF_FFFF))
      frame.limitCheck = asm.position - 4
      asm.alu(.cmp, .b64, .rax, Address(.r11, Int32(AVIARY_STORE_STACK_LIMIT)))
      trap(.below, .callStackExhausted)
    }
    // Seven bytes, which `finishFrame` adjusts to the frame's size.
    frame.adjustment = asm.position
    asm.alu(.sub, .b64, .rsp, immediate: 0x7FFF_FFFF)
    frame.afterAdjustment = asm.makeBoundLabel()
    if facts.hasForeignCalls { asm.store(.b64, Address(.rbp, -8), .r15) }
    var offset: Int32 = -16
    var set = frame.saved
    while let register = set.popFirstGPR() {
      asm.store(.b64, Address(.rbp, offset), register)
      offset -= 8
    }
    receiveArguments()
    zeroLocals()
  }

  /// Brings parameters from where they arrive to their pins and homes.
  private mutating func receiveArguments() {
    moves.removeAll()
    let count = Int(signature.parameterCount)
    if arguments.count > count && arguments[count].kind == .gpr {
      asm.store(.b64, Address(.rbp, frame.resultArea), GPR(arguments[count].number))
    }
    for local in 0..<count {
      let place = arguments[local]
      let info = locals[local]
      guard info.isSeen, place.kind != .stack else { continue }
      let isFloat = place.kind == .xmm
      if info.isPinned {
        moves.append(
          RegisterMove(
            destination: info.pin + (isFloat ? 16 : 0), source: place.number + (isFloat ? 16 : 0),
            isWide: info.type.size == .b64))
      } else if isFloat {
        store(info.type, Address(.rbp, info.home), XMM(place.number))
      } else {
        asm.store(info.type.size, Address(.rbp, info.home), GPR(place.number))
      }
    }
    emitMoves()
    for local in 0..<count where arguments[local].kind == .stack {
      let info = locals[local]
      guard info.isPinned else { continue }
      let home = Address(.rbp, 16 + arguments[local].offset)
      if info.type.isFloat {
        load(info.type, XMM(info.pin), home)
      } else {
        asm.load(info.type.size, GPR(info.pin), home)
      }
    }
  }

  private mutating func zeroLocals() {
    let first = Int(signature.parameterCount)
    guard locals.count > first else { return }
    let isMany = frame.zeroTop - frame.zeroBottom > 16 * 8
    if isMany { zeroRange() }
    var hasZero = false
    for position in 0..<seenLocals.count {
      let local = Int(seenLocals[position])
      let info = locals[local]
      guard local >= first && !info.startsAssigned else { continue }
      if info.isPinned {
        if info.type.isFloat { asm.zero(XMM(info.pin)) } else { asm.zero(GPR(info.pin)) }
      } else if isMany {
        continue
      } else if info.type == .vector {
        if !hasZero { asm.zero(.xmm15) }
        hasZero = true
        asm.storeVector(Address(.rbp, info.home), .xmm15)
      } else {
        asm.storeImmediate(.b64, Address(.rbp, info.home), 0)
      }
    }
  }

  /// Zeroes [rbp+zeroBottom, rbp+zeroTop), a multiple of 8 bytes. rax and r11 are unused yet.
  private mutating func zeroRange() {
    var bottom = frame.zeroBottom
    if (frame.zeroTop - bottom) % 16 != 0 {
      asm.storeImmediate(.b64, Address(.rbp, bottom), 0)
      bottom += 8
    }
    asm.zero(.xmm15)
    if frame.zeroTop - bottom <= 512 {
      while bottom < frame.zeroTop {
        asm.storeVector(Address(.rbp, bottom), .xmm15)
        bottom += 16
      }
      return
    }
    asm.lea(.b64, .r11, Address(.rbp, bottom))
    asm.lea(.b64, .rax, Address(.rbp, frame.zeroTop))
    let loop = asm.makeBoundLabel()
    asm.storeVector(Address(.r11), .xmm15)
    asm.alu(.add, .b64, .r11, immediate: 16)
    asm.alu(.cmp, .b64, .r11, .rax)
    asm.jump(.below, to: loop)
  }

  // MARK: Epilogue

  /// Restores what was saved and drops the frame; the return address is on top then.
  mutating func emitFrameExit() {
    var offset: Int32 = -16
    var set = frame.saved
    while let register = set.popFirstGPR() {
      asm.load(.b64, register, Address(.rbp, offset))
      offset -= 8
    }
    asm.leave()
  }

  mutating func emitReturn() {
    emitFrameExit()
    // At most a thousand parameters: fits in 16 bits.
    asm.ret(popping: UInt16(truncatingIfNeeded: signature.argumentBytes))
  }

  /// Fills in the frame's size, known at the end only.
  mutating func finishFrame() {
    let bytes = -Int(frame.slotBase) + maximumHeight << Int(frame.slotShift)
    let size = Int32((bytes + 15) & ~15)
    frame.size = size
    if tables.tunables.stackCheck == .explicit {
      asm.code.patch32(at: frame.limitCheck, -(size + frame.outgoing))
    }
    if size <= 4096 {
      if !facts.hasCalls && !facts.hasThrows && frame.outgoing == 0 && size <= Frame.redZone {
        // A leaf lives in the red zone: signals run on a stack of their own.
        frame.isRedZone = true
        asm.code.patch32(at: frame.adjustment, 0x0080_1F0F)
        asm.code.patch32(at: frame.adjustment + 3, 0)
      } else {
        asm.code.patch32(at: frame.adjustment + 3, size)
      }
      return
    }
    emitLargeFrame(size)
  }

  /// The adjustment of a frame of more than a page, out of line: it touches each page on
  /// the way, so that the guard is met and never jumped.
  private mutating func emitLargeFrame(_ size: Int32) {
    let end = frame.adjustment + 5
    let distance = Int32(truncatingIfNeeded: asm.position - end)
    // jmp rel32, then two bytes that are never reached.
    asm.code.patch8(at: frame.adjustment, Int8(bitPattern: 0xE9))
    asm.code.patch32(at: frame.adjustment + 1, distance)
    if tables.tunables.stackCheck != .explicit
      && UInt64(size) + (64 << 10) > tables.tunables.stackGuardBytes
    {
      asm.load(.b64, .r11, Address(.r15, Int32(AVIARY_VMCTX_STORE)))
      asm.lea(.b64, .rax, Address(.rsp, -size))
      asm.alu(.cmp, .b64, .rax, Address(.r11, Int32(AVIARY_STORE_STACK_LIMIT)))
      trap(.below, .callStackExhausted)
    }
    asm.lea(.b64, .r11, Address(.rsp, -size))
    let loop = asm.makeBoundLabel()
    asm.alu(.sub, .b64, .rsp, immediate: 4096)
    asm.test(.b64, Address(.rsp), .rsp)
    asm.alu(.cmp, .b64, .rsp, .r11)
    asm.jump(.above, to: loop)
    asm.move(.b64, .rsp, .r11)
    asm.jump(to: frame.afterAdjustment)
  }
}
