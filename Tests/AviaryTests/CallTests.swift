import Aviary
import Testing

@Suite struct CallTests {
  @Test func typedCalls() throws {
    let instance = try Fixture.instance("""
      (module
        (func (export "nothing"))
        (func (export "answer") (result i32) (i32.const 42))
        (func (export "negate") (param i64) (result i64) (i64.sub (i64.const 0) (local.get 0)))
        (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func (export "mix") (param i32 i64 f32 f64) (result f64)
          (f64.add (f64.add (f64.convert_i32_s (local.get 0)) (f64.convert_i64_s (local.get 1)))
            (f64.add (f64.promote_f32 (local.get 2)) (local.get 3)))))
      """)
    try instance.function("nothing", as: (() -> Void).self)()
    #expect(try instance.function("answer", as: (() -> Int32).self)() == 42)
    #expect(try instance.function("negate", as: ((Int64) -> Int64).self)(.min) == .min)
    let add = try instance.function("add", as: ((Int32, Int32) -> Int32).self)
    #expect(try add(40, 2) == 42)
    #expect(try add(.max, 1) == .min)
    let unsigned: TypedFunction<(UInt32, UInt32) -> UInt32> = try instance.function("add", as: ((UInt32, UInt32) -> UInt32).self)
    #expect(try unsigned(.max, 2) == 1)
    #expect(try instance.function("mix", as: ((Int32, Int64, Float, Double) -> Double).self)(-1, 2, 0.5, 0.25) == 1.75)
  }

  @Test func manyArgumentsAndResults() throws {
    let parameters = 20
    let sum = (0..<parameters).map { "(local.get \($0))" }.reduce("(i64.const 0)") { "(i64.add \($0) \($1))" }
    let instance = try Fixture.instance("""
      (module
        (func (export "sum") (param \(String(repeating: "i64 ", count: parameters))) (result i64) \(sum))
        (func (export "six") (param i32 i32 i32 i32 i32 i32) (result i32) (local.get 5))
        (func (export "swap") (param i32 f64) (result f64 i32) (local.get 1) (local.get 0))
        (func (export "spread") (param i32) (result i32 i32 i32 i32 i32)
          (local.get 0) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5))
        (func (export "many") (result i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 i32 i64 i32 i64)
          (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4) (i32.const 5) (i64.const 6) (f32.const 7)
          (f64.const 8) (i32.const 9) (i64.const 10) (i32.const 11) (i64.const 12) (i32.const 13) (i64.const 14)))
      """)
    let values = (1...parameters).map { Value.i64(Int64($0)) }
    #expect(try instance.function("sum")(values) == [.i64(210)])
    #expect(
      try instance.function("six", as: ((Int32, Int32, Int32, Int32, Int32, Int32) -> Int32).self)(1, 2, 3, 4, 5, 6) == 6)
    let swapped = try instance.function("swap", as: ((Int32, Double) -> (Double, Int32)).self)(7, 1.5)
    #expect(swapped == (1.5, 7))
    let spread = try instance.function("spread", as: ((Int32) -> (Int32, Int32, Int32, Int32, Int32)).self)
    #expect(try spread(1) == (1, 2, 3, 4, 5))
    #expect(try instance.function("many")([]).count == 14)
    #expect(try instance.function("many")([]).last == .i64(14))
  }

  @Test func nanBitsSurvive() throws {
    let instance = try Fixture.instance("""
      (module (func (export "f") (param f32) (result f32) (local.get 0)) (func (export "d") (param f64) (result f64) (local.get 0)))
      """)
    let f = try instance.function("f", as: ((Float) -> Float).self)
    #expect(try f(Float(bitPattern: 0x7F80_0001)).bitPattern == 0x7F80_0001)
    let d = try instance.function("d", as: ((Double) -> Double).self)
    #expect(try d(Double(bitPattern: 0xFFF0_0000_0000_0001)).bitPattern == 0xFFF0_0000_0000_0001)
  }

  @Test func typesAreChecked() throws {
    let instance = try Fixture.instance("""
      (module (func (export "f") (param i32) (result i32) (local.get 0)) (memory (export "m") 1))
      """)
    guard case .host? = wasmError({ _ = try instance.function("f", as: ((Int64) -> Int32).self) }) else {
      Issue.record("another parameter type was accepted")
      return
    }
    for body: () throws -> Void in [
      { _ = try instance.function("f", as: ((Int32) -> Void).self) },
      { _ = try instance.function("f", as: (() -> Int32).self) },
      { _ = try instance.function("none") },
      { _ = try instance.function("m") },
      { _ = try instance.memory("f") },
      { _ = try instance.function("f")([]) },
      { _ = try instance.function("f")(.i64(1)) },
      { _ = try instance.function("f")(.i32(1), .i32(2)) },
    ] {
      guard case .host? = wasmError(body) else {
        Issue.record("a misuse was accepted")
        continue
      }
    }
  }

  @Test func references() throws {
    let instance = try Fixture.instance("""
      (module
        (func $f (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
        (func (export "get") (result funcref) (ref.func $f))
        (func (export "extern") (param externref) (result externref) (local.get 0))
        (func (export "null") (param funcref) (result i32) (ref.is_null (local.get 0))))
      """)
    let get = try instance.function("get", as: (() -> Function?).self)
    let function = try #require(try get())
    #expect(function == (try instance.function("f")))
    #expect(try function(.i32(1)) == [.i32(2)])
    let null = try instance.function("null", as: ((Function?) -> Bool).self)
    #expect(try null(nil))
    #expect(try !null(function))
    let object = ExternRef("hello")
    let echo = try instance.function("extern", as: ((ExternRef?) -> ExternRef?).self)
    #expect(try echo(object) === object)
    #expect(try echo(nil) == nil)
    #expect(try instance.function("extern")(.externref(object)) == [.externref(object)])
  }
}
