import AviaryContract
import AviaryCore

// What the vector operators are written with. An operator's own code is one way with AVX, whose instructions have three
// operands and take any address, and one without, where the left operand is overwritten and memory operands have to be
// aligned. `vector`, `vectorUnary` and `emitVectorBinary` take care of both.
//
// An operator may hold five vector registers at a time, its operands' included: ten are pinned at most, and xmm15 is
// scratch. Slots, homes and constants are aligned to 16; stack arguments may not be.
extension FunctionEmitter {
  @inline(__always) var hasAVX: Bool { cpu.contains(.avx) }

  // MARK: Values of any float class

  /// Loads a value of class f32, f64 or vector as wide as it is.
  @inline(__always)
  mutating func load(_ type: ValueClass, _ register: XMM, _ address: Address) {
    if type == .vector {
      asm.loadVector(register, address)
    } else {
      asm.load(type.floatSize, register, address)
    }
  }

  /// Stores a value of class f32, f64 or vector as wide as it is.
  @inline(__always)
  mutating func store(_ type: ValueClass, _ address: Address, _ register: XMM) {
    if type == .vector {
      asm.storeVector(address, register)
    } else {
      asm.store(type.floatSize, address, register)
    }
  }

  /// Stores a vector operand, by way of xmm15 where it is in no register. Changes no flags.
  mutating func storeVector(_ entry: Entry, to address: Address) {
    if let register = vectorRegister(entry) { return asm.storeVector(address, register) }
    load(entry, into: .xmm15)
    asm.storeVector(address, .xmm15)
  }

  // MARK: Operands

  /// The register that a float or vector operand is in, its own or a pin.
  @inline(__always)
  func vectorRegister(_ entry: Entry) -> XMM? {
    if entry.kind == .xmm { return entry.xmm }
    guard entry.kind == .local, locals[Int(entry.index)].isPinned else { return nil }
    return XMM(locals[Int(entry.index)].pin)
  }

  /// The right-hand operand of a vector instruction: a register or 16 bytes of memory.
  @inline(__always)
  mutating func vectorSource(_ entry: inout Entry) -> FloatSource {
    if let address = vectorMemory(entry) { return .memory(address) }
    return .register(xmm(&entry))
  }

  /// Where the operand is in memory, if an instruction may take it from there.
  mutating func vectorMemory(_ entry: Entry) -> Address? {
    if entry.kind == .const {
      return entry.bits == 0 || entry.bits == .max ? nil : vectorConstantAddress(entry)
    }
    guard let address = memoryAddress(entry), hasAVX || address.displacement & 15 == 0 else { return nil }
    return address
  }

  /// The pin that the operator behind the vector operator in hand assigns, if there is one (`destinationXMM` for two-byte
  /// opcodes).
  /// - Parameter immediates: bytes of immediates behind the opcode: 1 for a lane, 16 for a shuffle.
  @inline(__always)
  mutating func vectorDestination(immediates: Int = 0) -> XMM? {
    let pin = pinnedDestination(after: afterLEB(Int(operatorOffset) &+ 1) &+ immediates)
    return pin == LocalInfo.unpinned ? nil : XMM(pin)
  }

  /// Likewise for results in integer registers.
  @inline(__always)
  mutating func vectorDestinationGPR(immediates: Int = 0) -> GPR? {
    let pin = pinnedDestination(after: afterLEB(Int(operatorOffset) &+ 1) &+ immediates)
    return pin == LocalInfo.unpinned ? nil : GPR(pin)
  }

  /// A register for the result of an operator that overwrites no operand before all are read: the pin, else that of
  /// the operand, else a new one. `finish` pushes it.
  mutating func resultRegister(_ entry: Entry, _ pin: XMM?) -> XMM {
    pin ?? (entry.kind == .xmm ? entry.xmm : allocateXMM())
  }

  /// Releases an operand unless the result took its register over.
  @inline(__always)
  mutating func release(_ entry: Entry, unless result: XMM) {
    if entry.kind == .xmm && entry.xmm == result { return }
    release(entry)
  }

  /// The operand copied to the pin, or in a register of its own: to be overwritten step by step.
  mutating func vectorCopy(_ entry: inout Entry, _ pin: XMM?) -> XMM {
    guard let pin else { return ownedXMM(&entry) }
    load(entry, into: pin)
    release(entry)
    return pin
  }

