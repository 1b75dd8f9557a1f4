import AviaryContract
import AviaryCore

/// What a lane's shift is to do.
enum LaneShift: UInt8, BitwiseCopyable {
  case left, rightSigned, rightUnsigned
}

// Shifts of all lanes by one count, modulo the lanes' width.
extension FunctionEmitter {
  /// Lanes of 16 bits and more, that the machine shifts.
  /// - Parameter immediate: the same with a count in the instruction.
  mutating func emitVectorShift(_ operation: VectorOperation, _ immediate: VectorShiftOperation, bits: UInt8) {
    var count = pop()
    var value = pop()
    let pin = vectorDestination()
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    if count.kind == .const {
      vectorShift(immediate, dst, x, by: UInt8(truncatingIfNeeded: count.bits) & (bits - 1))
    } else {
      loadCount(&count, bits: bits)
      vector(operation, dst, x, .xmm15)
    }
    finish(dst, value)
  }

  /// xmm15 = the count modulo `bits`, plus `extra`. By way of r11.
  private mutating func loadCount(_ count: inout Entry, bits: UInt8, extra: Int32 = 0) {
    load(count, into: .r11)
    asm.alu(.and, .b32, .r11, immediate: Int32(bits) - 1)
    if extra != 0 { asm.alu(.add, .b32, .r11, immediate: extra) }
    asm.move(.b32, .xmm15, .r11)
    release(count)
  }

  /// i64x2.shr_s: shifted as unsigned; then the sign bit, where it is now, is extended.
  mutating func emitWideShiftSigned() {
    var count = pop()
    var value = pop()
    let pin = vectorDestination()
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    if count.kind == .const {
      let shift = UInt8(truncatingIfNeeded: count.bits) & 63
      vectorShift(.psrlq, dst, x, by: shift)
      let sign = (UInt64(1) &<< 63) &>> UInt64(shift)
      vector(.pxor, dst, dst, sign)
      vector(.psubq, dst, dst, sign)
    } else {
      loadCount(&count, bits: 64)
      let sign = allocateXMM()
      asm.loadVector(sign, vectorConstantAddress(1 << 63, 1 << 63))
      vector(.psrlq, sign, sign, .xmm15)
      vector(.psrlq, dst, x, .xmm15)
      vector(.pxor, dst, dst, sign)
      vector(.psubq, dst, dst, sign)
      release(sign)
    }
    finish(dst, value)
  }

  // MARK: Bytes, which the machine does not shift

  mutating func emitByteShift(_ shift: LaneShift) {
    var count = pop()
    var value = pop()
    let pin = vectorDestination()
    if count.kind == .const {
      shiftBytes(shift, &value, pin, by: UInt8(truncatingIfNeeded: count.bits) & 7)
      return
    }
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    let scratch = allocateXMM()
    if shift == .rightSigned {
      // Each byte as the upper one of a word, so that the word's shift is the byte's.
      loadCount(&count, bits: 8, extra: 8)
      vector(.punpckhbw, scratch, x, x)
      vector(.punpcklbw, dst, x, x)
      vector(.psraw, scratch, scratch, .xmm15)
      vector(.psraw, dst, dst, .xmm15)
      vector(.packsswb, dst, dst, scratch)
    } else {
      // As words; what came from the neighbour is cleared by a mask that is shifted alike.
      loadCount(&count, bits: 8)
      let operation: VectorOperation = shift == .left ? .psllw : .psrlw
      setAllBits(scratch)
      vector(operation, dst, x, .xmm15)
      vector(operation, scratch, scratch, .xmm15)
      if shift == .rightUnsigned { vectorShift(.psrlw, scratch, scratch, by: 8) }
      asm.zero(.xmm15)
      vector(.pshufb, scratch, scratch, .xmm15)
      vector(.pand, dst, dst, scratch)
    }
    release(scratch)
    finish(dst, value)
  }

  private mutating func shiftBytes(_ shift: LaneShift, _ value: inout Entry, _ pin: XMM?, by count: UInt8) {
    let x = xmm(&value)
    if shift == .rightSigned && count == 7 {
      let dst = freshRegister(value, pin)
      asm.zero(dst)
      vector(.pcmpgtb, dst, dst, x)
      return finish(dst, value)
    }
    let dst = resultRegister(value, pin)
    let ones = Self.byteOnes
    switch shift {
    case .left where count == 1: vector(.paddb, dst, x, x)
    case .left:
      vectorShift(.psllw, dst, x, by: count)
      vector(.pand, dst, dst, ones &* UInt64(UInt8(truncatingIfNeeded: 0xFF << Int(count))))
    case .rightUnsigned, .rightSigned:
      vectorShift(.psrlw, dst, x, by: count)
      vector(.pand, dst, dst, ones &* UInt64(0xFF >> count))
      if shift == .rightSigned {
        let sign = ones &* UInt64(0x80 >> count)
        vector(.pxor, dst, dst, sign)
        vector(.psubb, dst, dst, sign)
      }
    }
    finish(dst, value)
    if shift == .rightUnsigned && count >= 4 { markLaneNumbers() }
  }
}
