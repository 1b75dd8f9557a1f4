import AviaryCodegen
import Testing

/// Every row of the vector operations over all registers and the encoder's addressing forms,
/// in the forms of SSE and of AVX, against the system's disassembler. New rows are covered as they come.
@Suite(.disabled(if: Listing.isDisassemblerMissing, "objdump (binutils) is not installed"))
struct VectorRowTests {
  static let packed = [FloatSize.f32: "ps", .f64: "pd"]
  static let keyword = [1: "BYTE", 2: "WORD", 4: "DWORD", 8: "QWORD", 16: "XMMWORD"]

  /// All pairs of registers, each with a third one.
  static let triples: [(XMM, XMM, XMM)] = XMM.all.flatMap { x in
    XMM.all.map { y in (x, y, XMM((x.number &* 3 &+ y.number) & 15)) }
  }

  /// The sample of addresses, each with two registers: all registers occur.
  static let memory: [(XMM, XMM, TestAddress)] = TestAddress.sample.enumerated().map {
    (XMM(UInt8($0 & 15)), XMM(UInt8(($0 * 7 + 3) & 15)), $1)
  }

  @Test func binary() throws {
    var list = Listing()
    for operation in VectorOperation.allCases {
      for (x, y, z) in Self.triples {
        list.expect("\(operation) \(text(x)),\(text(y))")
        list.asm.vector(operation, x, y)
        list.expect("v\(operation) \(text(x)),\(text(z)),\(text(y))")
        list.asm.vectorAVX(operation, x, z, y)
      }
      for (x, y, address) in Self.memory {
        list.expect("\(operation) \(text(x)),\(address.text("XMMWORD"))")
        list.asm.vector(operation, x, address.address)
        list.expect("v\(operation) \(text(x)),\(text(y)),\(address.text("XMMWORD"))")
        list.asm.vectorAVX(operation, x, y, address.address)
      }
    }
    try list.check()
  }

  @Test func binaryWithImmediate() throws {
    var list = Listing()
    for operation in VectorImmediateOperation.allCases {
      for (x, y, z) in Self.triples {
        list.expect("\(operation) \(text(x)),\(text(y)),0xee")
        list.asm.vector(operation, x, y, immediate: 0xEE)
        list.expect("v\(operation) \(text(x)),\(text(z)),\(text(y)),0xee")
        list.asm.vectorAVX(operation, x, z, y, immediate: 0xEE)
      }
      for (x, y, address) in Self.memory {
        list.expect("\(operation) \(text(x)),\(address.text("XMMWORD")),0xee")
        list.asm.vector(operation, x, address.address, immediate: 0xEE)
        list.expect("v\(operation) \(text(x)),\(text(y)),\(address.text("XMMWORD")),0xee")
        list.asm.vectorAVX(operation, x, y, address.address, immediate: 0xEE)
      }
    }
    try list.check()
  }

  @Test func unary() throws {
    var list = Listing()
    for operation in VectorUnaryOperation.allCases {
      for (x, y, _) in Self.triples {
        list.expect("\(operation) \(text(x)),\(text(y))")
        list.asm.vector(operation, x, y)
        list.expect("v\(operation) \(text(x)),\(text(y))")
        list.asm.vectorAVX(operation, x, y)
      }
      let keyword = Self.keyword[operation.memoryBytes]!
      for (x, _, address) in Self.memory {
        list.expect("\(operation) \(text(x)),\(address.text(keyword))")
        list.asm.vector(operation, x, address.address)
        list.expect("v\(operation) \(text(x)),\(address.text(keyword))")
        list.asm.vectorAVX(operation, x, address.address)
      }
    }
    for operation in VectorUnaryImmediateOperation.allCases {
      for (x, y, _) in Self.triples {
        list.expect("\(operation) \(text(x)),\(text(y)),0xb")
        list.asm.vector(operation, x, y, immediate: 0xB)
        list.expect("v\(operation) \(text(x)),\(text(y)),0xb")
        list.asm.vectorAVX(operation, x, y, immediate: 0xB)
      }
      for (x, _, address) in Self.memory {
        list.expect("\(operation) \(text(x)),\(address.text("XMMWORD")),0xb")
        list.asm.vector(operation, x, address.address, immediate: 0xB)
        list.expect("v\(operation) \(text(x)),\(address.text("XMMWORD")),0xb")
        list.asm.vectorAVX(operation, x, address.address, immediate: 0xB)
      }
    }
    try list.check()
  }

  @Test func shiftsByImmediates() throws {
    var list = Listing()
    for operation in VectorShiftOperation.allCases {
      for (x, y, _) in Self.triples {
        list.expect("\(operation) \(text(x)),0xf")
        list.asm.vectorShift(operation, x, by: 15)
        list.expect("v\(operation) \(text(x)),\(text(y)),0x3f")
        list.asm.vectorShiftAVX(operation, x, y, by: 63)
      }
    }
    try list.check()
  }

