import AviaryCodegen
import Testing

/// The rows of vector registers, against the system's disassembler.
@Suite(.disabled(if: Listing.isDisassemblerMissing, "objdump (binutils) is not installed"))
struct FloatRowTests {
  static let wide: [OperandSize] = [.b32, .b64]
  static let keyword = [FloatSize.f32: "DWORD", .f64: "QWORD"]
  static let suffix = [FloatSize.f32: "ss", .f64: "sd"]

  @Test func moves() throws {
    var list = Listing()
    for x in XMM.all {
      for y in XMM.all {
        list.expect("movaps \(text(x)),\(text(y))")
        list.asm.move(x, y)
      }
      list.expect("xorps \(text(x)),\(text(x))")
      list.asm.zero(x)
      for address in TestAddress.sample {
        for size in FloatSize.allCases {
          let name = "mov\(Self.suffix[size]!)"
          let memory = address.text(Self.keyword[size]!)
          list.expect("\(name) \(text(x)),\(memory)")
          list.asm.load(size, x, address.address)
          list.expect("\(name) \(memory),\(text(x))")
          list.asm.store(size, address.address, x)
        }
        list.expect("movups \(text(x)),\(address.text("XMMWORD"))")
        list.asm.loadVector(x, address.address)
        list.expect("movups \(address.text("XMMWORD")),\(text(x))")
        list.asm.storeVector(address.address, x)
      }
      for register in GPR.all {
        for size in Self.wide {
          let letter = size == .b32 ? "d" : "q"
          list.expect("mov\(letter) \(text(x)),\(text(register, size))")
          list.asm.move(size, x, register)
          list.expect("mov\(letter) \(text(register, size)),\(text(x))")
          list.asm.move(size, register, x)
        }
      }
    }
    try list.check()
  }

  @Test func scalarArithmetic() throws {
    var list = Listing()
    for size in FloatSize.allCases {
      let suffix = Self.suffix[size]!
      let keyword = Self.keyword[size]!
      for x in XMM.all {
        for y in XMM.all {
          let z = XMM((x.number &* 5 &+ y.number) & 15)
          for operation in FloatOperation.allCases {
            list.expect("\(operation)\(suffix) \(text(x)),\(text(y))")
            list.asm.float(operation, size, x, y)
            list.expect("v\(operation)\(suffix) \(text(x)),\(text(z)),\(text(y))")
            list.asm.floatAVX(operation, size, x, z, y)
          }
          list.expect("ucomi\(suffix) \(text(x)),\(text(y))")
          list.asm.floatCompare(size, x, y)
          for mode in RoundingMode.allCases {
            list.expect("round\(suffix) \(text(x)),\(text(y)),\(hex(UInt64(mode.rawValue)))")
            list.asm.floatRound(mode, size, x, y)
          }
          list.expect("\(size == .f64 ? "cvtss2sd" : "cvtsd2ss") \(text(x)),\(text(y))")
          list.asm.convertFloat(to: size, x, y)
        }
        for address in TestAddress.sample {
          for operation in FloatOperation.allCases {
            list.expect("\(operation)\(suffix) \(text(x)),\(address.text(keyword))")
            list.asm.float(operation, size, x, address.address)
          }
          list.expect("vsub\(suffix) \(text(x)),xmm9,\(address.text(keyword))")
          list.asm.floatAVX(.sub, size, x, .xmm9, address.address)
          list.expect("ucomi\(suffix) \(text(x)),\(address.text(keyword))")
          list.asm.floatCompare(size, x, address.address)
          list.expect("round\(suffix) \(text(x)),\(address.text(keyword)),0xb")
          list.asm.floatRound(.towardZero, size, x, address.address)
          list.expect(
            size == .f64
              ? "cvtss2sd \(text(x)),\(address.text("DWORD"))"
              : "cvtsd2ss \(text(x)),\(address.text("QWORD"))")
          list.asm.convertFloat(to: size, x, address.address)
        }
      }
    }
    try list.check()
  }

  @Test func conversions() throws {
    var list = Listing()
    for size in FloatSize.allCases {
      let suffix = Self.suffix[size]!
      for intSize in Self.wide {
        for x in XMM.all {
          for register in GPR.all {
            list.expect("cvtsi2\(suffix) \(text(x)),\(text(register, intSize))")
            list.asm.convert(size, x, fromSigned: intSize, register)
            list.expect("cvtt\(suffix)2si \(text(register, intSize)),\(text(x))")
            list.asm.convertTruncating(intSize, register, from: size, x)
          }
          for address in TestAddress.sample {
            list.expect("cvtsi2\(suffix) \(text(x)),\(address.text(intSize))")
            list.asm.convert(size, x, fromSigned: intSize, address.address)
            list.expect(
              "cvtt\(suffix)2si \(text(GPR(x.number), intSize)),"
                + address.text(Self.keyword[size]!))
            list.asm.convertTruncating(intSize, GPR(x.number), from: size, address.address)
          }
        }
      }
    }
    try list.check()
  }
}
