import AviaryCodegen
import Testing

/// Jumps, calls, labels, tables and padding.
@Suite struct ControlTests {
  @Test(.disabled(if: Listing.isDisassemblerMissing, "objdump (binutils) is not installed"))
  func rows() throws {
    var list = Listing()
    for register in GPR.all {
      list.expect("call \(text(register, .b64))")
      list.asm.call(register)
      list.expect("jmp \(text(register, .b64))")
      list.asm.jump(register)
      list.expect("lea \(text(register, .b64)),[rip+0x0]")
      _ = list.asm.leaRelocated(register)
    }
    for address in TestAddress.sample {
      list.expect("call \(address.text(.b64))")
      list.asm.call(address.address)
      list.expect("jmp \(address.text(.b64))")
      list.asm.jump(address.address)
    }
    list.expect("ret")
    list.asm.ret()
    list.expect("ret")
    list.asm.ret(popping: 0)
    list.expect("ret 0x1230")
    list.asm.ret(popping: 0x1230)
    list.expect("leave")
    list.asm.leave()
    list.expect("ud2")
    list.asm.undefined()
    list.expect("int3")
    list.asm.breakpoint()
    list.expect("pause")
    list.asm.pause()
    list.expect("call \(hex(UInt64(list.asm.position + 5)))")
    let seen1 = list.asm.callRelocated()
    let seen2 = list.asm.position
    #expect(seen1 == seen2 - 4)
    list.expect("jmp \(hex(UInt64(list.asm.position + 5)))")
    let seen3 = list.asm.jumpRelocated()
    let seen4 = list.asm.position
    #expect(seen3 == seen4 - 4)
    list.expect("jb \(hex(UInt64(list.asm.position + 6)))")
    let seen5 = list.asm.jumpRelocated(.below)
    let seen6 = list.asm.position
    #expect(seen5 == seen6 - 4)
    try list.check()
  }

  @Test(.disabled(if: Listing.isDisassemblerMissing, "objdump (binutils) is not installed"))
  func labels() throws {
    var list = Listing()
    let start = list.asm.makeBoundLabel()
    let end = list.asm.makeLabel()
    // The end's position is known beforehand because every form's size is.
    let size = 160
    let near = size - 4
    for condition in Condition.allCases {
      list.expect("j\(RowTests.conditionNames[Int(condition.rawValue)]) \(hex(UInt64(size)))")
      list.asm.jump(condition, to: end)
    }
    list.expect("jmp \(hex(UInt64(size)))")
    list.asm.jump(to: end)
    list.expect("call \(hex(UInt64(size)))")
    list.asm.call(end)
    list.expect("lea r9,[rip+\(hex(UInt64(size - list.asm.position - 7)))]")
    list.asm.lea(.b64, .r9, Address(end))
    // An immediate behind the displacement: rip counts from behind it.
    list.expect(
      "cmp DWORD PTR gs:[rip+\(hex(UInt64(size + 8 - list.asm.position - 11)))],0x12345")
    list.asm.alu(.cmp, .b32, Address(end, 8).inGS, immediate: 0x12345)
    list.expect(
      "mov QWORD PTR [rip+\(hex(UInt64(size - list.asm.position - 11)))],0xffffffffffffffff")
    list.asm.storeImmediate(.b64, Address(end), -1)
    while list.asm.position < near - 2 {
      list.expect("nop")
      list.asm.code.nops(1)
    }
    // Written and taken back.
    list.asm.code.nops(3)
    list.asm.code.truncate(to: near - 2)
    let close = list.asm.makeLabel()
    list.expect("jne \(hex(UInt64(near)))")
    list.asm.jump(.notEqual, to: close, short: true)
    list.asm.bind(close)
    list.expect("jmp \(hex(UInt64(size)))")
    list.asm.jump(to: end, short: true)
    list.expect("jmp \(hex(UInt64(near)))")
    list.asm.jump(to: close)
    let seen7 = list.asm.position
    try #require(seen7 == size)
    list.asm.bind(end)
    list.expect("jle 0x0")
    list.asm.jump(.lessOrEqual, to: start)
    let seen8 = list.asm.position(of: end)
    #expect(seen8 == size)
    let seen9 = list.asm.isBound(start)
    #expect(seen9 == true)
    let seen10 = list.asm.isUsed(end)
    #expect(seen10 == true)
    try list.check()
  }

