import AviaryContract

// Between integers and floats, and between floats.
//
// The machine's truncations give the least integer for everything that does not fit,
// NaN included; wasm traps, and tells NaN from overflow, or saturates.
extension FunctionEmitter {
  /// 2^63 as a float's bits.
  private func twoTo63(_ size: FloatSize) -> Entry {
    size == .f64 ? .const(.f64, 0x43E0_0000_0000_0000) : .const(.f32, 0x5F00_0000)
  }
  private func minusTwoTo63(_ size: FloatSize) -> Entry {
    size == .f64 ? .const(.f64, 0xC3E0_0000_0000_0000) : .const(.f32, 0xDF00_0000)
  }

  // MARK: Truncations that trap

  mutating func emitTruncation(_ from: FloatSize, to type: ValueClass, isSigned: Bool) {
    var value = pop()
    let pin = destinationGPR()
    let source = xmm(&value)
    let dst = pin ?? allocateGPR()
    switch (type, isSigned) {
    case (.i32, _):
      // All that fits in 32 bits fits in 64.
      asm.convertTruncating(.b64, dst, from: from, source)
      if isSigned {
        asm.signExtend(from: .b32, to: .b64, .r11, dst)
      } else {
        asm.move(.b32, .r11, dst)
      }
      asm.alu(.cmp, .b64, .r11, dst)
      conversionTrap(.notEqual, source, isDouble: from == .f64)
      if isSigned { asm.move(.b32, dst, dst) }
    case (_, true):
      asm.convertTruncating(.b64, dst, from: from, source)
      // Only the least integer minus one overflows; it may be what the float is.
      let done = asm.makeLabel()
      asm.alu(.cmp, .b64, dst, immediate: 1)
      asm.jump(.notOverflow, to: done, short: true)
      asm.floatCompare(from, source, constantAddress(minusTwoTo63(from)))
      conversionTrap(.parity, source, isDouble: from == .f64)
      conversionTrap(.notEqual, source, isDouble: from == .f64)
      asm.bind(done)
    case (_, false):
      truncateUnsigned(from, source, dst)
    }
    release(value)
    push(type, dst)
  }

  private mutating func truncateUnsigned(_ from: FloatSize, _ source: XMM, _ dst: GPR) {
    let large = asm.makeLabel()
    let done = asm.makeLabel()
    asm.load(from, .xmm15, constantAddress(twoTo63(from)))
    asm.floatCompare(from, source, .xmm15)
    asm.jump(.aboveOrEqual, to: large, short: true)
    // Below 2^63, or NaN, which gives a negative number as negative ones do.
    asm.convertTruncating(.b64, dst, from: from, source)
    asm.test(.b64, dst, dst)
    conversionTrap(.negative, source, isDouble: from == .f64)
    asm.jump(to: done, short: true)
    asm.bind(large)
    // 2^63 - x, negated: the least integer stands for all that is too large.
    asm.float(.sub, from, .xmm15, source)
    asm.convertTruncating(.b64, dst, from: from, .xmm15)
    asm.unary(.neg, .b64, dst)
    conversionTrap(.overflow, source, isDouble: from == .f64)
    asm.bitTest(.bts, .b64, dst, bit: 63)
    asm.bind(done)
  }

  // MARK: Truncations that saturate

  mutating func emitSaturation(_ from: FloatSize, to type: ValueClass, isSigned: Bool) {
    var value = pop()
    // Two bytes of opcode: the prefix, and a number below 128.
    let pin = pinnedDestination(after: afterLEB(Int(operatorOffset) &+ 1))
    let source = xmm(&value)
    let dst = pin == LocalInfo.unpinned ? allocateGPR() : GPR(pin)
    if isSigned {
      saturateSigned(from, source, dst, type.size)
    } else if type == .i32 {
      saturateUnsigned32(from, source, dst)
    } else {
      saturateUnsigned64(from, source, dst)
    }
    release(value)
    push(type, dst)
  }

  private mutating func saturateSigned(
    _ from: FloatSize, _ source: XMM, _ dst: GPR, _ size: OperandSize
  ) {
    let done = asm.makeLabel()
    let isNumber = asm.makeLabel()
    asm.convertTruncating(size, dst, from: from, source)
    asm.alu(.cmp, size, dst, immediate: 1)
    asm.jump(.notOverflow, to: done, short: true)
    asm.zero(.xmm15)
    asm.floatCompare(from, source, .xmm15)
    asm.jump(.notParity, to: isNumber, short: true)
    asm.zero(dst)
    asm.jump(to: done, short: true)
    asm.bind(isNumber)
    // Negative ones have the least integer already.
    asm.jump(.below, to: done, short: true)
    asm.moveImmediate(size, dst, size == .b64 ? .max : Int64(Int32.max))
    asm.bind(done)
  }