  // MARK: Instructions

  /// dst = a operation b. Without AVX `b` must not be `dst`, unless `a` is too.
  mutating func vector(_ operation: VectorOperation, _ dst: XMM, _ a: XMM, _ b: FloatSource) {
    if hasAVX {
      switch b {
      case .register(let register): asm.vectorAVX(operation, dst, a, register)
      case .memory(let address): asm.vectorAVX(operation, dst, a, address)
      }
      return
    }
    if dst != a {
      if case .register(let register) = b { assert(register != dst) }
      asm.move(dst, a)
    }
    switch b {
    case .register(let register): asm.vector(operation, dst, register)
    case .memory(let address): asm.vector(operation, dst, address)
    }
  }

  /// dst = a operation a constant.
  mutating func vector(_ operation: VectorOperation, _ dst: XMM, _ a: XMM, low: UInt64, high: UInt64) {
    vector(operation, dst, a, .memory(vectorConstantAddress(low, high)))
  }

  /// dst = operation src.
  mutating func vectorUnary(_ operation: VectorUnaryOperation, _ dst: XMM, _ src: FloatSource) {
    switch src {
    case .register(let register): asm.vector(operation, dst, register)
    case .memory(let address):
      // Alignment matters to one of them only.
      if hasAVX { asm.vectorAVX(operation, dst, address) } else { asm.vector(operation, dst, address) }
    }
  }

  // MARK: Whole operators

  /// v128 → v128 by one instruction.
  mutating func emitVectorUnary(_ operation: VectorUnaryOperation) {
    var value = pop()
    let pin = vectorDestination()
    let canFold = operation.memoryBytes == 16 && isLastLoad(value)
    let source = canFold ? .memory(takeBackLoad()) : vectorSource(&value)
    let dst = resultRegister(value, pin)
    vectorUnary(operation, dst, source)
    release(value, unless: dst)
    push(.vector, dst)
  }

  /// v128 v128 → v128 by one instruction.
  mutating func emitVectorBinary(_ operation: VectorOperation, isCommutative: Bool, swapped: Bool = false) {
    var right = pop()
    var left = pop()
    if swapped { swap(&left, &right) }
    let pin = vectorDestination()
    let dst = vectorBinary(operation, &left, &right, pin, isCommutative: isCommutative)
    push(.vector, dst)
  }

  /// left operation right, in `pin` if there is one, else in a register that is now the caller's. Releases the operands.
  mutating func vectorBinary(
    _ operation: VectorOperation, _ left: inout Entry, _ right: inout Entry, _ pin: XMM?, isCommutative: Bool
  ) -> XMM {
    guard hasAVX else {
      let dst = arrange(&left, &right, pin, isCommutative: isCommutative)
      switch vectorSource(&right) {
      case .register(let register): asm.vector(operation, dst, register)
      case .memory(let address): asm.vector(operation, dst, address)
      }
      release(right)
      return dst
    }
    // Only the right operand may be in memory.
    if isCommutative && (vectorRegister(left) == nil || isLastLoad(left)) { swap(&left, &right) }
    let a = xmm(&left)
    let b: FloatSource
    let dst: XMM
    if operation.readsAllBytes && isLastLoad(right) {
      dst = pin ?? (left.kind == .xmm ? left.xmm : right.xmm)
      b = .memory(takeBackLoad())
    } else {
      b = vectorSource(&right)
      dst = pin ?? (left.kind == .xmm ? left.xmm : resultRegister(right, nil))
    }
    switch b {
    case .register(let register): asm.vectorAVX(operation, dst, a, register)
    case .memory(let address): asm.vectorAVX(operation, dst, a, address)
    }
    release(left, unless: dst)
    release(right, unless: dst)
    return dst
  }
}

extension VectorOperation {
  /// Whether a memory operand is read as a whole: those that interleave halves may read eight bytes, and would miss a trap
  /// that is due for the others.
  @inline(__always) var readsAllBytes: Bool {
    switch self {
    case .unpcklps, .unpcklpd, .unpckhps, .unpckhpd, .punpcklbw, .punpcklwd, .punpckldq, .punpcklqdq, .punpckhbw, .punpckhwd,
      .punpckhdq, .punpckhqdq:
      false
    default: true
    }
  }
}
