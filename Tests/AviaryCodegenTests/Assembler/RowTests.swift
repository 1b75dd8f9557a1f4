import AviaryCodegen
import Testing

/// Every row of the assembler over all registers and the encoder's addressing
/// forms, against the system's disassembler.
@Suite(.disabled(if: Listing.isDisassemblerMissing, "objdump (binutils) is not installed"))
struct RowTests {
  static let wide: [OperandSize] = [.b32, .b64]
  static let words: [OperandSize] = [.b16, .b32, .b64]

  @Test func everyAddressingForm() throws {
    var list = Listing()
    var number = 0
    for address in TestAddress.all {
      let register = GPR.all[number % 16]
      number += 1
      list.expect("mov \(text(register, .b64)),\(address.text(.b64))")
      list.asm.load(.b64, register, address.address)
      list.expect("add \(text(register, .b32)),\(address.text(.b32))")
      list.asm.alu(.add, .b32, register, address.address)
      list.expect("vaddsd xmm\(register.number),xmm3,\(address.text("QWORD"))")
      list.asm.floatAVX(.add, .f64, XMM(register.number), .xmm3, address.address)
    }
    try list.check()
  }

  @Test func moves() throws {
    var list = Listing()
    for size in OperandSize.allCases {
      for a in GPR.all {
        for b in GPR.all {
          list.expect("mov \(text(a, size)),\(text(b, size))")
          list.asm.move(size, a, b)
          list.expect("xchg \(text(a, size)),\(text(b, size))")
          list.asm.exchange(size, a, b)
        }
        for address in TestAddress.sample {
          list.expect("mov \(address.text(size)),\(text(a, size))")
          list.asm.store(size, address.address, a)
          list.expect("xchg \(address.text(size)),\(text(a, size))")
          list.asm.exchange(size, address.address, a)
        }
      }
      for address in TestAddress.sample {
        for value: Int32 in [0, 1, -1, 0x1234_5678] {
          list.expect("mov \(address.text(size)),\(text(immediate: Int64(value), size))")
          list.asm.storeImmediate(size, address.address, value)
        }
      }
    }
    for register in GPR.all {
      immediates(&list, register)
      list.expect("push \(text(register, .b64))")
      list.asm.push(register)
      list.expect("pop \(text(register, .b64))")
      list.asm.pop(register)
      list.expect("xor \(text(register, .b32)),\(text(register, .b32))")
      list.asm.zero(register)
    }
    for value: Int32 in [0, -1, 127, -128, 128, .min, .max] {
      list.expect("push \(hex(UInt64(bitPattern: Int64(value))))")
      list.asm.push(immediate: value)
    }
    for address in TestAddress.sample {
      list.expect("push \(address.text(.b64))")
      list.asm.push(address.address)
      list.expect("pop \(address.text(.b64))")
      list.asm.pop(address.address)
    }
    try list.check()
  }

  private func immediates(_ list: inout Listing, _ register: GPR) {
    for value: Int64 in [0, 1, -1, 0x7FFF_FFFF, -0x8000_0000, 0x8000_0000, 0xFFFF_FFFF] {
      list.expect("mov \(text(register, .b32)),\(text(immediate: value, .b32))")
      list.asm.moveImmediate(.b32, register, value)
      let short = value >= 0
      list.expect(
        "mov \(text(register, short ? .b32 : .b64)),\(text(immediate: value, short ? .b32 : .b64))")
      list.asm.moveImmediate(.b64, register, value)
    }
    for value: Int64 in [0x1_0000_0000, -0x8000_0001, .min, .max] {
      list.expect("movabs \(text(register, .b64)),\(text(immediate: value, .b64))")
      list.asm.moveImmediate(.b64, register, value)
    }
  }