  @Test func moves() throws {
    var list = Listing()
    for operation in VectorMoveOperation.allCases {
      for (x, y, _) in Self.triples {
        list.expect("\(operation) \(text(x)),\(text(y))")
        list.asm.vectorMove(operation, x, y)
        list.expect("v\(operation) \(text(x)),\(text(y))")
        list.asm.vectorMoveAVX(operation, x, y)
      }
      for (x, _, address) in Self.memory {
        let memory = address.text("XMMWORD")
        list.expect("\(operation) \(text(x)),\(memory)")
        list.asm.vectorMove(operation, x, address.address)
        list.expect("\(operation) \(memory),\(text(x))")
        list.asm.vectorMove(operation, address.address, x)
        list.expect("v\(operation) \(text(x)),\(memory)")
        list.asm.vectorMoveAVX(operation, x, address.address)
        list.expect("v\(operation) \(memory),\(text(x))")
        list.asm.vectorMoveAVX(operation, address.address, x)
      }
    }
    for half in VectorHalf.allCases {
      let name = half == .low ? "movlps" : "movhps"
      for (x, y, address) in Self.memory {
        list.expect("\(name) \(text(x)),\(address.text("QWORD"))")
        list.asm.loadHalf(half, x, address.address)
        list.expect("v\(name) \(text(x)),\(text(y)),\(address.text("QWORD"))")
        list.asm.loadHalfAVX(half, x, y, address.address)
        list.expect("\(name) \(address.text("QWORD")),\(text(x))")
        list.asm.storeHalf(half, address.address, x)
      }
    }
    for (x, y, z) in Self.triples {
      list.expect("movlhps \(text(x)),\(text(y))")
      list.asm.moveLowToHigh(x, y)
      list.expect("movhlps \(text(x)),\(text(y))")
      list.asm.moveHighToLow(x, y)
      list.expect("vmovhlps \(text(x)),\(text(z)),\(text(y))")
      list.asm.moveHighToLowAVX(x, z, y)
    }
    try list.check()
  }

  @Test func lanes() throws {
    var list = Listing()
    let letter = [OperandSize.b8: "b", .b16: "w", .b32: "d", .b64: "q"]
    for size in OperandSize.allCases {
      // Bytes and words travel through registers that are written as 32 bits.
      let width: OperandSize = size == .b64 ? .b64 : .b32
      for (x, y, z) in Self.triples {
        let register = GPR(y.number)
        list.expect("pextr\(letter[size]!) \(text(register, width)),\(text(x)),0x1")
        list.asm.extractLane(size, register, x, lane: 1)
        list.expect("pinsr\(letter[size]!) \(text(x)),\(text(register, width)),0x1")
        list.asm.insertLane(size, x, register, lane: 1)
        list.expect("vpinsr\(letter[size]!) \(text(x)),\(text(z)),\(text(register, width)),0x1")
        list.asm.insertLaneAVX(size, x, z, register, lane: 1)
      }
      for (x, y, address) in Self.memory {
        list.expect("pextr\(letter[size]!) \(address.text(size)),\(text(x)),0x1")
        list.asm.extractLane(size, address.address, x, lane: 1)
        list.expect("pinsr\(letter[size]!) \(text(x)),\(address.text(size)),0x1")
        list.asm.insertLane(size, x, address.address, lane: 1)
        list.expect("vpinsr\(letter[size]!) \(text(x)),\(text(y)),\(address.text(size)),0x1")
        list.asm.insertLaneAVX(size, x, y, address.address, lane: 1)
      }
    }
    for (x, y, z) in Self.triples {
      list.expect("insertps \(text(x)),\(text(y)),0x20")
      list.asm.insertFloat(x, y, control: 0x20)
      list.expect("vinsertps \(text(x)),\(text(z)),\(text(y)),0x20")
      list.asm.insertFloatAVX(x, z, y, control: 0x20)
      let register = GPR(x.number)
      for size in FloatSize.allCases {
        list.expect("movmsk\(Self.packed[size]!) \(text(register, .b32)),\(text(y))")
        list.asm.signMask(size, register, y)
      }
      list.expect("pmovmskb \(text(register, .b32)),\(text(y))")
      list.asm.byteMask(register, y)
    }
    for (x, y, address) in Self.memory {
      list.expect("insertps \(text(x)),\(address.text("DWORD")),0x20")
      list.asm.insertFloat(x, address.address, control: 0x20)
      list.expect("vinsertps \(text(x)),\(text(y)),\(address.text("DWORD")),0x20")
      list.asm.insertFloatAVX(x, y, address.address, control: 0x20)
    }
    try list.check()
  }

  @Test func laterExtensions() throws {
    var list = Listing()
    for operation in BroadcastOperation.allCases {
      for (x, y, _) in Self.triples {
        list.expect("\(operation) \(text(x)),\(text(y))")
        list.asm.broadcast(operation, x, y)
      }
      for (x, _, address) in Self.memory {
        list.expect("\(operation) \(text(x)),\(address.text(Self.keyword[operation.bytes]!))")
        list.asm.broadcast(operation, x, address.address)
      }
    }
    for operation in VectorBlendOperation.allCases {
      for (x, y, z) in Self.triples {
        let mask = XMM(15 - y.number)
        list.expect("\(operation) \(text(x)),\(text(z)),\(text(y)),\(text(mask))")
        list.asm.blend(operation, x, z, y, mask: mask)
      }
      for (x, y, address) in Self.memory {
        list.expect("\(operation) \(text(x)),\(text(y)),\(address.text("XMMWORD")),\(text(x))")
        list.asm.blend(operation, x, y, address.address, mask: x)
      }
    }
    for operation in FusedOperation.allCases {
      for size in FloatSize.allCases {
        let name = "\(operation)\(Self.packed[size]!)"
        for (x, y, z) in Self.triples {
          list.expect("\(name) \(text(x)),\(text(z)),\(text(y))")
          list.asm.fused(operation, size, x, z, y)
        }
        for (x, y, address) in Self.memory {
          list.expect("\(name) \(text(x)),\(text(y)),\(address.text("XMMWORD"))")
          list.asm.fused(operation, size, x, y, address.address)
        }
      }
    }
    try list.check()
  }
}
