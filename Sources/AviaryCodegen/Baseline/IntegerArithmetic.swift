import AviaryContract
import AviaryCore

// Sums, products, bitwise operators, shifts, and changes of width.
extension FunctionEmitter {
  @inline(__always)
  func integerClass(_ size: OperandSize) -> ValueClass { size == .b64 ? .i64 : .i32 }

  // MARK: Two operands

  /// The common shape dst = l op r, for an operation with a two-address form.
  mutating func emitCommutative(_ operation: ALUOperation, _ size: OperandSize) {
    var right = pop()
    var left = pop()
    let pin = destinationGPR()
    emitBinary(operation, size, &left, &right, pin, isCommutative: true)
  }

  mutating func emitBinary(
    _ operation: ALUOperation, _ size: OperandSize, _ left: inout Entry, _ right: inout Entry,
    _ pin: GPR?, isCommutative: Bool
  ) {
    if isCommutative && (left.kind == .const || (right.kind == .gpr && left.kind != .gpr)) {
      swap(&left, &right)
    }
    var dst = pin
    if let pin, isPin(right, pin), !isPin(left, pin) {
      // The right operand would be overwritten by the left one.
      if isCommutative { swap(&left, &right) } else { dst = nil }
    }
    let result: GPR
    if let dst {
      load(left, into: dst)
      release(left)
      result = dst
    } else {
      result = ownedGPR(&left)
    }
    alu(operation, size, result, source(&right))
    release(right)
    push(integerClass(size), result)
  }

  mutating func emitAdd(_ size: OperandSize) {
    var right = pop()
    var left = pop()
    let pin = destinationGPR()
    if left.kind == .const { swap(&left, &right) }
    emitSum(size, &left, &right, pin)
  }

  mutating func emitSubtract(_ size: OperandSize) {
    var right = pop()
    var left = pop()
    let pin = destinationGPR()
    if right.kind == .const, left.kind != .const {
      // Adding the opposite has a form with three operands.
      let negated = Entry.const(right.type, UInt64(bitPattern: 0 &- right.signedValue))
      right = size == .b32 ? .const(.i32, negated.bits & 0xFFFF_FFFF) : negated
      return emitSum(size, &left, &right, pin)
    }
    if left.kind == .const && left.bits == 0 {
      let result = copyToDestination(&right, pin)
      asm.unary(.neg, size, result)
      return push(integerClass(size), result)
    }
    emitBinary(.sub, size, &left, &right, pin, isCommutative: false)
  }

  /// dst = left + right, as `lea` where the operands are to stay.
  private mutating func emitSum(
    _ size: OperandSize, _ left: inout Entry, _ right: inout Entry, _ pin: GPR?
  ) {
    if let dst = leaDestination(left, right, pin) {
      if let value = right.immediate, let base = registerOf(left) {
        asm.lea(size, dst, Address(base, value))
        return finishSum(size, left, right, dst)
      }
      if let base = registerOf(left), let index = registerOf(right) {
        asm.lea(size, dst, Address(base, index))
        return finishSum(size, left, right, dst)
      }
      if pin == nil { free.insert(dst) }
    }
    emitBinary(.add, size, &left, &right, pin, isCommutative: true)
  }

  private mutating func finishSum(_ size: OperandSize, _ left: Entry, _ right: Entry, _ dst: GPR) {
    release(left)
    release(right)
    push(integerClass(size), dst)
  }

  /// The register that holds an operand already, if one does.
  @inline(__always)
  func registerOf(_ entry: Entry) -> GPR? {
    if entry.kind == .gpr { return entry.gpr }
    if entry.kind == .local {
      let pin = locals[Int(entry.index)].pin
      if pin != LocalInfo.unpinned { return GPR(pin) }
    }
    return nil
  }

  /// Where a sum by `lea` pays: into a register other than both operands'.
  private mutating func leaDestination(_ left: Entry, _ right: Entry, _ pin: GPR?) -> GPR? {
    guard registerOf(left) != nil else { return nil }
    if let pin { return isPin(left, pin) || isPin(right, pin) ? nil : pin }
    return left.kind == .gpr || right.kind == .gpr ? nil : allocateGPR()
  }

  /// A copy of the operand to work on: in the pinned destination, or a register of its own.
  mutating func copyToDestination(_ entry: inout Entry, _ pin: GPR?) -> GPR {
    guard let pin else { return ownedGPR(&entry) }
    load(entry, into: pin)
    release(entry)
    return pin
  }

