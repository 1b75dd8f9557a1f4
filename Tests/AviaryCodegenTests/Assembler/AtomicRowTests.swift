import AviaryCodegen
import Testing

/// The locked instructions over all registers, widths and addressing forms.
@Suite(.disabled(if: Listing.isDisassemblerMissing, "objdump (binutils) is not installed"))
struct AtomicRowTests {
  @Test func exchangeAddAndCompareExchange() throws {
    var list = Listing()
    for size in OperandSize.allCases {
      for register in GPR.all {
        for address in TestAddress.sample {
          list.expect("lock xadd \(address.text(size)),\(text(register, size))")
          list.asm.lockedExchangeAdd(size, address.address, register)
          list.expect("lock cmpxchg \(address.text(size)),\(text(register, size))")
          list.asm.lockedCompareExchange(size, address.address, register)
        }
      }
      var number = 0
      for address in TestAddress.all {
        let register = GPR.all[number % 16]
        number += 1
        list.expect("lock xadd \(address.text(size)),\(text(register, size))")
        list.asm.lockedExchangeAdd(size, address.address, register)
        list.expect("lock cmpxchg \(address.text(size)),\(text(register, size))")
        list.asm.lockedCompareExchange(size, address.address, register)
      }
    }
    try list.check()
  }

  @Test func arithmetic() throws {
    var list = Listing()
    for operation in ALUOperation.allCases where operation != .cmp {
      for size in OperandSize.allCases {
        for register in GPR.all {
          for address in TestAddress.sample {
            list.expect("lock \(operation) \(address.text(size)),\(text(register, size))")
            list.asm.lockedALU(operation, size, address.address, register)
          }
        }
        for address in TestAddress.sample {
          for value: Int32 in [0, 1, -1, 127, -128, 128, 0x1234_5678, .min] {
            list.expect("lock \(operation) \(address.text(size)),\(text(immediate: Int64(value), size))")
            list.asm.lockedALU(operation, size, address.address, immediate: value)
          }
        }
      }
    }
    try list.check()
  }
}
