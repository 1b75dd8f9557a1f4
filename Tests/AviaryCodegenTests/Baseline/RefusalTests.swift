import AviaryCodegen
import AviaryContract
import AviaryCore
import Testing

/// What this tier does not compile is refused with the function's index.
@Suite struct RefusalTests {
  @Test(arguments: [
    "(type $s (struct (field i32))) (func) (func (drop (struct.new $s (i32.const 1))))",
    "(func) (func (drop (ref.i31 (i32.const 1))))",
  ])
  func families(_ fields: String) throws {
    let error = #expect(throws: ModuleError.self) { try BaselineFixture.compile("(module \(fields))") }
    #expect(error?.kind == .unsupported)
    #expect(error?.message.hasSuffix("at function 1") == true)
    #expect(error?.offset ?? 0 > 0)
  }

  /// What a throw looks at in one frame has a bound.
  @Test func handlersWithoutBound() throws {
    func nested(_ depth: Int) -> String {
      "(module (func " + String(repeating: "(block (try_table (catch_all 0) ", count: depth)
        + String(repeating: "))", count: depth) + "))"
    }
    func clauses(_ count: Int) -> String {
      "(module (tag $t) (func (block (try_table " + String(repeating: "(catch $t 0) ", count: count) + "))))"
    }
    for wat in [nested(500), clauses(999)] { _ = try BaselineFixture.compile(wat) }
    for wat in [nested(501), clauses(1000)] {
      let error = #expect(throws: ModuleError.self) { try BaselineFixture.compile(wat) }
      #expect(error?.kind == .unsupported)
    }
  }

  /// A call with a thousand results takes two bytes of wasm and thousands of code.
  @Test func codeWithoutBound() throws {
    let types = String(repeating: "i32 ", count: 1000)
    let values = (0..<1000).map { "(local.get \($0))" }.joined(separator: " ")
    let calls = String(repeating: "(call $f) ", count: 12_000)
    let error = #expect(throws: ModuleError.self) {
      try BaselineFixture.compile(
        "(module (func $f (param \(types)) (result \(types)) \(values) \(calls)))")
    }
    #expect(error?.kind == .unsupported)
  }
}
