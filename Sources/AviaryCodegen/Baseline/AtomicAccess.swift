import AviaryContract
import AviaryCore
import CAviaryContract

// Atomic accesses, on shared memories and others. x86-64 orders loads as the specification wants, and stores
// once they are exchanges; all else is one locked instruction, or a loop around one.
//
// An access that is not aligned traps before one that is out of bounds does (threads proposal, execution of
// atomic instructions): alignment is tested on the index, then the address is formed as for any access.
extension FunctionEmitter {
  /// What an atomic operator does, in the order of the opcodes, of which each has seven.
  private enum AtomicKind: UInt16 {
    case load, store, add, sub, and, or, xor, exchange, compareExchange

    /// Of those that are one.
    var operation: ALUOperation {
      switch self {
      case .add: .add
      case .sub: .sub
      case .and: .and
      case .or: .or
      default: .xor
      }
    }
  }

  /// Type and width of an atomic access.
  private struct AtomicForm {
    let type: ValueClass
    let size: OperandSize

    /// i32, i64, then the narrow ones: 8 and 16 bits of an i32, 8, 16 and 32 bits of an i64.
    init(_ number: UInt16) {
      switch number {
      case 0: (type, size) = (.i32, .b32)
      case 1: (type, size) = (.i64, .b64)
      case 2: (type, size) = (.i32, .b8)
      case 3: (type, size) = (.i32, .b16)
      case 4: (type, size) = (.i64, .b8)
      case 5: (type, size) = (.i64, .b16)
      default: (type, size) = (.i64, .b32)
      }
    }

    /// Of registers in which the value is computed.
    var registerSize: OperandSize { size == .b64 ? .b64 : .b32 }
  }

  /// - Precondition: the operator is one of the atomic ones with an address.
  mutating func emitAtomic(_ op: AviaryCore.Opcode, _ memarg: MemArg) {
    switch op {
    case .memoryAtomicNotify: return emitWaiting(AVIARY_BUILTIN_MEMORY_NOTIFY, memarg, operands: 2)
    case .memoryAtomicWait32: return emitWaiting(AVIARY_BUILTIN_MEMORY_WAIT32, memarg, operands: 3)
    case .memoryAtomicWait64: return emitWaiting(AVIARY_BUILTIN_MEMORY_WAIT64, memarg, operands: 3)
    default: break
    }
    let number = op.rawValue - AviaryCore.Opcode.i32AtomicLoad.rawValue
    let form = AtomicForm(number % 7)
    guard let kind = AtomicKind(rawValue: number / 7) else { preconditionFailure("nine kinds of seven operators") }
    switch kind {
    case .load: emitAtomicLoad(form, memarg)
    case .store: emitAtomicStore(form, memarg)
    case .add, .sub: emitAtomicSum(kind, form, memarg)
    case .and, .or, .xor: emitAtomicLogic(kind, form, memarg)
    case .exchange: emitAtomicExchange(form, memarg)
    case .compareExchange: emitAtomicCompareExchange(form, memarg)
    }
  }

  /// A locked instruction on the top of the stack is as good as a fence as `mfence`, and faster.
  mutating func emitFence() {
    settle()
    asm.lockedALU(.or, .b32, Address(.rsp), immediate: 0)
  }

  private mutating func emitWaiting(_ builtin: AviaryBuiltin, _ memarg: MemArg, operands: Int) {
    emitBuiltin(builtin, memarg.memory, operands: operands, offset: memarg.offset)
    free.remove(.rax)
    push(.i32, .rax)
  }

  // MARK: Addresses

  /// The offset of the operator behind the atomic one in hand.
  private func afterAtomic() -> Int {
    let flags = afterLEB(Int(operatorOffset) &+ 1)
    var offset = afterLEB(flags)
    // Bit 6 of the alignment announces a memory index.
    if byte(at: flags) & 0x40 != 0 { offset = afterLEB(offset) }
    return afterLEB(offset)
  }

  /// Whether a `drop` comes next.
  private var isDropped: Bool { byte(at: afterAtomic()) == 0x1A }

  /// Traps where index + offset is no multiple of the width. r11 is scratch.
  private mutating func checkAlignment(_ memarg: MemArg, _ size: OperandSize, _ index: inout Entry) {
    let mask = Int32(size.bytes - 1)
    guard mask != 0 else { return }
    if index.kind == .const {
      if (index.bits &+ memarg.offset) & UInt64(mask) != 0 {
        // The code after the trap is never reached.
        asm.alu(.cmp, .b64, .rsp, .rsp)
        trap(.equal, .unalignedAtomic)
      }
      return
    }
    let rest = Int32(truncatingIfNeeded: memarg.offset) & mask
    if rest != 0 {
      load(index, into: .r11)
      asm.alu(.add, .b32, .r11, immediate: rest)
      asm.test(.b8, .r11, immediate: mask)
    } else if let address = memoryAddress(index) {
      asm.test(.b8, address, immediate: mask)
    } else {
      asm.test(.b8, gpr(&index), immediate: mask)
    }
    trap(.notEqual, .unalignedAtomic)
  }

  /// The checked address in r11, for what is more than one instruction. Nothing of the index is held any more.
  private mutating func atomicAddress(_ memarg: MemArg, _ size: OperandSize, _ index: inout Entry) -> Address {
    var extra = Entry.const(.i64, 0)
    checkAlignment(memarg, size, &index)
    let address = memoryOperand(memarg, width: size.bytes, index: &index, extra: &extra)
    asm.lea(.b64, .r11, address)
    release(extra)
    release(index)
    return Address(.r11)
  }

