import AviaryCodegen
import AviaryContract
import AviaryProcesses
import Foundation
import Testing

@Suite struct DebugObjectTests {
  static let symbols = [
    FunctionSymbol(name: "fib", range: FunctionRange(offset: 0x40, size: 118)),
    FunctionSymbol(name: "größe λ", range: FunctionRange(offset: 0xC0, size: 9)),
  ]
  static let address: UInt64 = 0x7F12_3456_7000

  @Test func perfMapLines() {
    #expect(
      PerfMap.lines(Self.symbols, textAddress: Self.address)
        == "7f1234567040 76 wasm:fib\n7f12345670c0 9 wasm:größe λ\n")
  }

  /// The system's tools read what we write without complaint.
  @Test(.disabled(if: Listing.isDisassemblerMissing, "objdump (binutils) is not installed"))
  func objectIsReadable() throws {
    let object = DebugObject.elf(Self.symbols, textAddress: Self.address, textSize: 0x1000)
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("aviary-\(UUID().uuidString).o")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(object).write(to: file)

    let symbols = try Self.output(["-t", file.path])
    #expect(symbols.contains("00007f1234567040 g     F .text\t0000000000000076 fib"))
    let sections = try Self.output(["-h", file.path])
    #expect(sections.contains(".text         00001000  00007f1234567000"))
    let frames = try Self.output(["--dwarf=frames", file.path])
    #expect(frames.contains("pc=00007f1234567040..00007f12345670b6"))
    #expect(frames.contains("pc=00007f12345670c0..00007f12345670c9"))
    #expect(frames.contains("DW_CFA_def_cfa_register: r6 (rbp)"))
  }

  private static func output(_ arguments: [String]) throws -> String {
    var process = ChildProcess(Listing.disassembler, arguments)
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("aviary-\(UUID().uuidString).txt")
    defer { try? FileManager.default.removeItem(at: file) }
    (process.output, process.errors) = (file.path, file.path)
    #expect(try process.run().end == .status(0))
    let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
    #expect(!text.lowercased().contains("warning"), "\(text)")
    return text
  }
}