  /// dst = 0 and on to `done` where the float is not positive.
  private mutating func zeroUnlessPositive(
    _ from: FloatSize, _ source: XMM, _ dst: GPR, _ done: Label
  ) {
    asm.zero(dst)
    asm.zero(.xmm15)
    asm.floatCompare(from, source, .xmm15)
    asm.jump(.belowOrEqual, to: done, short: true)
  }

  private mutating func saturateUnsigned32(_ from: FloatSize, _ source: XMM, _ dst: GPR) {
    let done = asm.makeLabel()
    zeroUnlessPositive(from, source, dst, done)
    asm.convertTruncating(.b64, dst, from: from, source)
    asm.moveImmediate(.b32, .r11, 0xFFFF_FFFF)
    asm.alu(.cmp, .b64, dst, .r11)
    // Unsigned: what did not fit in 64 bits is above, too.
    asm.moveIf(.above, .b64, dst, .r11)
    asm.bind(done)
  }

  private mutating func saturateUnsigned64(_ from: FloatSize, _ source: XMM, _ dst: GPR) {
    let done = asm.makeLabel()
    let large = asm.makeLabel()
    let fits = asm.makeLabel()
    zeroUnlessPositive(from, source, dst, done)
    asm.load(from, .xmm15, constantAddress(twoTo63(from)))
    asm.floatCompare(from, source, .xmm15)
    asm.jump(.aboveOrEqual, to: large, short: true)
    asm.convertTruncating(.b64, dst, from: from, source)
    asm.jump(to: done, short: true)
    asm.bind(large)
    asm.float(.sub, from, .xmm15, source)
    asm.convertTruncating(.b64, dst, from: from, .xmm15)
    asm.unary(.neg, .b64, dst)
    asm.jump(.notOverflow, to: fits, short: true)
    asm.moveImmediate(.b64, dst, -1)
    asm.bind(fits)
    asm.bitTest(.bts, .b64, dst, bit: 63)
    asm.bind(done)
  }

  // MARK: From integers

  mutating func emitConversion(_ type: ValueClass, to size: FloatSize, isSigned: Bool) {
    var value = pop()
    let pin = destinationXMM()
    let dst = pin ?? allocateXMM()
    asm.zero(dst)
    if type == .i64 && !isSigned {
      convertUnsigned(&value, size, dst)
    } else {
      // An unsigned i32 is a positive i64: its upper half is zero.
      let source = gpr(&value)
      asm.convert(size, dst, fromSigned: type == .i32 && isSigned ? .b32 : .b64, source)
    }
    release(value)
    push(floatClass(size), dst)
  }

  /// Halves what has the sign bit set, keeping the lost bit for the rounding, and doubles the float.
  private mutating func convertUnsigned(_ value: inout Entry, _ size: FloatSize, _ dst: XMM) {
    let source = ownedGPR(&value)
    let large = asm.makeLabel()
    let done = asm.makeLabel()
    asm.test(.b64, source, source)
    asm.jump(.negative, to: large, short: true)
    asm.convert(size, dst, fromSigned: .b64, source)
    asm.jump(to: done, short: true)
    asm.bind(large)
    asm.move(.b32, .r11, source)
    asm.alu(.and, .b32, .r11, immediate: 1)
    asm.shift(.shr, .b64, source, by: 1)
    asm.alu(.or, .b64, source, .r11)
    asm.convert(size, dst, fromSigned: .b64, source)
    asm.float(.add, size, dst, dst)
    asm.bind(done)
  }

  // MARK: Between floats, and bits

  mutating func emitFloatResize(to size: FloatSize) {
    var value = pop()
    let dst = unaryDestination(&value, destinationXMM())
    switch floatSource(&value) {
    case .register(let register): asm.convertFloat(to: size, dst, register)
    case .memory(let address): asm.convertFloat(to: size, dst, address)
    }
    if !(value.kind == .xmm && value.xmm == dst) { release(value) }
    push(floatClass(size), dst)
  }

  mutating func emitReinterpretation(to type: ValueClass) {
    var value = pop()
    if value.kind == .const { return push(.const(type, value.bits)) }
    if type.isFloat {
      let pin = destinationXMM()
      let dst = pin ?? allocateXMM()
      if let address = memoryAddress(value) {
        asm.load(type.floatSize, dst, address)
      } else {
        asm.move(type.size, dst, gpr(&value))
      }
      release(value)
      push(type, dst)
    } else {
      let pin = destinationGPR()
      let dst = pin ?? allocateGPR()
      load(value, into: dst)
      release(value)
      push(type, dst)
    }
  }
}
