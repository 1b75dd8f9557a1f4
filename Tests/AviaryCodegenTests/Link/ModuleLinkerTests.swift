import AviaryCodegen
import AviaryContract
import AviaryCore
import Testing

@Suite struct ModuleLinkerTests {
  /// Functions of two calls, one to the next function; padded to 16.
  private func chunk(_ indices: [UInt32], of count: UInt32) -> CompiledChunk {
    var chunk = CompiledChunk()
    for index in indices {
      while chunk.code.count % 16 != 0 { chunk.code.append(0xCC) }
      let offset = UInt32(chunk.code.count)
      chunk.code += [0xE8, 0, 0, 0, 0, 0xE8, 0, 0, 0, 0, 0xCC]
      chunk.functions.append(.init(index: index, offset: offset, size: 11))
      chunk.calls.append(.init(offset: offset + 1, target: (index + 1) % count))
      chunk.trapStubs.append(
        .init(offset: offset + 6, code: index % 2 == 0 ? .unreachable : .integerOverflow))
      chunk.traps.append(TrapSite(offset: offset + 3, code: .memoryOutOfBounds))
      chunk.addresses.append(AddressMapping(offset: offset + 10, wasmOffset: 100 * index + 1))
      chunk.addresses.append(AddressMapping(offset: offset + 5, wasmOffset: 100 * index))
      chunk.addresses.append(AddressMapping(offset: offset + 5, wasmOffset: 100 * index))
    }
    return chunk
  }

  @Test func layoutAndRelocations() throws {
    let artifact = try ModuleLinker.link(
      [chunk([4], of: 5), chunk([2, 3], of: 5), chunk([0, 1], of: 5)], functionCount: 5,
      tunables: Tunables())
    #expect(artifact.fingerprint == Tunables().fingerprint)
    func field(_ offset: UInt32) -> UInt32 {
      let value = artifact.text[Int(offset)..<Int(offset) + 4].reversed().reduce(UInt32(0)) {
        $0 << 8 | UInt32($1)
      }
      return offset &+ 4 &+ value
    }
    for (index, function) in artifact.functions.enumerated() {
      #expect(function.offset % 16 == 0 && function.size == 11)
      #expect(field(function.offset + 1) == artifact.functions[(index + 1) % 5].offset)
      // mov eax, code; jmp [r15+40]
      let thunk = Int(field(function.offset + 6))
      let code: UInt8 = index % 2 == 0 ? 1 : 8
      #expect(
        Array(artifact.text[thunk..<thunk + 9]) == [0xB8, code, 0, 0, 0, 0x41, 0xFF, 0x67, 40])
    }
    // Laid out by index, whatever the order of the chunks.
    let offsets = artifact.functions.map(\.offset)
    #expect(offsets == offsets.sorted())
    #expect(
      artifact.traps
        == artifact.functions.enumerated().flatMap { index, function in
          [
            TrapSite(offset: function.offset + 3, code: .memoryOutOfBounds),
            TrapSite(
              offset: function.offset + 10, code: index % 2 == 0 ? .unreachable : .integerOverflow),
          ]
        })
    #expect(
      artifact.addresses
        == artifact.functions.enumerated().flatMap { index, function in
          [
            AddressMapping(offset: function.offset + 5, wasmOffset: UInt32(100 * index)),
            AddressMapping(offset: function.offset + 10, wasmOffset: UInt32(100 * index + 1)),
          ]
        })
  }

  @Test func nothingToLink() throws {
    let artifact = try ModuleLinker.link([], functionCount: 0, tunables: Tunables())
    #expect(artifact.text.isEmpty && artifact.traps.isEmpty && artifact.functions.isEmpty)
  }

  @Test func signatureLayout() {
    let layout = SignatureLayout(
      parameters: [.i32, .f64, .i64, .funcref, .i32, .i32, .i32, .i64, .v128],
      results: Array(repeating: .i64, count: 9))
    #expect(
      layout.parameters == [
        .gpr(.rdi), .xmm(.xmm0), .gpr(.rsi), .gpr(.rdx), .gpr(.rcx), .gpr(.r8), .gpr(.r9),
        .stack(0), .xmm(.xmm1),
      ])
    #expect(layout.resultArea == .stack(8))
    #expect(layout.argumentBytes == 16 && layout.resultAreaBytes == 16)
    #expect(layout.results.last == .stack(0) && layout.results.first == .gpr(.rax))
    let plain = SignatureLayout(parameters: [], results: [.f32])
    #expect(plain.resultArea == nil && plain.argumentBytes == 0 && plain.resultAreaBytes == 0)
  }
}
