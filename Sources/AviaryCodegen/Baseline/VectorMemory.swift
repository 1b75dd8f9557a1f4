import AviaryContract
import AviaryCore

// Loads and stores of vectors and of their lanes. As with scalars one instruction makes the access, of exactly the
// width that was checked, so that a trap comes before any change: a store that reaches beyond the memory writes nothing.
extension FunctionEmitter {
  mutating func emitVectorAccess(_ op: AviaryCore.Opcode, _ memarg: MemArg) throws(ModuleError) {
    switch op {
    case .v128Load: emitVectorLoad(op, memarg, width: 16)
    case .v128Load8x8S, .v128Load8x8U, .v128Load16x4S, .v128Load16x4U, .v128Load32x2S, .v128Load32x2U,
      .v128Load64Splat, .v128Load64Zero:
      emitVectorLoad(op, memarg, width: 8)
    case .v128Load32Splat, .v128Load32Zero: emitVectorLoad(op, memarg, width: 4)
    case .v128Load16Splat: emitVectorLoad(op, memarg, width: 2)
    case .v128Load8Splat: emitVectorLoad(op, memarg, width: 1)
    case .v128Store: emitVectorStore(memarg)
    default: throw unsupported("atomic instructions are not compiled yet:")
    }
  }

  /// The offset of the memory immediate of the two-byte operator in hand.
  private var memArgOffset: Int { afterLEB(Int(operatorOffset) &+ 1) }

  private mutating func emitVectorLoad(_ op: AviaryCore.Opcode, _ memarg: MemArg, width: Int) {
    var index = pop()
    var extra = Entry.const(.i64, 0)
    let pin = pinnedDestination(after: afterMemArg(memArgOffset))
    let address = memoryOperand(memarg, width: width, index: &index, extra: &extra)
    let dst = pin != LocalInfo.unpinned ? XMM(pin) : allocateXMM()
    loadVector(op, dst, address)
    release(extra)
    release(index)
    push(.vector, dst)
  }

  private mutating func loadVector(_ op: AviaryCore.Opcode, _ dst: XMM, _ address: Address) {
    switch op {
    case .v128Load8Splat where !cpu.contains(.avx2):
      asm.zero(dst)
      recordFault()
      asm.insertLane(.b8, dst, address, lane: 0)
      asm.zero(.xmm15)
      asm.vector(.pshufb, dst, .xmm15)
      return
    case .v128Load16Splat where !cpu.contains(.avx2):
      asm.zero(dst)
      recordFault()
      asm.insertLane(.b16, dst, address, lane: 0)
      asm.vector(.pshufb, dst, vectorConstantAddress(0x0100_0100_0100_0100, 0x0100_0100_0100_0100))
      return
    default: recordFault()
    }
    switch op {
    case .v128Load8x8S: asm.vector(.pmovsxbw, dst, address)
    case .v128Load8x8U: asm.vector(.pmovzxbw, dst, address)
    case .v128Load16x4S: asm.vector(.pmovsxwd, dst, address)
    case .v128Load16x4U: asm.vector(.pmovzxwd, dst, address)
    case .v128Load32x2S: asm.vector(.pmovsxdq, dst, address)
    case .v128Load32x2U: asm.vector(.pmovzxdq, dst, address)
    case .v128Load64Splat: asm.vector(.movddup, dst, address)
    case .v128Load64Zero: asm.load(.f64, dst, address)
    case .v128Load32Zero: asm.load(.f32, dst, address)
    case .v128Load8Splat: asm.broadcast(.vpbroadcastb, dst, address)
    case .v128Load16Splat: asm.broadcast(.vpbroadcastw, dst, address)
    case .v128Load32Splat where hasAVX: asm.broadcast(.vbroadcastss, dst, address)
    case .v128Load32Splat:
      asm.load(.f32, dst, address)
      asm.vector(.pshufd, dst, dst, immediate: 0)
    default:
      let start = asm.position
      asm.loadVector(dst, address)
      lastLoad = LastLoad(start: start, end: asm.position, address: address, register: dst)
    }
  }

