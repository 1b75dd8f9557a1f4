import AviaryContract
import AviaryCore

// Shuffles with constant lane numbers, and swizzles. The instructions that do a pattern alone are tried from the cheapest
// to pshufb, which does everything that needs one operand; with two it takes two of them and an "or".
extension FunctionEmitter {
  mutating func emitShuffle(_ low: UInt64, _ high: UInt64) throws(ModuleError) {
    var right = pop()
    var left = pop()
    let pin = vectorDestination(immediates: 16)
    var pattern = ShufflePattern(low: low, high: high)
    if isSame(left, right) { pattern = pattern.folded }
    if !pattern.usesRight {
      release(right)
      emitPermutation(&left, pattern, pin)
    } else if !pattern.usesLeft {
      release(left)
      emitPermutation(&right, pattern.folded, pin)
    } else if right.kind == .const && right.bits == 0 {
      emitShuffleWithZero(&left, pattern, pin)
    } else if left.kind == .const && left.bits == 0 {
      emitShuffleWithZero(&right, pattern.exchanged, pin)
    } else if !emitPattern(&left, &right, pattern, pin) && !emitPattern(&right, &left, pattern.exchanged, pin) {
      emitTwoSteps(&left, &right, pattern, pin)
    }
  }

  private func isSame(_ left: Entry, _ right: Entry) -> Bool {
    (left.kind == .local || left.kind == .const) && left.kind == right.kind && left.index == right.index
  }

  // MARK: One operand

  private mutating func emitPermutation(_ value: inout Entry, _ pattern: ShufflePattern, _ pin: XMM?) {
    if pattern == .identity {
      let x = xmm(&value)
      let dst = resultRegister(value, pin)
      if dst != x { asm.move(dst, x) }
      return finish(dst, value)
    }
    if value.kind == .const { return pushPermuted(value, pattern) }
    if let list = pattern.doublewords {
      let source = vectorSource(&value)
      let dst = resultRegister(value, pin)
      vectorUnary(.pshufd, dst, source, list[0] | list[1] << 2 | list[2] << 4 | list[3] << 6)
      return finish(dst, value)
    }
    if let list = pattern.words, let (operation, control) = halfPermutation(list) {
      let source = vectorSource(&value)
      let dst = resultRegister(value, pin)
      vectorUnary(operation, dst, source, control)
      return finish(dst, value)
    }
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    if cpu.contains(.avx2) && pattern.low | pattern.high == 0 {
      asm.broadcast(.vpbroadcastb, dst, x)
    } else if let count = pattern.foldedRotation {
      if !hasAVX && dst != x { asm.move(dst, x) }
      // Both operands are the same, so it does not matter that one is overwritten.
      vector(.palignr, dst, hasAVX ? x : dst, .register(hasAVX ? x : dst), count)
    } else {
      vector(.pshufb, dst, x, low: pattern.low, high: pattern.high)
    }
    finish(dst, value)
  }

  /// A permutation of the lower or of the upper four words, the others in place.
  private func halfPermutation(_ list: InlineArray<8, UInt8>) -> (VectorUnaryImmediateOperation, UInt8)? {
    var lower = true
    var upper = true
    var lowerControl: UInt8 = 0
    var upperControl: UInt8 = 0
    for position in 0..<4 {
      let first = list[position]
      let second = list[position + 4]
      lower = lower && first < 4 && second == UInt8(position) + 4
      upper = upper && second >= 4 && first == UInt8(position)
      lowerControl |= (first & 3) << UInt8(2 * position)
      upperControl |= (second & 3) << UInt8(2 * position)
    }
    return lower ? (.pshuflw, lowerControl) : upper ? (.pshufhw, upperControl) : nil
  }

  /// Of a constant.
  private mutating func pushPermuted(_ value: Entry, _ pattern: ShufflePattern) {
    let bytes = ShufflePattern(low: halves(value).low, high: halves(value).high)
    var low: UInt64 = 0
    var high: UInt64 = 0
    for lane in 0..<8 {
      low |= UInt64(bytes[Int(pattern[lane] & 15)]) << UInt64(8 * lane)
      high |= UInt64(bytes[Int(pattern[lane + 8] & 15)]) << UInt64(8 * lane)
    }
    push(vectorConstant(low, high))
  }

  // MARK: Two operands

  /// The right operand is zero.
  private mutating func emitShuffleWithZero(_ value: inout Entry, _ pattern: ShufflePattern, _ pin: XMM?) {
    let widening: VectorUnaryOperation? =
      switch pattern.interleaving {
      case .punpcklbw: .pmovzxbw
      case .punpcklwd: .pmovzxwd
      case .punpckldq: .pmovzxdq
      default: nil
      }
    if let widening {
      let source = vectorSource(&value)
      let dst = resultRegister(value, pin)
      vectorUnary(widening, dst, source)
      return finish(dst, value)
    }
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    if let count = pattern.rotation {
      // Of left:right or, where it is 16 and more, of right:left.
      if count < 16 {
        vectorShift(.psrldq, dst, x, by: count)
      } else {
        vectorShift(.pslldq, dst, x, by: 32 - count)
      }
    } else {
      let control = pattern.control(ofRight: false)
      vector(.pshufb, dst, x, low: control.low, high: control.high)
    }
    finish(dst, value)
  }

