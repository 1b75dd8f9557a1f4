import AviaryContract
import AviaryCore

// From an index on the stack to a memory operand.
//
// A 32-bit memory with 64 KiB pages needs no check: base + index + offset cannot leave
// the reservation and its guard. That rests on two things: the index register is
// zero-extended (an invariant of FunctionEmitter), and nothing computed in 32 bits is ever
// folded into the addressing mode, where it would not wrap. Everything else is compared with
// the memory's length first.
extension FunctionEmitter {
  /// The operand for an access of `width` bytes. Emits what it takes to compute it and to
  /// check it, all but the access. r11 may be part of it; `index` and `extra` are the
  /// caller's to release.
  mutating func memoryOperand(
    _ memarg: MemArg, width: Int, index: inout Entry, extra: inout Entry
  ) -> Address {
    let memory = tables.memories[memarg.memory]
    // At most 2^64 - 1 + 16; overflow means that the access is never in bounds.
    let (end, overflow) = memarg.offset.addingReportingOverflow(UInt64(width))
    if !overflow && end <= memory.uncheckedBytes {
      return uncheckedOperand(memory, memarg, width, &index, &extra)
    }
    return checkedOperand(memory, memarg, end: overflow ? nil : end, width, &index, &extra)
  }

  /// The base in a register: r14, r11, or `extra`.
  private mutating func base(_ memory: ModuleTables.Memory, _ index: UInt32, into scratch: GPR) -> GPR {
    if index == 0 { return .r14 }
    asm.load(.b64, scratch, Address(.r15, memory.place.offset))
    if memory.place.isIndirect { asm.load(.b64, scratch, Address(scratch)) }
    return scratch
  }

  private mutating func uncheckedOperand(
    _ memory: ModuleTables.Memory, _ memarg: MemArg, _ width: Int, _ index: inout Entry,
    _ extra: inout Entry
  ) -> Address {
    // At most 2^31 - width: a positive displacement.
    let offset = Int32(truncatingIfNeeded: memarg.offset)
    if index.kind == .const {
      // Computed in 64 bits, as the machine would.
      let address = index.bits + memarg.offset
      if let displacement = Int32(exactly: address) {
        return Address(base(memory, memarg.memory, into: .r11), displacement)
      }
    }
    if index.kind != .gpr && registerOf(index) == nil && memarg.memory == 0 {
      // An i32's load clears the upper half.
      load(index, into: .r11)
      return Address(.r14, .r11, .x1, offset)
    }
    let register = gpr(&index)
    return Address(base(memory, memarg.memory, into: .r11), register, .x1, offset)
  }

  /// r11 = index + offset + width, compared with the length; the operand is that minus the width.
  private mutating func checkedOperand(
    _ memory: ModuleTables.Memory, _ memarg: MemArg, end: UInt64?, _ width: Int,
    _ index: inout Entry, _ extra: inout Entry
  ) -> Address {
    guard let end else {
      // No index makes this one valid. The code after the trap is never reached.
      asm.alu(.cmp, .b64, .rsp, .rsp)
      trap(.equal, .memoryOutOfBounds)
      return Address(.r14)
    }
    // With another memory or a large offset a second register is needed: `extra`.
    let needsExtra = memarg.memory != 0 || end > 0x7FFF_FFFF
    var scratch = GPR.r11
    if needsExtra {
      scratch = allocateGPR()
      extra = .gpr(.i64, scratch)
    }
    load(index, into: .r11)
    if let immediate = Int32(exactly: end) {
      asm.alu(.add, .b64, .r11, immediate: immediate)
    } else {
      asm.moveImmediate(.b64, scratch, Int64(bitPattern: end))
      asm.alu(.add, .b64, .r11, scratch)
    }
    // A 32-bit index and a 32-bit offset cannot overflow 64 bits.
    if memory.is64 { trap(.below, .memoryOutOfBounds) }
    if memory.place.isIndirect {
      // The pointer to the memory: in the extra register, or in r14, which is restored.
      let pointer = needsExtra ? scratch : .r14
      asm.load(.b64, pointer, Address(.r15, memory.place.offset))
      asm.alu(.cmp, .b64, .r11, Address(pointer, 8))
      if !needsExtra { asm.load(.b64, .r14, Address(.r14)) }
    } else {
      asm.alu(.cmp, .b64, .r11, Address(.r15, memory.place.offset + 8))
    }
    trap(.above, .memoryOutOfBounds)
    return Address(base(memory, memarg.memory, into: scratch), .r11, .x1, -Int32(width))
  }
}
