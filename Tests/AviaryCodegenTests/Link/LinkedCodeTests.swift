import AviaryCodegen
import AviaryContract
import AviaryCore
import CAviaryContract
import CAviaryHost
import Testing

/// Linked code on a guest's stack: calls between functions, checked traps,
/// faults, and the end of the stack.
@Suite struct LinkedCodeTests {
  /// Defined functions, all () → i32:
  /// 0 returns what 1 returns, plus 2; 1 returns 40; 2 traps by a stub;
  /// 3 loads from the address in r14; 4 calls itself without end.
  private func artifact() throws -> Artifact {
    var asm = Assembler()
    var chunk = CompiledChunk()
    func begin(_ index: UInt32) {
      asm.code.alignWithBreakpoints(to: 16)
      chunk.functions.append(.init(index: index, offset: UInt32(asm.position), size: 0))
      asm.push(.rbp)
      asm.move(.b64, .rbp, .rsp)
      asm.push(.r15)
      asm.push(.r15)
    }
    func end() {
      asm.leave()
      asm.ret()
      let last = chunk.functions.count - 1
      chunk.functions[last].size = UInt32(asm.position) - chunk.functions[last].offset
    }
    func call(_ target: UInt32) {
      chunk.calls.append(.init(offset: UInt32(asm.callRelocated()), target: target))
    }

    begin(0)
    call(1)
    asm.alu(.add, .b32, .rax, immediate: 2)
    end()
    begin(1)
    asm.moveImmediate(.b32, .rax, 40)
    end()
    begin(2)
    chunk.trapStubs.append(.init(offset: UInt32(asm.callRelocated()), code: .integerOverflow))
    end()
    begin(3)
    chunk.traps.append(TrapSite(offset: UInt32(asm.position), code: .memoryOutOfBounds))
    asm.load(.b32, .rax, Address(.r14, 0x100))
    end()
    begin(4)
    call(4)
    end()
    asm.finish()
    chunk.code = asm.code.bytes()
    return try ModuleLinker.link([chunk], functionCount: 5, tunables: Tunables())
  }

  @Test func everyWayOut() throws {
    let artifact = try artifact()
    let code = try ExecutableCode(artifact.text)
    let thunk = try ExecutableCode(Thunks.entry(FunctionType(parameters: [], results: [.i32])))
    let guest = try GuestFixture()
    let base = unsafe UInt(bitPattern: code.address)

    let traps = artifact.traps.map { AviaryTrapEntry(offset: $0.offset, code: $0.code) }
    unsafe traps.withUnsafeBufferPointer { traps in
      let added = unsafe aviary_code_add(
        base, base + UInt(artifact.text.count), traps.baseAddress, traps.count, nil)
      #expect(added)
      defer { aviary_code_remove(base) }

      func run(_ function: Int) -> (status: UInt32, value: UInt64, pc: UInt) {
        var context = unsafe AviaryVMContext()
        var value = AviaryValue(low: .max, high: 0)
        let region = AviaryRegion(
          start: guest.memoryAddress, end: guest.memoryAddress + UInt(GuestFixture.memoryBytes))
        unsafe context.store = guest.storeContext
        unsafe context.raise = aviary_raise_address()
        unsafe context.memory0_base = UnsafeMutablePointer(bitPattern: region.start)
        let entry = unsafe unsafeBitCast(thunk.address, to: AviaryEntryThunk.self)
        let target = unsafe code.address + Int(artifact.functions[function].offset)
        let status = unsafe withUnsafePointer(to: region) { region in
          unsafe guest.store.pointee.regions = region
          unsafe guest.store.pointee.region_count = 1
          return unsafe aviary_call(guest.store, entry, &context, target, &value)
        }
        return (status, value.low, guest.trapPC)
      }

      let sum = run(0)
      #expect(sum.status == 0 && sum.value == 42)
      for _ in 0..<3 {
        let checked = run(2)
        #expect(checked.status == TrapCode.integerOverflow.rawValue)
        #expect(checked.pc == base + UInt(artifact.traps[0].offset))
        let fault = run(3)
        #expect(fault.status == TrapCode.memoryOutOfBounds.rawValue)
        #expect(fault.pc == base + UInt(artifact.traps[1].offset))
        #expect(guest.faultAddress == guest.memoryAddress + 0x100)
        let deep = run(4)
        #expect(deep.status == TrapCode.callStackExhausted.rawValue)
      }
      #expect(run(1).value == 40)
    }
  }
}