  mutating func emitAnd(_ size: OperandSize) {
    // Into a test of the outcome, the result itself is not needed.
    if isTestedNext { return emitAndTest(size) }
    var right = pop()
    var left = pop()
    let pin = destinationGPR()
    if left.kind == .const { swap(&left, &right) }
    if right.kind == .const {
      let narrow: OperandSize? =
        right.bits == 0xFF ? .b8 : right.bits == 0xFFFF ? .b16 : right.bits == 0xFFFF_FFFF ? .b32 : nil
      if let narrow, let source = registerOf(left) {
        let dst = pin ?? (left.kind == .gpr ? source : allocateGPR())
        asm.zeroExtend(from: narrow, dst, source)
        if dst != source { release(left) }
        return push(integerClass(size), dst)
      }
    }
    emitBinary(.and, size, &left, &right, pin, isCommutative: true)
  }

  mutating func emitMultiply(_ size: OperandSize) {
    var right = pop()
    var left = pop()
    let pin = destinationGPR()
    if left.kind == .const { swap(&left, &right) }
    if right.kind == .const {
      return emitProduct(size, &left, right, pin)
    }
    if right.kind == .gpr && left.kind != .gpr { swap(&left, &right) }
    if let pin, isPin(right, pin), !isPin(left, pin) { swap(&left, &right) }
    let result = copyToDestination(&left, pin)
    switch source(&right) {
    case .register(let register): asm.multiply(size, result, register)
    case .memory(let address): asm.multiply(size, result, address)
    case .immediate: preconditionFailure("constants are multiplied elsewhere")
    }
    release(right)
    push(integerClass(size), result)
  }

  /// By a constant: shifts, `lea`, or a multiplication by an immediate.
  private mutating func emitProduct(
    _ size: OperandSize, _ left: inout Entry, _ constant: Entry, _ pin: GPR?
  ) {
    let type = integerClass(size)
    let value = UInt64(bitPattern: constant.signedValue)
    let bits = size == .b32 ? value & 0xFFFF_FFFF : value
    if bits.nonzeroBitCount == 1 {
      let result = copyToDestination(&left, pin)
      let count = UInt8(bits.trailingZeroBitCount)
      if count > 0 { asm.shift(.shl, size, result, by: count) }
      return push(type, result)
    }
    if bits == 3 || bits == 5 || bits == 9 {
      let factor = gpr(&left)
      let dst = pin ?? (left.kind == .gpr ? factor : allocateGPR())
      asm.lea(size, dst, Address(factor, factor, bits == 3 ? .x2 : bits == 5 ? .x4 : .x8))
      if dst != factor { release(left) }
      return push(type, dst)
    }
    if let immediate = constant.immediate {
      if let address = memoryAddress(left) {
        let dst = pin ?? allocateGPR()
        asm.multiply(size, dst, address, immediate: immediate)
        return push(type, dst)
      }
      let factor = gpr(&left)
      let dst = pin ?? (left.kind == .gpr ? factor : allocateGPR())
      asm.multiply(size, dst, factor, immediate: immediate)
      if dst != factor { release(left) }
      return push(type, dst)
    }
    // A constant of 64 bits. The scratch register holds it.
    asm.moveImmediate(.b64, .r11, constant.signedValue)
    let result = copyToDestination(&left, pin)
    asm.multiply(size, result, .r11)
    push(type, result)
  }

  // MARK: Shifts

  mutating func emitShift(_ operation: ShiftOperation, _ size: OperandSize) {
    var count = pop()
    if count.kind == .const {
      let bits = UInt8(truncatingIfNeeded: count.bits) & (size == .b64 ? 63 : 31)
      if operation == .shl && emitScaledSum(size, bits) { return }
      var value = pop()
      let result = copyToDestination(&value, destinationGPR())
      if bits != 0 { asm.shift(operation, size, result, by: bits) }
      return push(integerClass(size), result)
    }
    var value = pop()
    let pin = destinationGPR()
    if cpu.contains(.bmi2), let form = Self.shiftX(operation) {
      return emitShiftX(form, size, &value, &count, pin)
    }
    takeCount(&count, &value)
    // The count has left its register, so any pin may be written now.
    let result = copyToDestination(&value, pin)
    asm.shiftByCL(operation, size, result)
    free.insert(.rcx)
    push(integerClass(size), result)
  }

