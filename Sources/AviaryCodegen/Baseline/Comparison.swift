// Comparisons of integers: they leave flags for the operator behind them.
extension FunctionEmitter {
  /// Whether the next operator only asks if the value is zero: br_if, if, eqz of i32.
  @inline(__always)
  var isTestedNext: Bool {
    let next = nextByte
    return next == 0x0D || next == 0x04 || next == 0x45
  }

  mutating func emitComparison(_ condition: Condition, _ size: OperandSize) {
    var right = pop()
    var left = pop()
    var condition = condition
    if left.kind == .const && right.kind != .const {
      swap(&left, &right)
      condition = condition.swapped
    }
    if right.kind == .const && right.bits == 0 && memoryAddress(left) == nil {
      let register = gpr(&left)
      asm.test(size, register, register)
    } else if let address = memoryAddress(left), let value = right.immediate {
      asm.alu(.cmp, size, address, immediate: value)
    } else if let address = memoryAddress(left), let register = registerOf(right) {
      asm.alu(.cmp, size, address, register)
    } else {
      let register = gpr(&left)
      alu(.cmp, size, register, source(&right))
    }
    release(left)
    release(right)
    pushFlags(condition)
  }

  /// eqz, ref.is_null
  mutating func emitZeroTest(_ size: OperandSize) {
    if hasFlags {
      // The opposite of a comparison.
      let top = height - 1
      stack[top].register ^= 1
      return
    }
    var value = pop()
    if let address = memoryAddress(value) {
      asm.alu(.cmp, size, address, immediate: 0)
    } else {
      let register = gpr(&value)
      asm.test(size, register, register)
      release(value)
    }
    pushFlags(.equal)
  }

  /// `and` whose result is only tested. For 64 bits the next operator would be
  /// i64.eqz, which is not among those, so the size is 32 bits in practice.
  mutating func emitAndTest(_ size: OperandSize) {
    var right = pop()
    var left = pop()
    if left.kind == .const { swap(&left, &right) }
    if let address = memoryAddress(left), let value = right.immediate {
      asm.test(size, address, immediate: value)
    } else if let value = right.immediate {
      let register = gpr(&left)
      asm.test(size, register, immediate: value)
    } else {
      let register = gpr(&left)
      asm.test(size, register, gpr(&right))
    }
    release(left)
    release(right)
    pushFlags(.notEqual)
  }
}