  @Test func extensions() throws {
    var list = Listing()
    let narrow: [OperandSize] = [.b8, .b16]
    for a in GPR.all {
      for b in GPR.all {
        for from in narrow {
          list.expect("movzx \(text(a, .b32)),\(text(b, from))")
          list.asm.zeroExtend(from: from, a, b)
          for to in Self.wide {
            list.expect("movsx \(text(a, to)),\(text(b, from))")
            list.asm.signExtend(from: from, to: to, a, b)
          }
        }
        for size in Self.wide {
          list.expect("mov \(text(a, size)),\(text(b, size))")
          list.asm.zeroExtend(from: size, a, b)
        }
        list.expect("movsxd \(text(a, .b64)),\(text(b, .b32))")
        list.asm.signExtend(from: .b32, to: .b64, a, b)
      }
      for address in TestAddress.sample {
        for from in narrow {
          list.expect("movzx \(text(a, .b32)),\(address.text(from))")
          list.asm.load(from, a, address.address)
          for to in Self.wide {
            list.expect("movsx \(text(a, to)),\(address.text(from))")
            list.asm.loadSignExtended(from: from, to: to, a, address.address)
          }
        }
        for size in Self.wide {
          list.expect("mov \(text(a, size)),\(address.text(size))")
          list.asm.load(size, a, address.address)
        }
        list.expect("movsxd \(text(a, .b64)),\(address.text(.b32))")
        list.asm.loadSignExtended(from: .b32, to: .b64, a, address.address)
        for size in Self.words where !address.text.hasPrefix("gs:") {
          list.expect("lea \(text(a, size)),\(address.text)")
          list.asm.lea(size, a, address.address)
        }
      }
    }
    try list.check()
  }

  @Test func integerArithmetic() throws {
    var list = Listing()
    for operation in ALUOperation.allCases {
      for size in OperandSize.allCases {
        for a in GPR.all {
          for b in GPR.all {
            list.expect("\(operation) \(text(a, size)),\(text(b, size))")
            list.asm.alu(operation, size, a, b)
          }
          for value: Int32 in [0, 1, -1, 127, -128, 128, -129, 0x1234_5678, .min] {
            list.expect("\(operation) \(text(a, size)),\(text(immediate: Int64(value), size))")
            list.asm.alu(operation, size, a, immediate: value)
          }
        }
        var number = 0
        for address in TestAddress.sample {
          let a = GPR.all[number % 16]
          number += 1
          list.expect("\(operation) \(text(a, size)),\(address.text(size))")
          list.asm.alu(operation, size, a, address.address)
          list.expect("\(operation) \(address.text(size)),\(text(a, size))")
          list.asm.alu(operation, size, address.address, a)
          for value: Int32 in [5, -7, 0x1234] {
            list.expect("\(operation) \(address.text(size)),\(text(immediate: Int64(value), size))")
            list.asm.alu(operation, size, address.address, immediate: value)
          }
        }
      }
    }
    try list.check()
  }

  @Test func testsUnariesAndProducts() throws {
    var list = Listing()
    for size in OperandSize.allCases {
      for a in GPR.all {
        for b in GPR.all {
          list.expect("test \(text(a, size)),\(text(b, size))")
          list.asm.test(size, a, b)
        }
        list.expect("test \(text(a, size)),\(text(immediate: 0x71, size))")
        list.asm.test(size, a, immediate: 0x71)
        for operation in UnaryOperation.allCases {
          list.expect("\(operation) \(text(a, size))")
          list.asm.unary(operation, size, a)
        }
      }
      for address in TestAddress.sample {
        list.expect("test \(address.text(size)),\(text(.r9, size))")
        list.asm.test(size, address.address, .r9)
        list.expect("test \(address.text(size)),\(text(immediate: -2, size))")
        list.asm.test(size, address.address, immediate: -2)
        for operation in UnaryOperation.allCases {
          list.expect("\(operation) \(address.text(size))")
          list.asm.unary(operation, size, address.address)
        }
        list.expect("inc \(address.text(size))")
        list.asm.increment(size, address.address)
        list.expect("dec \(address.text(size))")
        list.asm.decrement(size, address.address)
      }
    }
    list.expect("cdq")
    list.asm.signExtendAccumulator(.b32)
    list.expect("cqo")
    list.asm.signExtendAccumulator(.b64)
    for size in Self.words {
      for a in GPR.all {
        for b in GPR.all {
          list.expect("imul \(text(a, size)),\(text(b, size))")
          list.asm.multiply(size, a, b)
          for value: Int32 in [3, -3, 1000] {
            list.expect(
              "imul \(text(a, size)),\(text(b, size)),\(text(immediate: Int64(value), size))")
            list.asm.multiply(size, a, b, immediate: value)
          }
        }
        for address in TestAddress.sample {
          list.expect("imul \(text(a, size)),\(address.text(size))")
          list.asm.multiply(size, a, address.address)
          for value: Int32 in [7, -1000] {
            list.expect(
              "imul \(text(a, size)),\(address.text(size)),\(text(immediate: Int64(value), size))")
            list.asm.multiply(size, a, address.address, immediate: value)
          }
        }
      }
    }
    try list.check()
  }

