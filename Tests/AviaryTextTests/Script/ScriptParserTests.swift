import AviaryCore
import Testing

@testable import AviaryText

struct ScriptParserTests {
  private func items(_ text: String) throws -> [ScriptItem] {
    var parser = try ScriptParser(Array(text.utf8))
    var items: [ScriptItem] = []
    while let item = try parser.next() { items.append(item) }
    return items
  }

  private func pattern(_ text: String) throws -> ResultPattern? {
    guard case .assertReturn(_, let patterns) = try items("(assert_return (invoke \"f\") \(text))").first?.command else {
      return nil
    }
    return patterns.first
  }

  @Test func `modules of all forms`() throws {
    let items = try items(
      """
      (module $a (func))
      (module binary "\\00asm" "\\01\\00\\00\\00")
      (module $q quote "(fu" "nc)")
      (module definition $d (func))
      (module instance $i $d)
      """)
    guard case .module(let text) = items[0].command, case .module(let binary) = items[1].command,
      case .module(let quote) = items[2].command, case .module(let definition) = items[3].command,
      case .instance(let name, let of) = items[4].command
    else {
      Issue.record("wrong commands")
      return
    }
    #expect(text.name == "a" && !text.isDefinition)
    #expect(try text.encode() == WAT.encode("(module $a (func))"))
    #expect(try binary.encode() == [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0])
    #expect(quote.name == "q")
    #expect(try quote.encode() == WAT.encode("(func)"))
    #expect(definition.isDefinition)
    #expect(name == "i" && of == "d")
    #expect(items.map(\.line) == [1, 2, 3, 4, 5])
  }

  @Test func `actions and their arguments`() throws {
    let item = try items("(invoke $m \"a\" (i32.const -1) (f64.const inf) (ref.null any) (ref.extern 7) (v128.const i16x8 1 2 3 4 5 6 7 8))").first
    guard case .action(.invoke(let instance, let name, let arguments)) = item?.command else {
      Issue.record("no action")
      return
    }
    #expect(instance == "m" && name == "a")
    #expect(
      arguments == [
        .i32(.max), .f64(0x7FF0_0000_0000_0000), .refNull(.any), .refExtern(7),
        .v128(low: 0x0004_0003_0002_0001, high: 0x0008_0007_0006_0005),
      ])
  }

  @Test func `result patterns`() throws {
    #expect(try pattern("(f32.const nan:canonical)") == .f32CanonicalNaN)
    #expect(try pattern("(f64.const nan:arithmetic)") == .f64ArithmeticNaN)
    #expect(try pattern("(f32.const nan:0x1)") == .value(.f32(0x7F80_0001)))
    #expect(try pattern("(ref.null)") == .value(.refNull(nil)))
    #expect(try pattern("(ref.extern)") == .reference(.extern))
    #expect(try pattern("(ref.func 3)") == .reference(.func))
    #expect(try pattern("(ref.struct)") == .reference(.struct))
    #expect(try pattern("(ref.host 2)") == .value(.refHost(2)))
    #expect(
      try pattern("(v128.const f32x4 1 nan:canonical 0 -0)")
        == .f32x4([.bits(0x3F80_0000), .canonicalNaN, .bits(0), .bits(0x8000_0000)]))
    #expect(try pattern("(v128.const f64x2 1 2)") == .value(.v128(low: 0x3FF0_0000_0000_0000, high: 0x4000_0000_0000_0000)))
    #expect(try pattern("(either (i32.const 1) (i32.const 2))") == .either([.value(.i32(1)), .value(.i32(2))]))
  }

  @Test func `a wrong module does not stop the script`() throws {
    let items = try items("(assert_invalid (module (func (call $none))) \"unknown function\") (register \"x\")")
    guard case .assertInvalid(let module, let message) = items[0].command else {
      Issue.record("wrong command")
      return
    }
    #expect(message == "unknown function")
    #expect(throws: TextError.self) { try module.encode() }
    #expect(items.count == 2)
  }

  @Test func `fields without a module are one`() throws {
    let items = try items("(memory 1) (func $f)")
    #expect(items.count == 1)
    guard case .module(let module) = items.first?.command else { return }
    #expect(try module.encode() == WAT.encode("(memory 1) (func $f)"))
  }
}