  /// Brings a shift's count into rcx, and the value out of it.
  private mutating func takeCount(_ count: inout Entry, _ value: inout Entry) {
    if count.kind == .gpr && count.gpr == .rcx { return }
    if value.kind == .gpr && value.gpr == .rcx {
      let other = allocateGPR()
      asm.move(.b64, other, .rcx)
      value = .gpr(value.type, other)
    } else {
      claim(.rcx)
    }
    load(count, into: .rcx)
    release(count)
  }

  private static func shiftX(_ operation: ShiftOperation) -> ShiftXOperation? {
    switch operation {
    case .shl: .shlx
    case .shr: .shrx
    case .sar: .sarx
    default: nil
    }
  }

  private mutating func emitShiftX(
    _ operation: ShiftXOperation, _ size: OperandSize, _ value: inout Entry, _ count: inout Entry,
    _ pin: GPR?
  ) {
    let by = gpr(&count)
    let dst: GPR
    if let address = memoryAddress(value) {
      dst = pin ?? (count.kind == .gpr ? by : allocateGPR())
      asm.shiftX(operation, size, dst, address, by: by)
    } else {
      let source = gpr(&value)
      dst = pin ?? (value.kind == .gpr ? source : count.kind == .gpr ? by : allocateGPR())
      asm.shiftX(operation, size, dst, source, by: by)
      if dst != source { release(value) }
    }
    if dst != by { release(count) }
    push(integerClass(size), dst)
  }

  /// `base + (index << k)` as one `lea`, when the sum comes next. The arithmetic is that of
  /// `size`, so a 32-bit sum wraps as it should before it addresses anything.
  private mutating func emitScaledSum(_ size: OperandSize, _ bits: UInt8) -> Bool {
    guard bits >= 1 && bits <= 3, nextByte == (size == .b64 ? 0x7C : 0x6A), height >= 2 else { return false }
    var index = pop()
    var base = pop()
    guard index.kind != .const, base.kind != .const else {
      // Not worth it: put them back as they were.
      restore(base)
      restore(index)
      return false
    }
    skipsNext = true
    let pin = pinnedDestination(after: Int(operatorOffset) &+ 2)
    let indexRegister = gpr(&index)
    let baseRegister = gpr(&base)
    let dst =
      pin != LocalInfo.unpinned
      ? GPR(pin) : index.kind == .gpr ? indexRegister : base.kind == .gpr ? baseRegister : allocateGPR()
    let scale: Scale = bits == 1 ? .x2 : bits == 2 ? .x4 : .x8
    asm.lea(size, dst, Address(baseRegister, indexRegister, scale))
    if dst != indexRegister { release(index) }
    if dst != baseRegister { release(base) }
    push(integerClass(size), dst)
    return true
  }

  /// Undoes a pop.
  mutating func restore(_ entry: Entry) {
    if entry.kind == .local { locals[Int(entry.index)].aliases &+= 1 }
    pushUnsettled(entry)
  }

  // MARK: Widths

  mutating func emitWrap() {
    var value = pop()
    if value.kind == .const { return push(.const(.i32, value.bits & 0xFFFF_FFFF)) }
    let pin = destinationGPR()
    if let address = memoryAddress(value) {
      let dst = pin ?? allocateGPR()
      asm.load(.b32, dst, address)
      return push(.i32, dst)
    }
    let source = gpr(&value)
    let dst = pin ?? (value.kind == .gpr ? source : allocateGPR())
    // Always: an i32's upper half is zero.
    asm.move(.b32, dst, source)
    if dst != source { release(value) }
    push(.i32, dst)
  }

  mutating func emitZeroExtension() {
    var value = pop()
    if value.kind == .const { return push(.const(.i64, value.bits & 0xFFFF_FFFF)) }
    // Registers hold it zero-extended already.
    let result = copyToDestination(&value, destinationGPR())
    push(.i64, result)
  }

  mutating func emitSignExtension(from: OperandSize, to type: ValueClass) {
    var value = pop()
    let pin = destinationGPR()
    // The low bytes come first in memory, too.
    if let address = memoryAddress(value) {
      let dst = pin ?? allocateGPR()
      asm.loadSignExtended(from: from, to: type.size, dst, address)
      return push(type, dst)
    }
    let source = gpr(&value)
    let dst = pin ?? (value.kind == .gpr ? source : allocateGPR())
    asm.signExtend(from: from, to: type.size, dst, source)
    if dst != source { release(value) }
    push(type, dst)
  }
}