  @Test func shifts() throws {
    var list = Listing()
    for operation in ShiftOperation.allCases {
      for size in OperandSize.allCases {
        for a in GPR.all {
          for count: UInt8 in [1, 2, 31, 63] {
            list.expect("\(operation) \(text(a, size)),\(count == 1 ? "1" : hex(UInt64(count)))")
            list.asm.shift(operation, size, a, by: count)
          }
          list.expect("\(operation) \(text(a, size)),cl")
          list.asm.shiftByCL(operation, size, a)
        }
        for address in TestAddress.sample {
          for count: UInt8 in [1, 7] {
            list.expect("\(operation) \(address.text(size)),\(count == 1 ? "1" : "0x7")")
            list.asm.shift(operation, size, address.address, by: count)
          }
          list.expect("\(operation) \(address.text(size)),cl")
          list.asm.shiftByCL(operation, size, address.address)
        }
      }
    }
    for size in Self.wide {
      for a in GPR.all {
        for b in GPR.all {
          let c = GPR((a.number &+ b.number &* 3) & 15)
          for operation in ShiftXOperation.allCases {
            list.expect("\(operation) \(text(a, size)),\(text(b, size)),\(text(c, size))")
            list.asm.shiftX(operation, size, a, b, by: c)
          }
          list.expect("rorx \(text(a, size)),\(text(b, size)),0x13")
          list.asm.rotateRightX(size, a, b, by: 19)
          list.expect("andn \(text(a, size)),\(text(c, size)),\(text(b, size))")
          list.asm.andNot(size, a, inverted: c, b)
          for operation in LowestBitOperation.allCases {
            list.expect("\(operation) \(text(a, size)),\(text(b, size))")
            list.asm.lowestBit(operation, size, a, b)
          }
        }
        for address in TestAddress.sample {
          for operation in ShiftXOperation.allCases {
            list.expect("\(operation) \(text(a, size)),\(address.text(size)),\(text(.r10, size))")
            list.asm.shiftX(operation, size, a, address.address, by: .r10)
          }
          list.expect("rorx \(text(a, size)),\(address.text(size)),0x5")
          list.asm.rotateRightX(size, a, address.address, by: 5)
          list.expect("andn \(text(a, size)),\(text(.r9, size)),\(address.text(size))")
          list.asm.andNot(size, a, inverted: .r9, address.address)
        }
      }
    }
    try list.check()
  }

  static let conditionNames = [
    "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g",
  ]

  @Test func bitsAndConditions() throws {
    var list = Listing()
    for size in Self.wide {
      for a in GPR.all {
        for b in GPR.all {
          for operation in BitOperation.allCases {
            list.expect("\(operation) \(text(a, size)),\(text(b, size))")
            list.asm.bits(operation, size, a, b)
          }
          for operation in BitTestOperation.allCases {
            list.expect("\(operation) \(text(a, size)),\(text(b, size))")
            list.asm.bitTest(operation, size, a, bit: b)
          }
        }
        for operation in BitTestOperation.allCases {
          list.expect("\(operation) \(text(a, size)),0x1f")
          list.asm.bitTest(operation, size, a, bit: 31)
        }
        list.expect("bswap \(text(a, size))")
        list.asm.byteSwap(size, a)
        for address in TestAddress.sample {
          for operation in BitOperation.allCases {
            list.expect("\(operation) \(text(a, size)),\(address.text(size))")
            list.asm.bits(operation, size, a, address.address)
          }
          list.expect("bts \(address.text(size)),0x7")
          list.asm.bitTest(.bts, size, address.address, bit: 7)
        }
      }
    }
    for condition in Condition.allCases {
      let name = Self.conditionNames[Int(condition.rawValue)]
      for size in Self.words {
        for a in GPR.all {
          for b in GPR.all {
            list.expect("cmov\(name) \(text(a, size)),\(text(b, size))")
            list.asm.moveIf(condition, size, a, b)
          }
        }
        for address in TestAddress.sample {
          list.expect("cmov\(name) \(text(.r11, size)),\(address.text(size))")
          list.asm.moveIf(condition, size, .r11, address.address)
        }
      }
      for a in GPR.all {
        list.expect("set\(name) \(text(a, .b8))")
        list.asm.set(condition, a)
      }
      for address in TestAddress.sample {
        list.expect("set\(name) \(address.text(.b8))")
        list.asm.set(condition, address.address)
      }
      #expect(condition.inverted.inverted == condition)
      #expect(condition.swapped.swapped == condition)
    }
    try list.check()
  }
}