  // MARK: Loads as operands

  /// Whether the operand was loaded by the very last instruction, to which no branch comes back.
  @inline(__always)
  func isLastLoad(_ entry: Entry) -> Bool {
    hasAVX && lastLoad.end == asm.position && entry.kind == .xmm && entry.xmm == lastLoad.register
      && asm.lastBound != asm.position
  }

  /// Takes that load back: the next instruction reads the memory itself. It has to be emitted at once, since it may
  /// fault in the load's stead, and without reading the register.
  mutating func takeBackLoad() -> Address {
    asm.code.truncate(to: lastLoad.start)
    lastLoad.end = -1
    return lastLoad.address
  }

  private mutating func emitVectorStore(_ memarg: MemArg) {
    var value = pop()
    var index = pop()
    var extra = Entry.const(.i64, 0)
    let source = xmm(&value)
    let address = memoryOperand(memarg, width: 16, index: &index, extra: &extra)
    recordFault()
    asm.storeVector(address, source)
    release(extra)
    release(index)
    release(value)
  }

  // MARK: Lanes

  mutating func emitLaneAccess(_ op: AviaryCore.Opcode, _ memarg: MemArg, _ lane: UInt8) {
    switch op {
    case .v128Load8Lane: emitLaneLoad(memarg, .b8, lane)
    case .v128Load16Lane: emitLaneLoad(memarg, .b16, lane)
    case .v128Load32Lane: emitLaneLoad(memarg, .b32, lane)
    case .v128Load64Lane: emitLaneLoad(memarg, .b64, lane)
    case .v128Store8Lane: emitLaneStore(memarg, .b8, lane)
    case .v128Store16Lane: emitLaneStore(memarg, .b16, lane)
    case .v128Store32Lane: emitLaneStore(memarg, .b32, lane)
    default: emitLaneStore(memarg, .b64, lane)
    }
  }

  private mutating func emitLaneLoad(_ memarg: MemArg, _ size: OperandSize, _ lane: UInt8) {
    var value = pop()
    var index = pop()
    var extra = Entry.const(.i64, 0)
    let pin = pinnedDestination(after: afterMemArg(memArgOffset) &+ 1)
    let dst: XMM
    if hasAVX {
      let source = xmm(&value)
      let address = memoryOperand(memarg, width: size.bytes, index: &index, extra: &extra)
      dst = resultRegister(value, pin == LocalInfo.unpinned ? nil : XMM(pin))
      recordFault()
      asm.insertLaneAVX(size, dst, source, address, lane: lane)
    } else {
      dst = vectorCopy(&value, pin == LocalInfo.unpinned ? nil : XMM(pin))
      let address = memoryOperand(memarg, width: size.bytes, index: &index, extra: &extra)
      recordFault()
      asm.insertLane(size, dst, address, lane: lane)
    }
    release(extra)
    release(index)
    if hasAVX { release(value, unless: dst) }
    push(.vector, dst)
  }

  private mutating func emitLaneStore(_ memarg: MemArg, _ size: OperandSize, _ lane: UInt8) {
    var value = pop()
    var index = pop()
    var extra = Entry.const(.i64, 0)
    let source = xmm(&value)
    let address = memoryOperand(memarg, width: size.bytes, index: &index, extra: &extra)
    recordFault()
    switch size {
    case .b32 where lane == 0: asm.store(.f32, address, source)
    case .b64 where lane == 0: asm.store(.f64, address, source)
    default: asm.extractLane(size, address, source, lane: lane)
    }
    release(extra)
    release(index)
    release(value)
  }
}

/// Where the latest `v128.load` is in the code, while nothing stands behind it.
struct LastLoad: BitwiseCopyable {
  var start = 0
  var end = -1
  var address = Address(.rbp)
  var register = XMM.xmm15
}

extension AviaryCore.Opcode {
  /// Of the operators with the prefix FD.
  @inline(__always) var isVector: Bool {
    rawValue >= Self.v128Load.rawValue && rawValue <= Self.i32x4RelaxedDotI8x16I7x16AddS.rawValue
  }
}