  /// rax for ourselves, with `entry`, the operand in hand that may be there, elsewhere.
  private mutating func claimAccumulator(besides entry: inout Entry) {
    guard entry.kind == .gpr, entry.gpr == .rax else { return claim(.rax) }
    let other = allocateGPR()
    asm.move(.b64, other, .rax)
    entry = .gpr(entry.type, other)
  }

  // MARK: Loads and stores

  private mutating func emitAtomicLoad(_ form: AtomicForm, _ memarg: MemArg) {
    var index = pop()
    var extra = Entry.const(.i64, 0)
    let pin = pinnedDestination(after: afterAtomic())
    checkAlignment(memarg, form.size, &index)
    let address = memoryOperand(memarg, width: form.size.bytes, index: &index, extra: &extra)
    let dst = pin != LocalInfo.unpinned ? GPR(pin) : index.kind == .gpr ? index.gpr : allocateGPR()
    recordFault()
    asm.load(form.size, dst, address)
    release(extra)
    if index.kind == .gpr && index.gpr != dst { release(index) }
    push(form.type, dst)
  }

  private mutating func emitAtomicStore(_ form: AtomicForm, _ memarg: MemArg) {
    release(exchange(form, memarg))
  }

  private mutating func emitAtomicExchange(_ form: AtomicForm, _ memarg: MemArg) {
    let register = exchange(form, memarg)
    extendNarrow(form, register)
    push(form.type, register)
  }

  /// Exchanges the operand with memory; what comes back is ours.
  private mutating func exchange(_ form: AtomicForm, _ memarg: MemArg) -> GPR {
    var value = pop()
    var index = pop()
    var extra = Entry.const(.i64, 0)
    let register = ownedGPR(&value)
    checkAlignment(memarg, form.size, &index)
    let address = memoryOperand(memarg, width: form.size.bytes, index: &index, extra: &extra)
    recordFault()
    asm.exchange(form.size, address, register)
    release(extra)
    release(index)
    return register
  }

  /// Instructions of 8 and 16 bits leave the rest of the register as it was.
  private mutating func extendNarrow(_ form: AtomicForm, _ register: GPR) {
    if form.size == .b8 || form.size == .b16 { asm.zeroExtend(from: form.size, register, register) }
  }

  // MARK: Read-modify-write

  /// Where nobody asks for the old value.
  private mutating func emitDropped(_ kind: AtomicKind, _ form: AtomicForm, _ memarg: MemArg) {
    var value = pop()
    var index = pop()
    var extra = Entry.const(.i64, 0)
    let immediate = value.immediate
    // Before the address: it may need r11 for itself.
    let source = immediate == nil ? gpr(&value) : .rax
    checkAlignment(memarg, form.size, &index)
    let address = memoryOperand(memarg, width: form.size.bytes, index: &index, extra: &extra)
    recordFault()
    if let immediate {
      asm.lockedALU(kind.operation, form.size, address, immediate: immediate)
    } else {
      asm.lockedALU(kind.operation, form.size, address, source)
    }
    release(extra)
    release(index)
    release(value)
    // For the drop.
    push(.const(form.type, 0))
  }

  private mutating func emitAtomicSum(_ kind: AtomicKind, _ form: AtomicForm, _ memarg: MemArg) {
    if isDropped { return emitDropped(kind, form, memarg) }
    var value = pop()
    var index = pop()
    var extra = Entry.const(.i64, 0)
    let register = ownedGPR(&value)
    if kind == .sub { asm.unary(.neg, form.registerSize, register) }
    checkAlignment(memarg, form.size, &index)
    let address = memoryOperand(memarg, width: form.size.bytes, index: &index, extra: &extra)
    recordFault()
    asm.lockedExchangeAdd(form.size, address, register)
    release(extra)
    release(index)
    extendNarrow(form, register)
    push(form.type, register)
  }

  /// rax = memory; until nobody came between: memory = rax operation value.
  private mutating func emitAtomicLogic(_ kind: AtomicKind, _ form: AtomicForm, _ memarg: MemArg) {
    if isDropped { return emitDropped(kind, form, memarg) }
    var value = pop()
    var index = pop()
    let immediate = value.immediate
    if immediate == nil { _ = gpr(&value) }
    let address = atomicAddress(memarg, form.size, &index)
    claimAccumulator(besides: &value)
    let new = allocateGPR()
    recordFault()
    asm.load(form.size, .rax, address)
    let again = asm.makeLabel()
    asm.bind(again)
    asm.move(form.registerSize, new, .rax)
    if let immediate {
      asm.alu(kind.operation, form.registerSize, new, immediate: immediate)
    } else {
      asm.alu(kind.operation, form.registerSize, new, gpr(&value))
    }
    recordFault()
    asm.lockedCompareExchange(form.size, address, new)
    asm.jump(.notEqual, to: again)
    release(new)
    release(value)
    // Loaded with zeros above; what the loop writes of it is no more than was loaded.
    push(form.type, .rax)
  }

  /// Only the operands' lower bits are compared and stored, where the access is narrow.
  private mutating func emitAtomicCompareExchange(_ form: AtomicForm, _ memarg: MemArg) {
    var replacement = pop()
    var expected = pop()
    var index = pop()
    let address = atomicAddress(memarg, form.size, &index)
    if expected.kind != .gpr || expected.gpr != .rax {
      claimAccumulator(besides: &replacement)
      load(expected, into: .rax)
      release(expected)
    }
    expected = .gpr(form.type, .rax)
    let new = gpr(&replacement)
    recordFault()
    asm.lockedCompareExchange(form.size, address, new)
    release(replacement)
    // Where they were equal rax is still what was expected, with all its bits.
    if form.type.size != form.size { asm.zeroExtend(from: form.size, .rax, .rax) }
    push(form.type, .rax)
  }
}
