import Aviary
import Testing

/// Machine code at the edges: addresses of more than 32 bits, frames, many arguments, tail calls.
@Suite struct BaselineCodeTests {
  private func i32(_ instance: Instance, _ name: String, _ arguments: Int32...) throws -> Int32 {
    guard case .i32(let value) = try instance.function(name)(arguments.map { .i32($0) })[0] else { return .min }
    return value
  }

  /// A 32-bit sum or product that wraps before it addresses memory must wrap in the code, too: nothing of it
  /// may be left to the 64-bit addressing mode.
  @Test func addressesWrapAt32Bits() throws {
    let instance = try Fixture.instance("""
      (module (memory 1) (data (i32.const 64) "\\2a\\00\\00\\00")
        (func (export "sum") (param i32 i32) (result i32) (i32.load (i32.add (local.get 0) (local.get 1))))
        (func (export "scaled") (param i32 i32) (result i32)
          (i32.load (i32.add (local.get 0) (i32.shl (local.get 1) (i32.const 3)))))
        (func (export "constant") (param i32) (result i32) (i32.load (i32.add (local.get 0) (i32.const 0x7fffffff))))
        (func (export "product") (param i32) (result i32) (i32.load (i32.mul (local.get 0) (i32.const 5))))
        (func (export "difference") (param i32 i32) (result i32) (i32.load (i32.sub (local.get 0) (local.get 1))))
        (func (export "wrapped") (param i64) (result i32) (i32.load (i32.wrap_i64 (local.get 0))))
        (func (export "spilled") (param i64) (result i32) (local i32)
          (local.set 1 (i32.wrap_i64 (local.get 0)))
          (drop (memory.grow (i32.const 0)))
          (i32.load (local.get 1)))
        (func (export "offset") (param i32) (result i32) (i32.load offset=64 (i32.add (local.get 0) (i32.const 1)))))
      """)
    #expect(try i32(instance, "sum", -64, 128) == 42)
    #expect(try i32(instance, "sum", .min, Int32.min + 64) == 42)
    #expect(try i32(instance, "scaled", 64, 1 << 29) == 42)
    #expect(try i32(instance, "scaled", -8, 9) == 42)
    #expect(try i32(instance, "constant", Int32.min + 65) == 42)
    // 5 × 858993472 = 2^32 + 64
    #expect(try i32(instance, "product", 858_993_472) == 42)
    #expect(try i32(instance, "difference", 0, -64) == 42)
    #expect(try i32(instance, "offset", -1) == 42)
    for name in ["wrapped", "spilled"] {
      #expect(try instance.function(name)([.i64(0x7FFF_FFFF_0000_0040)]) == [.i32(42)])
      #expect(try instance.function(name)([.i64(-0x1_0000_0000 + 64)]) == [.i32(42)])
    }
    #expect(trapCode { _ = try i32(instance, "sum", 65533, 0) } == .memoryOutOfBounds)
    #expect(trapCode { _ = try i32(instance, "offset", -2) } == .memoryOutOfBounds)
  }

  @Test func offsetsNearTheEnd() throws {
    for offset in ["0x7ffffffc", "0x7ffffffd", "0xfffffff0", "0xffffffff"] {
      let instance = try Fixture.instance("""
        (module (memory 1) (func (export "load") (param i32) (result i32) (i32.load offset=\(offset) (local.get 0)))
          (func (export "store") (param i32) (result i32) (i32.store8 offset=\(offset) (local.get 0) (i32.const 1)) (i32.const 0)))
        """)
      for index: Int32 in [0, 1, 16, -1, .min, .max] {
        #expect(trapCode { _ = try i32(instance, "load", index) } == .memoryOutOfBounds)
        #expect(trapCode { _ = try i32(instance, "store", index) } == .memoryOutOfBounds)
      }
    }
  }

