import Testing

@testable import AviaryText

struct EncoderTests {
  private func encode(_ text: String) throws -> [UInt8: [UInt8]] { sections(try WAT.encode(text)) }

  @Test func `an empty module`() throws {
    #expect(try WAT.encode("(module)") == [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0])
    #expect(try WAT.encode("") == WAT.encode("(module)"))
    #expect(try WAT.encode(" ;; nothing\n") == WAT.encode("(module)"))
  }

  @Test func `folded and plain instructions give the same bytes`() throws {
    let plain = """
      (func (param i32 i32) (result i32)
        local.get 0 if (result i32) local.get 1 i32.const -1 i32.add else i32.const 64 end)
      """
    let folded = """
      (func (param i32 i32) (result i32)
        (if (result i32) (local.get 0)
          (then (i32.add (local.get 1) (i32.const -1))) (else (i32.const 64))))
      """
    let body: [UInt8] = [1, 18, 0, 0x20, 0, 0x04, 0x7F, 0x20, 1, 0x41, 0x7F, 0x6A, 0x05, 0x41, 0xC0, 0, 0x0B, 0x0B]
    let code = try encode(plain)[10]
    #expect(try encode(folded)[10] == code)
    #expect(code?.dropFirst(2) == body.dropFirst(2))
  }

  @Test func `implicit types go behind explicit ones, in order`() throws {
    let sections = try encode(
      """
      (func (result i64) i64.const 0)
      (func (param i32) (block (param) (result i32 i32) unreachable) drop drop)
      (type (func (param i32)))
      (type (sub (func (result i64))))
      """)
    #expect(sections[1] == [4, 0x60, 1, 0x7F, 0, 0x50, 0, 0x60, 0, 1, 0x7E, 0x60, 0, 1, 0x7E, 0x60, 0, 2, 0x7F, 0x7F])
    #expect(sections[3] == [2, 2, 0])
  }

  @Test func `names resolve in all spaces before their definition`() throws {
    let sections = try encode(
      """
      (export "f" (func $f)) (start $f) (elem $e funcref (ref.func $f))
      (func $f (call $f) (global.set $g (i32.const 1)) (drop (table.get $t (i32.const 0)))
        (memory.init $m $d (i32.const 0) (i32.const 0) (i32.const 0)) (elem.drop $e) (throw $x))
      (data $d "x") (memory $m 1) (table $t 1 funcref) (global $g (mut i32) (i32.const 0)) (tag $x)
      """)
    #expect(sections[12] == [1])
    #expect(sections[13] == [1, 0, 0])
    #expect(sections[10]?.suffix(6) == [0xFC, 0x0D, 0, 0x08, 0, 0x0B])
  }

  @Test func `labels shadow and are counted`() throws {
    let code = try encode("(func block $a block $a block br $a br 2 end end br $a end)")[10]
    #expect(code?[3...] == [0x02, 0x40, 0x02, 0x40, 0x02, 0x40, 0x0C, 1, 0x0C, 2, 0x0B, 0x0B, 0x0C, 0, 0x0B, 0x0B])
  }

  @Test func `memory immediates`() throws {
    let code = try encode(
      """
      (memory 1) (memory $n i64 1)
      (func (i32.load8_u $n offset=0x1_0000_0000 (i64.const 0)) drop
        (i64.load align=1 (i32.const 0)) drop
        (v128.load8_lane 1 3 (i64.const 0) (v128.const i32x4 0 0 0 0)) drop
        (v128.load8_lane offset=1 15 (i32.const 0) (v128.const i32x4 0 0 0 0)) drop)
      """)[10]
    let bytes = code.map { Array($0) } ?? []
    #expect(bytes.starts(with: [1, 72, 0, 0x42, 0, 0x2D, 0x40, 1, 0x80, 0x80, 0x80, 0x80, 0x10, 0x1A, 0x41, 0, 0x29, 0, 0]))
  }