  /// Backward jumps take the short form to exactly as far as it reaches.
  @Test func reachOfShortJumps() {
    for distance in 120...132 {
      var asm = Assembler()
      let label = asm.makeBoundLabel()
      asm.code.nops(distance)
      let start = asm.position
      asm.jump(to: label)
      let seen11 = asm.position
      #expect(seen11 - start == (distance + 2 <= 128 ? 2 : 5))
      let conditional = asm.position
      asm.jump(.equal, to: label)
      let seen12 = asm.position
      #expect(seen12 - conditional == (conditional + 2 <= 128 ? 2 : 6))
      let bytes = asm.code.bytes()
      if distance + 2 <= 128 {
        #expect(Int8(bitPattern: bytes[start + 1]) == Int8(-(distance + 2)))
      } else {
        let seen13 = asm.code.read32(at: start + 1)
        #expect(seen13 == Int32(-(distance + 5)))
      }
      asm.finish()
    }
  }

  @Test func jumpTables() {
    var asm = Assembler()
    let table = asm.makeLabel()
    let targets = (0..<5).map { _ in asm.makeLabel() }
    asm.jumpThroughTable(table, index: .rax, scratch: .r11)
    asm.bind(targets[0])
    asm.code.align(to: 4)
    asm.bind(table)
    let base = asm.position
    for target in targets { asm.labelDifference(target, from: table) }
    for target in targets.dropFirst() {
      asm.bind(target)
      asm.code.nops(11)
    }
    asm.finish()
    for (number, target) in targets.enumerated() {
      let entry = Int(asm.code.read32(at: base + 4 * number))
      let seen14 = asm.position(of: target)
      #expect(seen14 == base + entry)
    }
  }

  @Test(.disabled(if: Listing.isDisassemblerMissing, "objdump (binutils) is not installed"))
  func padding() throws {
    var list = Listing()
    let forms = [
      "nop", "xchg ax,ax", "nop DWORD PTR [rax]", "nop DWORD PTR [rax+0x0]",
      "nop DWORD PTR [rax+rax*1+0x0]", "nop WORD PTR [rax+rax*1+0x0]",
      "nop DWORD PTR [rax+0x0]", "nop DWORD PTR [rax+rax*1+0x0]",
      "nop WORD PTR [rax+rax*1+0x0]",
    ]
    for length in 1...9 {
      list.expect(forms[length - 1])
      let start = list.asm.position
      list.asm.code.nops(length)
      let seen15 = list.asm.position
      #expect(seen15 == start + length)
    }
    try list.check()
    for alignment in [1, 2, 16, 64] {
      for start in 0...64 {
        var asm = Assembler()
        asm.code.nops(start)
        asm.align(to: alignment)
        let seen16 = asm.position
        #expect(seen16 % alignment == 0)
        let seen17 = asm.position
        #expect(seen17 - start < alignment)
      }
    }
  }

  /// Code over the limit is void, says so, and does not crash on what refers to it.
  @Test func limit() {
    var asm = Assembler(capacity: 256, limit: 4096)
    let early = asm.makeLabel()
    let late = asm.makeLabel()
    asm.jump(to: early)
    for _ in 0..<1000 {
      asm.jump(to: late)
      asm.moveImmediate(.b64, .rax, .max)
    }
    let seen18 = asm.overflowed
    #expect(seen18 == true)
    let seen19 = asm.position
    #expect(seen19 < 8192)
    asm.bind(early)
    asm.jump(to: early, short: true)
    asm.finish()
    asm.reset()
    let seen20 = asm.overflowed
    #expect(seen20 == false)
    let seen21 = asm.position
    #expect(seen21 == 0)
    asm.ret()
    let seen22 = asm.code.bytes()
    #expect(seen22 == [0xC3])
  }

  @Test func registerSets() {
    var set = RegisterSet([.rbx, .r12], [.xmm0, .xmm15])
    #expect(set.count == 4 && set.contains(.rbx) && set.contains(.xmm15) && !set.contains(.rax))
    #expect(set.popFirstGPR() == .rbx && set.firstGPR == .r12)
    #expect(set.popFirstXMM() == .xmm0 && set.popFirstXMM() == .xmm15 && set.firstXMM == nil)
    set.remove(.r12)
    #expect(set.isEmpty && set.popFirstGPR() == nil)
  }
}