  /// Callers' and callees' stack arguments differ in size, both ways, over a million calls.
  @Test func tailCallsOfAllShapes() throws {
    let instance = try Fixture.instance("""
      (module
        (type $wide (func (param i32 i64 i32 i32 i32 i32 i32 i64 f64 i64 i64) (result i64)))
        (table funcref (elem $wide))
        (func $narrow (param i32 i64) (result i64)
          (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
          (i32.sub (local.get 0) (i32.const 1)) (i64.add (local.get 1) (i64.const 1))
          (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5) (i64.const 6) (f64.const 7) (i64.const 8) (i64.const 9)
          (if (param i32 i64 i32 i32 i32 i32 i32 i64 f64 i64 i64) (result i64) (i32.and (local.get 0) (i32.const 1))
            (then (return_call $wide))
            (else (return_call_indirect (type $wide) (i32.const 0)))))
        (func $wide (type $wide) (local i64 i64 i64 i64 i64)
          (local.set 11 (i64.extend_i32_u (i32.add (local.get 2) (local.get 3))))
          (return_call $narrow (local.get 0)
            (i64.add (local.get 1) (i64.add (i64.trunc_f64_s (local.get 8)) (i64.add (local.get 10) (local.get 11))))))
        (func (export "run") (param i32) (result i64) (call $narrow (local.get 0) (i64.const 0))))
      """)
    #expect(try instance.function("run")([.i32(1_000_000)]) == [.i64(20_000_000)])
  }

  @Test func aThousandParametersAndResults() throws {
    let types = String(repeating: "i32 f64 i64 f32 ", count: 250)
    let gets = (0..<1000).map { "(local.get \($0))" }.joined()
    let values = (0..<1000).map { "(\(["i32", "f64", "i64", "f32"][$0 % 4]).const \($0))" }.joined()
    let adds = (0..<1000).reversed().map { index in
      ["(i64.extend_i32_u)", "(i64.trunc_f64_s)", "", "(i64.trunc_f32_s)"][index % 4]
        + "(i64.const \(index + 1)) (i64.mul) (local.get 0) (i64.add) (local.set 0)"
    }.joined()
    let instance = try Fixture.instance("""
      (module (func $same (param \(types)) (result \(types)) \(gets))
        (func $tail (param \(types)) (result \(types)) \(gets) (return_call $same))
        (func (export "run") (result i64) (local i64) \(values) (call $same) (call $tail) \(adds) (local.get 0)))
      """)
    let expected = (0..<1000).reduce(0) { $0 + $1 * ($1 + 1) }
    #expect(try instance.function("run")([]) == [.i64(Int64(expected))])
  }

  @Test func framesOfManyPages() throws {
    let locals = String(repeating: "i64 ", count: 30_000)
    // A local that nothing uses has no home.
    let uses = (1...30_000).map { "(drop (local.get \($0)))" }.joined()
    let instance = try Fixture.instance("""
      (module (func $deep (export "deep") (param i32) (result i64) (local \(locals)) \(uses)
          (local.set 29999 (i64.const 5))
          (if (i32.eqz (local.get 0)) (then (return (i64.add (local.get 12345) (local.get 29999)))))
          (i64.add (local.get 29999) (call $deep (i32.sub (local.get 0) (i32.const 1))))))
      """)
    #expect(try instance.function("deep")([.i32(0)]) == [.i64(5)])
    #expect(try instance.function("deep")([.i32(1)]) == [.i64(10)])
    for _ in 0..<3 {
      #expect(trapCode { _ = try instance.function("deep")([.i32(100)]) } == .callStackExhausted)
    }
  }

  /// Prologues that compare rsp less their own frame with the limit, small frames and large ones.
  @Test func explicitStackChecks() throws {
    var configuration = EngineConfiguration()
    configuration.explicitStackChecks = true
    let engine = try Engine(configuration)
    let locals = String(repeating: "i64 ", count: 5_000)
    let uses = (1...5_000).map { "(drop (local.get \($0)))" }.joined()
    let module = try engine.compile(wat: """
      (module
        (func $small (export "small") (param i32) (result i32)
          (if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $small (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0))))
        (func $large (export "large") (param i32) (result i32) (local \(locals)) \(uses)
          (if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $large (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0)))))
      """)
    let instance = try Linker<Void>(engine).instantiate(module, in: Store(engine))
    for name in ["small", "large"] {
      #expect(try i32(instance, name, 0) == 0)
      #expect(try i32(instance, name, 5) == 5)
      #expect(trapCode { _ = try i32(instance, name, 1_000_000) } == .callStackExhausted)
      #expect(try i32(instance, name, 5) == 5)
    }
  }
}
