import AviaryContract
import AviaryCore

// Comparisons that take more than one instruction, and what asks for all lanes at once.
extension FunctionEmitter {
  /// register = ~register, by way of xmm15.
  mutating func invert(_ register: XMM) {
    setAllBits(.xmm15)
    vector(.pxor, register, register, .xmm15)
  }

  mutating func emitVectorNot() {
    var value = pop()
    let pin = vectorDestination()
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    setAllBits(.xmm15)
    vector(.pxor, dst, x, .xmm15)
    finish(dst, value)
  }

  /// The opposite of a comparison that the machine has.
  mutating func emitInverted(_ operation: VectorOperation, isCommutative: Bool, swapped: Bool = false) {
    var right = pop()
    var left = pop()
    if swapped { swap(&left, &right) }
    let dst = vectorBinary(operation, &left, &right, vectorDestination(), isCommutative: isCommutative)
    invert(dst)
    push(.vector, dst)
  }

  /// left <= right or left >= right: whether the lesser or greater of both is the left one.
  mutating func emitOrderOrEqual(_ extremum: VectorOperation, _ equality: VectorOperation) {
    var right = pop()
    var left = pop()
    let pin = vectorDestination()
    let a = xmm(&left)
    let b = vectorSource(&right)
    vector(extremum, .xmm15, a, b)
    let dst = pin ?? (left.kind == .xmm ? left.xmm : resultRegister(right, nil))
    vector(equality, dst, a, .xmm15)
    finish(dst, left, right)
  }

  /// left > right of unsigned lanes: the signed comparison with all sign bits flipped. Those of a constant are now.
  /// - Parameter signs: eight bytes of lanes with their sign bits alone.
  mutating func emitUnsignedGreater(_ operation: VectorOperation, signs: UInt64, swapped: Bool) {
    var right = pop()
    var left = pop()
    if swapped { swap(&left, &right) }
    let pin = vectorDestination()
    if right.kind == .const {
      let bound = halves(right)
      let a = xmm(&left)
      let dst = resultRegister(left, pin)
      vector(.pxor, dst, a, signs)
      vector(operation, dst, dst, low: bound.low ^ signs, high: bound.high ^ signs)
      return finish(dst, left, right)
    }
    if left.kind == .const {
      let bound = halves(left)
      let b = xmm(&right)
      vector(.pxor, .xmm15, b, signs)
      let dst = resultRegister(right, pin)
      asm.loadVector(dst, vectorConstantAddress(bound.low ^ signs, bound.high ^ signs))
      vector(operation, dst, dst, .xmm15)
      return finish(dst, left, right)
    }
    let b = xmm(&right)
    vector(.pxor, .xmm15, b, signs)
    let a = xmm(&left)
    let dst = resultRegister(left, pin)
    vector(.pxor, dst, a, signs)
    vector(operation, dst, dst, .xmm15)
    finish(dst, left, right)
  }

  // MARK: All lanes

  /// Any bit set: the flags of ptest.
  mutating func emitAnyTrue() {
    var value = pop()
    let register = xmm(&value)
    asm.vector(.ptest, register, register)
    release(value)
    pushFlags(.notEqual)
  }

  /// No lane zero.
  mutating func emitAllTrue(_ equality: VectorOperation) {
    var value = pop()
    let source = vectorSource(&value)
    asm.zero(.xmm15)
    vector(equality, .xmm15, .xmm15, source)
    asm.vector(.ptest, .xmm15, .xmm15)
    release(value)
    pushFlags(.equal)
  }

  /// Two operators in one: and with any_true, or a comparison for (in)equality with all_true or any_true.
  /// - Returns: whether it was one.
  mutating func emitTestOfPair(_ op: AviaryCore.Opcode) -> Bool {
    guard op.isTestable, let next = nextVectorOperator() else { return false }
    switch op {
    case .v128And where next == Self.anyTrue:
      var right = pop()
      var left = pop()
      if vectorRegister(left) == nil { swap(&left, &right) }
      let a = xmm(&left)
      switch vectorSource(&right) {
      case .register(let b): asm.vector(.ptest, a, b)
      case .memory(let address):
        if hasAVX { asm.vectorAVX(.ptest, a, address) } else { asm.vector(.ptest, a, address) }
      }
      release(left)
      release(right)
      pushFlags(.notEqual)
    case .i8x16Eq where next == Self.allTrue8, .i16x8Eq where next == Self.allTrue16,
      .i32x4Eq where next == Self.allTrue32, .i64x2Eq where next == Self.allTrue64:
      emitDifference()
      pushFlags(.equal)
    case .i8x16Ne where next == Self.anyTrue, .i16x8Ne where next == Self.anyTrue,
      .i32x4Ne where next == Self.anyTrue, .i64x2Ne where next == Self.anyTrue, .v128Xor where next == Self.anyTrue:
      emitDifference()
      pushFlags(.notEqual)
    default: return false
    }
    skipsNext = true
    return true
  }

  private static var anyTrue: UInt32 { 0x53 }
  private static var allTrue8: UInt32 { 0x63 }
  private static var allTrue16: UInt32 { 0x83 }
  private static var allTrue32: UInt32 { 0xA3 }
  private static var allTrue64: UInt32 { 0xC3 }

  /// Zero is set where both operands are the same.
  private mutating func emitDifference() {
    var right = pop()
    var left = pop()
    if vectorRegister(left) == nil { swap(&left, &right) }
    let a = xmm(&left)
    vector(.pxor, .xmm15, a, vectorSource(&right))
    asm.vector(.ptest, .xmm15, .xmm15)
    release(left)
    release(right)
  }

  // MARK: Masks

  /// The sign bit of each lane.
  mutating func emitBitmask(_ op: AviaryCore.Opcode) {
    var value = pop()
    let pin = vectorDestinationGPR()
    let x = xmm(&value)
    let dst = pin ?? allocateGPR()
    switch op {
    case .i8x16Bitmask: asm.byteMask(dst, x)
    case .i16x8Bitmask:
      vector(.packsswb, .xmm15, x, x)
      asm.byteMask(dst, .xmm15)
      asm.zeroExtend(from: .b8, dst, dst)
    case .i32x4Bitmask: asm.signMask(.f32, dst, x)
    default: asm.signMask(.f64, dst, x)
    }
    release(value)
    push(.i32, dst)
  }

  // MARK: Selection

  /// (a & mask) | (b & ~mask)
  mutating func emitBitselect() {
    var mask = pop()
    var b = pop()
    var a = pop()
    let pin = vectorDestination()
    let m = xmm(&mask)
    vector(.pandn, .xmm15, m, vectorSource(&b))
    let taken = vectorSource(&a)
    let dst: XMM
    if let pin, hasAVX || !isPin(a, pin) {
      dst = pin
    } else if mask.kind == .xmm {
      dst = mask.xmm
    } else if hasAVX && a.kind == .xmm {
      dst = a.xmm
    } else {
      dst = resultRegister(b, nil)
    }
    vector(.pand, dst, m, taken)
    vector(.por, dst, dst, .xmm15)
    release(a, unless: dst)
    finish(dst, b, mask)
  }
}

extension AviaryCore.Opcode {
  /// Whether `emitTestOfPair` knows it.
  @inline(__always) fileprivate var isTestable: Bool {
    switch self {
    case .v128And, .v128Xor, .i8x16Eq, .i16x8Eq, .i32x4Eq, .i64x2Eq, .i8x16Ne, .i16x8Ne, .i32x4Ne, .i64x2Ne: true
    default: false
    }
  }
}
