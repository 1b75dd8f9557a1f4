import AviaryContract

/// Code behind the function that a rare condition jumps to.
struct ColdStub: BitwiseCopyable {
  var label: Label
  var wasmOffset: UInt32
  /// Of failed float conversions: where the float is, to tell NaN from overflow.
  var register: UInt8 = ColdStub.none
  var isDouble = false
  /// Of fuel that is used up: what was charged.
  var refund: Int32 = 0
  var code: TrapCode
  static var none: UInt8 { 0xFF }
}

/// A float of the function's constant pool.
struct FloatConstant: BitwiseCopyable {
  var label: Label
  var bits: UInt64
  var isDouble: Bool
}

extension FunctionEmitter {
  /// Traps where the condition holds; the stub is out of line.
  mutating func trap(_ condition: Condition, _ code: TrapCode) {
    let label = asm.makeLabel()
    coldStubs.append(ColdStub(label: label, wasmOffset: operatorOffset, code: code))
    asm.jump(condition, to: label)
  }

  /// Traps as a failed conversion of the float in `register`: NaN or too large.
  mutating func conversionTrap(_ condition: Condition, _ register: XMM, isDouble: Bool) {
    let label = asm.makeLabel()
    coldStubs.append(
      ColdStub(
        label: label, wasmOffset: operatorOffset, register: register.number, isDouble: isDouble,
        code: .integerOverflow))
    asm.jump(condition, to: label)
  }

  /// Traps here and now.
  mutating func emitTrapCall(_ code: TrapCode, _ wasmOffset: UInt32) {
    let field = asm.callRelocated()
    trapStubs.append(CompiledChunk.TrapRelocation(offset: UInt32(truncatingIfNeeded: field), code: code))
    recordAddress(wasmOffset)
  }

  /// The present position is a call's return address.
  @inline(__always)
  mutating func recordAddress(_ wasmOffset: UInt32) {
    addresses.append(
      AddressMapping(offset: UInt32(truncatingIfNeeded: asm.position), wasmOffset: wasmOffset))
  }

  /// The instruction that comes next may fault as an access out of bounds.
  @inline(__always)
  mutating func recordFault() {
    // A call's return address has a meaning of its own.
    if !addresses.isEmpty && Int(addresses[addresses.count - 1].offset) == asm.position { asm.code.nops(1) }
    traps.append(TrapSite(offset: UInt32(truncatingIfNeeded: asm.position), code: .memoryOutOfBounds))
    recordAddress(operatorOffset)
  }

  /// All that stands behind the function's code.
  mutating func emitColdCode() {
    var index = 0
    while index < coldStubs.count {
      let stub = coldStubs[index]
      index += 1
      asm.bind(stub.label)
      if stub.register != ColdStub.none {
        let valid = asm.makeLabel()
        let register = XMM(stub.register)
        asm.floatCompare(stub.isDouble ? .f64 : .f32, register, register)
        asm.jump(.notParity, to: valid, short: true)
        emitTrapCall(.invalidConversionToInteger, stub.wasmOffset)
        asm.bind(valid)
      }
      if stub.refund != 0 { asm.alu(.add, .b64, .r13, immediate: stub.refund) }
      emitTrapCall(stub.code, stub.wasmOffset)
    }
    coldStubs.removeAll()
    emitEpochStubs()
    if handlers.count > firstHandler { emitLandingPads() }
    emitJumpTables()
    emitConstants()
  }

  private mutating func emitConstants() {
    if !vectorConstants.isEmpty { emitVectorConstants() }
    guard !floatConstants.isEmpty else { return }
    asm.code.alignWithBreakpoints(to: 8)
    for isDouble in [true, false] {
      for index in 0..<floatConstants.count where floatConstants[index].isDouble == isDouble {
        let constant = floatConstants[index]
        asm.bind(constant.label)
        if isDouble { asm.data(constant.bits) } else { asm.data(UInt32(truncatingIfNeeded: constant.bits)) }
      }
    }
    floatConstants.removeAll()
  }
}
