import AviaryContract
import AviaryCore

// From single values to lanes and back.
extension FunctionEmitter {
  mutating func emitLane(_ op: AviaryCore.Opcode, _ lane: UInt8) throws(ModuleError) {
    switch op {
    case .i8x16ExtractLaneS: emitExtract(.b8, lane, isSigned: true)
    case .i8x16ExtractLaneU: emitExtract(.b8, lane, isSigned: false)
    case .i16x8ExtractLaneS: emitExtract(.b16, lane, isSigned: true)
    case .i16x8ExtractLaneU: emitExtract(.b16, lane, isSigned: false)
    case .i32x4ExtractLane: emitExtract(.b32, lane, isSigned: false)
    case .i64x2ExtractLane: emitExtract(.b64, lane, isSigned: false)
    case .f32x4ExtractLane: emitFloatExtract(.f32, lane)
    case .f64x2ExtractLane: emitFloatExtract(.f64, lane)
    case .i8x16ReplaceLane: emitReplace(.b8, lane)
    case .i16x8ReplaceLane: emitReplace(.b16, lane)
    case .i32x4ReplaceLane: emitReplace(.b32, lane)
    case .i64x2ReplaceLane: emitReplace(.b64, lane)
    case .f32x4ReplaceLane: emitFloatReplace(.f32, lane)
    case .f64x2ReplaceLane: emitFloatReplace(.f64, lane)
    default: throw unsupported("an unknown lane operator")
    }
  }

  // MARK: Out of a vector

  private mutating func emitExtract(_ size: OperandSize, _ lane: UInt8, isSigned: Bool) {
    var value = pop()
    let pin = vectorDestinationGPR(immediates: 1)
    let dst = pin ?? allocateGPR()
    if let address = memoryAddress(value) {
      let place = address.offset(by: Int32(lane) &* Int32(size.bytes))
      if isSigned {
        asm.loadSignExtended(from: size, to: .b32, dst, place)
      } else {
        asm.load(size, dst, place)
      }
    } else {
      let x = xmm(&value)
      if lane == 0 && size.bytes >= 4 {
        asm.move(size, dst, x)
      } else {
        asm.extractLane(size, dst, x, lane: lane)
      }
      if isSigned { asm.signExtend(from: size, to: .b32, dst, dst) }
      release(value)
    }
    push(size == .b64 ? .i64 : .i32, dst)
  }

  private mutating func emitFloatExtract(_ size: FloatSize, _ lane: UInt8) {
    var value = pop()
    let pin = vectorDestination(immediates: 1)
    let type = floatClass(size)
    if let address = memoryAddress(value) {
      let dst = pin ?? allocateXMM()
      asm.load(size, dst, address.offset(by: Int32(lane) &* Int32(size.bytes)))
      return push(type, dst)
    }
    let x = xmm(&value)
    // A scalar's register may hold anything above it.
    let dst = resultRegister(value, pin)
    if lane > 0 {
      let control: UInt8 = size == .f64 ? 0xEE : lane
      asm.vector(.pshufd, dst, x, immediate: control)
    } else if dst != x {
      asm.move(dst, x)
    }
    release(value, unless: dst)
    push(type, dst)
  }

  // MARK: Into a vector

  private mutating func emitReplace(_ size: OperandSize, _ lane: UInt8) {
    var value = pop()
    var whole = pop()
    let pin = vectorDestination(immediates: 1)
    let x = xmm(&whole)
    let dst = resultRegister(whole, pin)
    if !hasAVX && dst != x { asm.move(dst, x) }
    if let address = memoryAddress(value) {
      if hasAVX {
        asm.insertLaneAVX(size, dst, x, address, lane: lane)
      } else {
        asm.insertLane(size, dst, address, lane: lane)
      }
    } else {
      let register = gpr(&value)
      if hasAVX {
        asm.insertLaneAVX(size, dst, x, register, lane: lane)
      } else {
        asm.insertLane(size, dst, register, lane: lane)
      }
      release(value)
    }
    finish(dst, whole)
  }

