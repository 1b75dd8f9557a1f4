import Aviary
import Testing

@testable import AviaryCLI

@Suite struct OutputTests {
  @Test func json() {
    let value = JSON.object([
      ("a\"b", .array([.integer(1), .number(1.5), .number(.nan), .bool(true), .null])), ("c", .string("\n\u{1B}[0m\\é")),
    ])
    #expect(value.text == #"{"a\"b": [1, 1.5, null, true, null], "c": "\n\u001b[0m\\é"}"#)
    #expect(value.pretty() == value.text)
  }

  @Test func traps() {
    let inner = Trap.Frame(module: "m", functionIndex: 3, functionName: "f\u{1B}[31m", offset: 0x58)
    let outer = Trap.Frame(functionIndex: 4)
    let text = TrapReport.text(Trap(.memoryOutOfBounds, frames: [inner] + Array(repeating: outer, count: 60), address: 0x10000))
    #expect(
      text == """
        wasm trap: out of bounds memory access (guest address 0x10000)
        wasm backtrace:
            0: m!f?[31m (function[3]) at 0x58
            1: function[4]
               … 59 times more
        """)
  }

  @Test func longBacktracesAreCut() {
    let frames = (0..<200).map { Trap.Frame(functionIndex: $0) }
    let lines = TrapReport.text(Trap(.callStackExhausted, frames: frames)).split(separator: "\n")
    #expect(lines.count == 53)
    #expect(lines.last == "       … 150 frames more")
  }
}
