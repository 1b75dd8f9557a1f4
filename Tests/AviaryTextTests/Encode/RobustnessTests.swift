import AviaryCore
import Testing

@testable import AviaryText

/// Hostile texts: deep, long, cut off, mutated. Nothing may crash or take more than linear time.
struct RobustnessTests {
  private func nested(_ open: String, _ core: String, _ close: String, _ depth: Int) -> String {
    String(repeating: open, count: depth) + core + String(repeating: close, count: depth)
  }

  @Test func `nesting of any depth`() throws {
    let depth = 30_000
    let folded = try WAT.encode("(func (result i32) " + nested("(i32.eqz ", "(i32.const 0)", ")", depth) + ")")
    #expect(folded.count > depth)
    _ = try WAT.encode("(func " + nested("(block $l ", "(br $l)", ")", depth) + ")")
    _ = try WAT.encode("(func " + nested("block $l ", "br $l ", "end $l ", depth) + ")")
    let ifs = try WAT.encode("(func " + nested("(if (i32.const 1) (then ", "nop", "))", depth) + ")")
    // And the way back, where indentation must not grow with the square.
    for style in [WAT.Style.flat, .folded] {
      #expect(try WAT.encode(WAT.print(folded, options: .init(style: style))) == folded)
      #expect(try WAT.encode(WAT.print(ifs, options: .init(style: style))) == ifs)
    }
    #expect(refusal(nested("(", "", ")", depth)) != nil)
    #expect(refusal(String(repeating: "(", count: depth)) != nil)
    #expect(refusal(nested("(;", "", ";)", depth)) == nil)
    #expect(refusal("(@a " + nested("(", "", ")", depth) + ")") == nil)
  }

  @Test func `many small functions with names`() throws {
    var text = "(func (param " + String(repeating: "i32 ", count: 1000) + "))"
    for index in 0..<20_000 { text += "(func $f\(index) (param $p\(index % 7) i32) (local.set $p\(index % 7) (i32.const 1)))" }
    #expect(try WAT.encode(text).count > 20_000 * 6)
  }

  /// A small module may stand for a very long text; it is refused instead of filling memory.
  @Test(arguments: [
    "(func (local \(String(repeating: "i32 ", count: 5_000))))",
    "(func $\(String(repeating: "f", count: 1_000)) \(String(repeating: "(call 0)", count: 20)))",
    "(type (func (param \(String(repeating: "i64 ", count: 500))))) \(String(repeating: "(func (type 0))", count: 20))",
  ])
  func `text that is far longer than its module`(source: String) throws {
    let module = try WAT.encode(source)
    let info = try ModuleDecoder.decode(ModuleBytes(module), features: .all)
    for style in [WAT.Style.flat, .folded] {
      var printer = ModulePrinter(module, info, .init(style: style), limit: 10_000)
      #expect(throws: ModuleError.self) { try printer.print() }
      var ample = ModulePrinter(module, info, .init(style: style), limit: 100_000)
      #expect(try ample.print().count > 10_000)
    }
  }

  static let sample = """
    (module $m (@custom "c" (after type) "x")
      (type $t (func (param i32) (result i32)))
      (rec (type $s (sub (struct (field $x (mut i8)) (field i64)))) (type $a (array (ref null $s))))
      (import "m" "f" (func $f (type $t) (param i32) (result i32)))
      (memory $mem (export "mem") i64 1 2) (table $tab 4 funcref (ref.null func)) (tag $e (param i32))
      (global $g (mut f64) (f64.const -0x1.8p-3))
      (elem $el (table $tab) (offset (i32.const 0)) func $f $h) (elem declare func $h)
      (data $d (i64.const 8) "hel\\6co" "\\u{1F600}")
      (func $h (export "h") (param $n i32) (result i32) (local $x v128) (local i32 i64)
        block $b (result i32)
          (try_table (result i32) (catch $e $b) (call $f (local.get $n)))
          (if (param i32) (result i32) (local.get 2) (then i32.const 1 i32.add) (else (i32.mul (i32.const 3))))
          (br_table $b 0 $b (i32.const 7))
        end $b
        (local.set $x (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (local.get $x) (v128.const f32x4 1 2 nan inf)))
        (drop (call_indirect $tab (type $t) (i32.const 0) (i32.const 1)))
        (drop (i64.load32_u $mem offset=8 align=2 (i64.const 0)))
        (drop (ref.cast (ref null $s) (struct.new $s (i32.const 1) (i64.const 2))))
        (memory.init $d (i64.const 0) (i32.const 0) (i32.const 1))))
    """

  @Test func `the sample is right`() throws {
    let module = try WAT.encode(Self.sample)
    #expect(try WAT.encode(WAT.print(module)) == module)
    #expect(try WAT.encode(WAT.print(module, options: .init(style: .folded))) == module)
  }

  @Test func `texts that are cut off`() {
    let bytes = Array(Self.sample.utf8)
    for end in 0..<bytes.count { _ = try? WAT.encode(Array(bytes[..<end])) }
  }

  @Test func `texts that are mutated`() {
    let seed: UInt64 = 0xB17D_CA6E
    print("seed \(seed)")
    var random = SplitMix64(seed: seed)
    let original = Array(Self.sample.utf8)
    let alphabet = Array("()\"$;@\\ 01x_.-+eplnai\n\u{e9}\0".utf8) + [0xFF, 0x80]
    for _ in 0..<2_000 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch UInt8.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = alphabet.randomElement(using: &random) ?? 0
        case 1: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
        case 2: bytes.removeSubrange(place..<min(place + 5, bytes.count))
        default:
          // A piece from elsewhere: tokens in wrong places.
          let from = Int.random(in: 0..<bytes.count, using: &random)
          bytes.insert(contentsOf: Array(bytes[from..<min(from + 24, bytes.count)]), at: place)
        }
      }
      guard let module = try? WAT.encode(bytes) else { continue }
      // Whatever was accepted prints, unless it is beyond the decoder's limits, and reads back.
      if let text = try? WAT.print(module) { #expect(throws: Never.self) { try WAT.encode(text) } }
    }
  }

  @Test func `binaries that are mutated`() throws {
    let seed: UInt64 = 0xB1A5_0FF5
    print("seed \(seed)")
    var random = SplitMix64(seed: seed)
    let original = try WAT.encode(Self.sample)
    for _ in 0..<2_500 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 8..<bytes.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
      }
      for style in [WAT.Style.flat, .folded] {
        guard let text = try? WAT.print(bytes, options: .init(style: style)) else { continue }
        #expect(throws: Never.self) { try WAT.encode(text) }
      }
    }
  }
}