  /// One instruction, if there is one with the operands in this order.
  private mutating func emitPattern(
    _ left: inout Entry, _ right: inout Entry, _ pattern: ShufflePattern, _ pin: XMM?
  ) -> Bool {
    if let operation = pattern.interleaving {
      push(.vector, vectorBinary(operation, &left, &right, pin, isCommutative: false))
    } else if let control = pattern.blend {
      push(.vector, vectorBinary(.pblendw, &left, &right, pin, control, isCommutative: false))
    } else if let control = pattern.floatShuffle {
      push(.vector, vectorBinary(.shufps, &left, &right, pin, control, isCommutative: false))
    } else if let count = pattern.rotation, count < 16 {
      // The machine's first operand is the upper one.
      push(.vector, vectorBinary(.palignr, &right, &left, pin, count, isCommutative: false))
    } else {
      return false
    }
    return true
  }

  private mutating func emitTwoSteps(
    _ left: inout Entry, _ right: inout Entry, _ pattern: ShufflePattern, _ pin: XMM?
  ) {
    if let control = pattern.gathering {
      let dst = vectorBinary(.pblendw, &left, &right, pin, control, isCommutative: false)
      let lanes = pattern.folded
      if let list = lanes.doublewords {
        asm.vector(.pshufd, dst, dst, immediate: list[0] | list[1] << 2 | list[2] << 4 | list[3] << 6)
      } else {
        vector(.pshufb, dst, dst, low: lanes.low, high: lanes.high)
      }
      return push(.vector, dst)
    }
    if let list = pattern.doublewords, let (gather, order) = twoOfEach(list) {
      let dst = vectorBinary(.shufps, &left, &right, pin, gather, isCommutative: false)
      asm.vector(.pshufd, dst, dst, immediate: order)
      return push(.vector, dst)
    }
    let ofRight = pattern.control(ofRight: true)
    let ofLeft = pattern.control(ofRight: false)
    let b = xmm(&right)
    vector(.pshufb, .xmm15, b, low: ofRight.low, high: ofRight.high)
    let a = xmm(&left)
    let dst = pin ?? (left.kind == .xmm ? left.xmm : resultRegister(right, nil))
    vector(.pshufb, dst, a, low: ofLeft.low, high: ofLeft.high)
    vector(.por, dst, dst, .xmm15)
    finish(dst, left, right)
  }

  /// Two 32-bit lanes of each operand in any order: shufps's immediate that gathers them, and pshufd's that orders them.
  private func twoOfEach(_ list: InlineArray<4, UInt8>) -> (gather: UInt8, order: UInt8)? {
    var left: UInt8 = 0
    var right: UInt8 = 0
    var gather: UInt8 = 0
    var order: UInt8 = 0
    for position in 0..<4 {
      let lane = list[position]
      let place: UInt8
      if lane < 4 {
        place = left
        left += 1
      } else {
        place = 2 + right
        right += 1
      }
      guard left <= 2 && right <= 2 else { return nil }
      gather |= (lane & 3) << (2 * place)
      order |= place << UInt8(2 * position)
    }
    return (gather, order)
  }

  // MARK: Swizzles

  /// v128.and: with a mask of lane numbers, as before a swizzle, the result is remembered to hold such.
  mutating func emitVectorAnd() {
    let top = stack.count - 1
    let isMasked = isLaneMask(stack[top]) || isLaneMask(stack[top - 1])
    emitVectorBinary(.pand, isCommutative: true)
    if isMasked { markLaneNumbers() }
  }

  /// v128.andnot with a constant: an `and` with the opposite one.
  mutating func emitClearConstant() {
    let mask = halves(pop())
    push(vectorConstant(~mask.low, ~mask.high))
    emitVectorAnd()
  }

  private func isLaneMask(_ entry: Entry) -> Bool {
    guard entry.kind == .const, entry.type == .vector else { return false }
    let mask = halves(entry)
    return (mask.low | mask.high) & 0x7070_7070_7070_7070 == 0
  }

  /// The topmost entry's bytes are less than 16 or at least 128.
  mutating func markLaneNumbers() {
    let top = stack.count - 1
    if stack[top].kind == .xmm { stack[top].bits = 1 }
  }

  /// Lane numbers of 16 and more give zero. The machine asks for their sign bit.
  mutating func emitSwizzle(isRelaxed: Bool) {
    var lanes = pop()
    var value = pop()
    if lanes.kind == .const { return emitSwizzle(&value, by: halves(lanes)) }
    if isRelaxed || lanes.areLaneNumbers {
      let dst = vectorBinary(.pshufb, &value, &lanes, vectorDestination(), isCommutative: false)
      return push(.vector, dst)
    }
    let pin = vectorDestination()
    let numbers = xmm(&lanes)
    // Saturated, 16 and more have it.
    vector(.paddusb, .xmm15, numbers, 0x7070_7070_7070_7070)
    let x = xmm(&value)
    let dst = pin ?? (value.kind == .xmm ? value.xmm : resultRegister(lanes, nil))
    vector(.pshufb, dst, x, .xmm15)
    finish(dst, value, lanes)
  }

  private mutating func emitSwizzle(_ value: inout Entry, by lanes: (low: UInt64, high: UInt64)) {
    let numbers = ShufflePattern(low: lanes.low, high: lanes.high)
    let pin = vectorDestination()
    var control = ShufflePattern(low: 0, high: 0)
    var isWhole = true
    for lane in 0..<16 {
      let number = numbers[lane]
      isWhole = isWhole && number < 16
      let byte = UInt64(number < 16 ? number : 0x80) << UInt64(8 * (lane & 7))
      if lane < 8 { control.low |= byte } else { control.high |= byte }
    }
    if isWhole { return emitPermutation(&value, control, pin) }
    let x = xmm(&value)
    let dst = resultRegister(value, pin)
    vector(.pshufb, dst, x, low: control.low, high: control.high)
    finish(dst, value)
  }
}