  @Test func `type section forms`() throws {
    let sections = try encode(
      """
      (rec (type $a (sub (struct (field $x (mut i8)) (field i64 (ref null $b)))))
           (type $b (sub final $a (array (mut i16)))))
      (rec (type (func)))
      (func (param (ref $a)) (struct.set $a $x (local.get 0) (i32.const 0)))
      """)
    #expect(
      sections[1]?.starts(with: [
        3, 0x4E, 2, 0x50, 0, 0x5F, 3, 0x78, 1, 0x7E, 0, 0x63, 1, 0, 0x4F, 1, 0, 0x5E, 0x77, 1, 0x60, 0, 0,
      ]) == true)
  }

  @Test func `legacy exceptions`() throws {
    let folded = "(tag $t) (func (try $l (do (nop)) (catch $t (rethrow $l)) (catch_all)) (try (do) (delegate 0)))"
    let plain = "(tag $t) (func try $l nop catch $t rethrow $l catch_all end try delegate 0)"
    #expect(try encode(folded)[10] == encode(plain)[10])
  }

  @Test func `names go into the name section on demand`() throws {
    let text = "(module $m (func $f (param $p i32) (local $l i64) (block $b)))"
    let with = try WAT.encode(text)
    let without = try WAT.encode(text, options: .init(emitsNames: false))
    #expect(with.starts(with: without))
    let names: [UInt8] =
      [0, 2, 1, 0x6D] + [1, 4, 1, 0, 1, 0x66] + [2, 9, 1, 0, 2, 0, 1, 0x70, 1, 1, 0x6C] + [3, 6, 1, 0, 1, 0, 1, 0x62]
    #expect(with.suffix(names.count) == names[...])
  }

  @Test func `annotations make custom sections, names and hints`() throws {
    let module = try WAT.encode(
      """
      (module (@name "M")
        (@custom "a" (before first) "x" "y") (@custom "b")
        (func $f (@name "other") (param i32)
          (@metadata.code.branch_hint "\\01") (if (local.get 0) (then))
          (@metadata.code.branch_hint "\\00") (br_if 0 (i32.eqz (local.get 0)))))
      """)
    let custom: [UInt8] = [0, 4, 1, 0x61, 0x78, 0x79]
    #expect(Array(module[8..<14]) == custom)
    let hint: [UInt8] = Array("metadata.code.branch_hint".utf8) + [1, 0, 2, 3, 1, 1, 9, 1, 0]
    #expect(module.indices.contains { module[$0...].starts(with: hint) })
    #expect(module.indices.contains { module[$0...].starts(with: [5] + Array("other".utf8)) })
  }

  @Test(arguments: [
    ("(func) (import \"\" \"\" (func))", "import after function"), ("(start 0) (start 0) (func)", "multiple start sections"),
    ("(func $f) (func $f)", "duplicate function"), ("(func (param $x i32) (local $x i32))", "duplicate local"),
    ("(type (struct (field $x i32) (field $x i32)))", "duplicate field"), ("(func br $l)", "unknown label"),
    ("(type $t (func)) (func (type $t) (param i32))", "inline function type"),
    ("(func block $a end $b)", "mismatching label"), ("(func i32.const 4294967296)", "constant out of range"),
    ("(memory 1) (func (i32.load align=3 (i32.const 0)))", "alignment must be a power of two"),
    ("(func (v128.const i32x4 1 2 3))", "wrong number of lane literals"),
    ("(func (i8x16.shuffle 1 (v128.const i32x4 0 0 0 0)))", "invalid lane length"),
    ("(func (i8x16.extract_lane_s 256 (v128.const i32x4 0 0 0 0)))", "i8 constant out of range"),
    ("(func end)", "unexpected token"), ("(func else)", "unexpected token"), ("(func block)", "unexpected token"),
    ("(func (i32.add i32.const 1))", "unexpected token"), ("(func (if (then) (then)))", "unexpected token"),
    ("(func (then))", "unexpected token"), ("(func i32.ad)", "unknown operator i32.ad"),
    ("(func (result i32) (param i32))", "unexpected token"), ("(module) (module)", "unexpected token"),
    ("(memory 1 (pagesize 3))", "invalid custom page size"), ("(type (rec))", "unexpected token"),
  ])
  func `errors have the reference's wording`(text: String, message: String) {
    let error = refusal(text)
    #expect(error?.message.hasPrefix(message) == true, "\(error?.description ?? "accepted")")
  }
}
