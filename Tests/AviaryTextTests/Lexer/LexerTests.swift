import Testing

@testable import AviaryText

struct LexerTests {
  private func kinds(_ text: String) throws -> [Token.Kind] {
    var lexer = try Lexer(Array(text.utf8))
    return try lexer.lexAll().tokens.dropLast().map(\.kind)
  }

  private func problem(_ bytes: [UInt8]) -> String? {
    do throws(TextError) {
      var lexer = try Lexer(bytes)
      _ = try lexer.lexAll()
      return nil
    } catch {
      return error.message
    }
  }
  private func problem(_ text: String) -> String? { problem(Array(text.utf8)) }

  @Test(arguments: [
    ("0", Token.Kind.nat), ("123_456", .nat), ("0xFf_0", .nat), ("+1", .int), ("-0x1", .int), ("1.", .float),
    ("1.5e-3", .float), ("0x1.8p+4", .float), ("inf", .float), ("-nan", .float), ("nan:0x1", .float),
    ("nan:canonical", .keyword), ("i32", .keyword), ("i32.add", .opcode), ("offset=4", .offsetEquals),
    ("align=0x8", .alignEquals), ("$a", .id), ("$\"a b\"", .quotedID), ("\"\\u{1F600}\"", .string),
    // Not of the language.
    ("1_", .reserved), ("1__0", .reserved), ("0x", .reserved), ("0xg", .reserved), ("1e", .reserved),
    ("nan:0x", .reserved), ("i32.foo", .reserved), ("\"a\"\"b\"", .reserved), ("\"a\"x", .reserved),
    ("offset=-1", .reserved), ("select_typed", .reserved), ("ref.test_null", .reserved), ("[", .reserved),
  ])
  func `a token is of one kind`(text: String, kind: Token.Kind) throws {
    #expect(try kinds(text) == [kind])
  }

  @Test func `comments nest and end where they should`() throws {
    #expect(try kinds("(; (; ;; ;) ;) nop ;; end\nnop ;; cr\rnop") == [.opcode, .opcode, .opcode])
    #expect(problem("(; (; ;)") == "unclosed comment")
  }

  @Test(arguments: [
    ("\"abc", "unclosed string"), ("\"a\nb\"", "unclosed string"), ("\"\u{1}\"", "illegal control character"),
    ("\"\\q\"", "illegal escape"), ("\"\\u{110000}\"", "illegal escape"), ("\"\\u{d800}\"", "illegal escape"),
    ("$", "empty identifier"), ("$\"\"", "empty identifier"), ("$\"\\ff\"", "malformed UTF-8"),
    ("(@ a)", "empty annotation id"), ("(@a", "unclosed annotation"), ("(@a \u{1})", "illegal character"),
    ("é", "illegal character"), ("(", "unexpected token"), (")", "unexpected token"),
  ])
  func `lexical errors have the reference's wording`(text: String, message: String) {
    #expect(problem(text)?.hasPrefix(message) == true, "\(problem(text) ?? "accepted")")
  }

  @Test func `bytes that are no UTF-8 are told apart`() {
    #expect(problem([0x80]) == "malformed UTF-8 encoding")
    #expect(problem(Array(";; ".utf8) + [0xFF]) == "malformed UTF-8 encoding")
    #expect(problem(Array("(; ".utf8) + [0xC0, 0x80] + Array(" ;)".utf8)) == "malformed UTF-8 encoding")
  }

  @Test func `annotations are blanks`() throws {
    #expect(try kinds("(@a (b \")\") ;; )\n) nop (@\"x y\") (@a , ; {)") == [.opcode])
  }

  @Test func `errors have a line and a column`() {
    let error = refusal("(module\n  (func $f (; é ;)\n    i32.bad))")
    #expect(error?.line == 3 && error?.column == 5)
    #expect(error?.kind == .syntax)
    let other = refusal("(module (func (; é ;) call $f))")
    #expect(other?.line == 1 && other?.column == 28)
    #expect(other?.kind == .resolution)
  }

  @Test func `strings decode`() {
    let text = Array(#""a\t\n\r\"\'\\\41\u{1F6_00}é""#.utf8)
    let expected = Array("a\t\n\r\"'\\A\u{1F600}é".utf8)
    #expect(StringScanner.decode(text, 0..<text.count) == expected)
  }
}
