import AviaryContract

/// A vector of the function's constant pool.
struct VectorConstant: BitwiseCopyable {
  var low: UInt64
  var high: UInt64
  /// Where it is; -1 until code refers to it: what only a pin or a register ever held needs no memory.
  var label = Label(index: -1)
}

// Vector constants: zeros and ones are made by an instruction, all others stand behind the function, aligned to 16, so
// that they may be memory operands with and without AVX.
extension FunctionEmitter {
  /// How many of the pool's latest constants are compared with a new one.
  private static var comparedConstants: Int { 16 }

  /// A constant as an entry of the operand stack.
  mutating func vectorConstant(_ low: UInt64, _ high: UInt64) -> Entry {
    var entry = Entry.const(.vector, low == high && (low == 0 || low == .max) ? low : 1)
    entry.index = poolIndex(low, high)
    return entry
  }

  /// A constant that an operator itself needs, as a memory operand.
  mutating func vectorConstantAddress(_ low: UInt64, _ high: UInt64) -> Address {
    poolAddress(poolIndex(low, high))
  }

  private mutating func poolIndex(_ low: UInt64, _ high: UInt64) -> UInt32 {
    var index = vectorConstants.count
    let end = max(0, index - Self.comparedConstants)
    while index > end {
      index -= 1
      if vectorConstants[index].low == low && vectorConstants[index].high == high {
        return UInt32(truncatingIfNeeded: index)
      }
    }
    vectorConstants.append(VectorConstant(low: low, high: high))
    return UInt32(truncatingIfNeeded: vectorConstants.count - 1)
  }

  private mutating func poolAddress(_ index: UInt32) -> Address {
    if vectorConstants[Int(index)].label.index < 0 { vectorConstants[Int(index)].label = asm.makeLabel() }
    return Address(vectorConstants[Int(index)].label)
  }

  /// The lower and upper half of an entry that is a constant vector.
  func halves(_ entry: Entry) -> (low: UInt64, high: UInt64) {
    let constant = vectorConstants[Int(entry.index)]
    return (constant.low, constant.high)
  }

  /// A constant vector as a memory operand.
  mutating func vectorConstantAddress(_ entry: Entry) -> Address { poolAddress(entry.index) }

  /// register = a constant vector. Changes no flags.
  mutating func loadConstant(_ entry: Entry, into register: XMM) {
    if entry.bits == 0 {
      asm.zero(register)
    } else if entry.bits == .max {
      asm.vector(.pcmpeqd, register, register)
    } else {
      asm.loadVector(register, vectorConstantAddress(entry))
    }
  }

  /// Behind the function. Functions start at multiples of 16 in the text.
  mutating func emitVectorConstants() {
    var isFirst = true
    for index in 0..<vectorConstants.count {
      let constant = vectorConstants[index]
      guard constant.label.index >= 0 else { continue }
      if isFirst { asm.code.alignWithBreakpoints(to: 16) }
      isFirst = false
      asm.bind(constant.label)
      asm.data(constant.low)
      asm.data(constant.high)
    }
    vectorConstants.removeAll()
  }
}