  private mutating func emitFloatReplace(_ size: FloatSize, _ lane: UInt8) {
    var value = pop()
    var whole = pop()
    let pin = vectorDestination(immediates: 1)
    let x = xmm(&whole)
    if let address = memoryAddress(value) {
      let dst = resultRegister(whole, pin)
      if !hasAVX && dst != x { asm.move(dst, x) }
      insert(size, dst, x, address, lane)
      return finish(dst, whole)
    }
    let source = xmm(&value)
    // Without AVX the lane comes last, so the pin may not be where it is.
    let dst = sequenceRegister(whole, value, pin)
    if size == .f64 {
      if lane == 0 {
        vector(.blendpd, dst, x, .register(source), 1)
      } else {
        vector(.unpcklpd, dst, x, source)
      }
    } else if hasAVX {
      asm.insertFloatAVX(dst, x, source, control: lane &<< 4)
    } else {
      if dst != x { asm.move(dst, x) }
      asm.insertFloat(dst, source, control: lane &<< 4)
    }
    finish(dst, whole, value)
  }

  private mutating func insert(_ size: FloatSize, _ dst: XMM, _ a: XMM, _ address: Address, _ lane: UInt8) {
    switch size {
    case .f64:
      let half: VectorHalf = lane == 0 ? .low : .high
      if hasAVX { asm.loadHalfAVX(half, dst, a, address) } else { asm.loadHalf(half, dst, address) }
    case .f32:
      if hasAVX {
        asm.insertFloatAVX(dst, a, address, control: lane &<< 4)
      } else {
        asm.insertFloat(dst, address, control: lane &<< 4)
      }
    }
  }

  // MARK: Into all lanes

  mutating func emitSplat(_ size: OperandSize) {
    var value = pop()
    if value.kind == .const { return pushSplat(value.bits, size) }
    let pin = vectorDestination()
    let dst = pin ?? allocateXMM()
    if let address = memoryAddress(value), size == .b64 || size == .b32 && hasAVX {
      if size == .b64 { asm.vector(.movddup, dst, address) } else { asm.broadcast(.vbroadcastss, dst, address) }
      return push(.vector, dst)
    }
    let register = gpr(&value)
    asm.move(size == .b64 ? .b64 : .b32, dst, register)
    release(value)
    switch size {
    case .b64: vector(.punpcklqdq, dst, dst, dst)
    case .b32: asm.vector(.pshufd, dst, dst, immediate: 0)
    case .b16 where cpu.contains(.avx2): asm.broadcast(.vpbroadcastw, dst, dst)
    case .b16:
      asm.vector(.pshuflw, dst, dst, immediate: 0)
      asm.vector(.pshufd, dst, dst, immediate: 0)
    case .b8 where cpu.contains(.avx2): asm.broadcast(.vpbroadcastb, dst, dst)
    case .b8:
      asm.zero(.xmm15)
      vector(.pshufb, dst, dst, .xmm15)
    }
    push(.vector, dst)
  }

  /// A constant in all lanes is a constant.
  private mutating func pushSplat(_ bits: UInt64, _ size: OperandSize) {
    let lanes: UInt64 =
      switch size {
      case .b8: (bits & 0xFF) &* Self.byteOnes
      case .b16: (bits & 0xFFFF) &* Self.wordOnes
      case .b32: (bits & 0xFFFF_FFFF) &* 0x1_0000_0001
      case .b64: bits
      }
    push(vectorConstant(lanes, lanes))
  }

  mutating func emitFloatSplat(_ size: FloatSize) {
    var value = pop()
    if value.kind == .const { return pushSplat(value.bits, size == .f32 ? .b32 : .b64) }
    let pin = vectorDestination()
    if let address = memoryAddress(value), size == .f64 || hasAVX {
      let dst = pin ?? allocateXMM()
      if size == .f64 { asm.vector(.movddup, dst, address) } else { asm.broadcast(.vbroadcastss, dst, address) }
      return push(.vector, dst)
    }
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    if size == .f64 {
      asm.vector(.movddup, dst, x)
    } else if cpu.contains(.avx2) {
      asm.broadcast(.vbroadcastss, dst, x)
    } else {
      asm.vector(.pshufd, dst, x, immediate: 0)
    }
    finish(dst, value)
  }
}
