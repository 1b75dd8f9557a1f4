import Testing

@testable import AviaryText

struct PrinterTests {
  private func printed(_ text: String, _ style: WAT.Style = .flat) throws -> String {
    try WAT.print(WAT.encode(text), options: .init(style: style))
  }

  private static let source = """
    (module $m
      (func $fac (export "fac") (param $n i64) (result i64)
        (if (result i64) (i64.eqz (local.get $n))
          (then (i64.const 1))
          (else (i64.mul (local.get $n) (call $fac (i64.sub (local.get $n) (i64.const 1))))))))
    """

  @Test func `flat`() throws {
    #expect(
      try printed(Self.source) == """
        (module $m
          (type (;0;) (func (param i64) (result i64)))
          (export "fac" (func $fac))
          (func $fac (;0;) (type 0) (param $n i64) (result i64)
            local.get $n
            i64.eqz
            if (result i64)
              i64.const 1
            else
              local.get $n
              local.get $n
              i64.const 1
              i64.sub
              call $fac
              i64.mul
            end
          )
        )

        """)
  }

  @Test func `folded`() throws {
    #expect(
      try printed(Self.source, .folded) == """
        (module $m
          (type (;0;) (func (param i64) (result i64)))
          (export "fac" (func $fac))
          (func $fac (;0;) (type 0) (param $n i64) (result i64)
            (if (result i64)
              (i64.eqz (local.get $n))
              (then
                (i64.const 1))
              (else
                (i64.mul (local.get $n) (call $fac (i64.sub (local.get $n) (i64.const 1))))))
          )
        )

        """)
  }

  @Test func `instructions are folded only where order and values allow`() throws {
    // The store stands between an addition and its first operand; two results are no operand.
    let text = """
      (memory 1) (func $two (result i32 i32) i32.const 1 i32.const 2)
      (func (result i32)
        i32.const 1
        (i32.store (i32.const 0) (i32.const 0))
        i32.const 2
        i32.add
        call $two
        i32.add
        i32.mul)
      """
    let folded = try printed(text, .folded)
    #expect(folded.contains("(i32.store (i32.const 0) (i32.const 0))\n    (i32.const 2)\n    (i32.add)"))
    #expect(folded.contains("(call $two)\n    (i32.add)\n    (i32.mul)"))
    #expect(try WAT.encode(folded) == WAT.encode(text))
  }

  @Test func `names that need quotes, occur twice or hide each other`() throws {
    let text = """
      (module (rec (type $t (func)) (type (@name "t") (func))) (import "é" "\\"" (func $"a b" (@name "\\u{202e}")))
        (func $f) (func (@name "f")) (func $"\\"" (call $f) (call 2) (block $l (block $l (br $l) (br 1)))))
      """
    let result = try printed(text)
    #expect(result.contains(#"(import "é" "\"" (func $"\u{202e}" (;0;)"#))
    #expect(result.contains("(func (@name \"f\") (;2;)"))
    #expect(result.contains("call $f\n    call 2\n"))
    #expect(result.contains("br $l\n        br 1\n"))
    #expect(try WAT.encode(result) == WAT.encode(text))
  }

  /// The name section may name locals and fields that are not there.
  @Test func `names of nothing`() throws {
    let text = """
      (func (param $p i32) (local $l i32) (drop (local.get $p)) (local.set $l (i32.const 0)))
      (type (struct (field $x i32)))
      """
    var module = try WAT.encode(text)
    // Take the local away: its declaration says none, and a nop fills the place of its type.
    guard let code = module.indices.first(where: { module[$0...].starts(with: [1, 1, 0x7F, 0x20]) }) else {
      Issue.record("no body found")
      return
    }
    module.replaceSubrange(code..<code + 3, with: [0, 0x01, 0x01])
    let printed = try WAT.print(module)
    #expect(printed.contains("local.set 1"))
    #expect(try WAT.encode(printed).count > 8)
  }

  @Test func `custom sections keep their place`() throws {
    let text = """
      (module (@custom "a" (before first) "\\00\\ff") (@custom "b" (after code) "x") (@custom "c" (before func))
        (func) (@custom "d"))
      """
    #expect(try WAT.encode(printed(text)) == WAT.encode(text))
    #expect(try printed(text).contains("(@custom \"a\" (before first) \"\\00\\ff\")"))
  }

  @Test func `what is no module`() {
    for bytes in [[], [0, 0x61, 0x73, 0x6D], [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0, 10, 4, 1, 2, 0, 0]] as [[UInt8]] {
      do throws(TextError) {
        _ = try WAT.print(bytes)
        Issue.record("printed \(bytes)")
      } catch {
        #expect(error.kind == .binary && error.line == 0)
      }
    }
  }
}
