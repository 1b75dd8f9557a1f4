import Aviary
import Testing

/// Functions that have to do with vectors in one way only: by a call, a global, a type of a block, an exception. Each has to be
/// noticed before code is made.
@Suite struct VectorRouteTests {
  private static let wat = """
    (module
      (type $vec (func (result v128)))
      (tag $t (param v128 i32 v128)) (tag $u (param v128))
      (memory 1)
      (global $g (mut v128) (v128.const i32x4 1 2 3 4))
      (table funcref (elem $make $nop))
      (elem declare func $make)
      (func $nop)
      (func $make (type $vec) (v128.const i32x4 5 6 7 8))
      (func $throw (param v128 v128) (throw $t (local.get 0) (i32.const 42) (local.get 1)))
      (func $throwu (param v128) (throw $u (local.get 0)))
      (func (export "call") (result i32) (i32.const 1) (f64.const 2) (drop (call $make)) (drop))
      (func (export "indirect") (result i32) (i32.const 2) (i64.const 7) (drop (call_indirect (type $vec) (i32.const 0))) (drop))
      (func (export "ref") (result i32) (i32.const 3) (f32.const 7) (drop (call_ref $vec (ref.func $make))) (drop))
      (func (export "global") (result i32) (i32.const 4) (drop (global.get $g)))
      (func (export "dead") (result i32) (i32.const 5) (block (br 0) (drop (block (result v128) (unreachable)))))
      (func (export "deadloop") (result i32) (i32.const 6) (block (br 0) (loop (param v128) (drop))))
      (func (export "setglobal") (param i32) (result i32) (local.get 0) (global.set $g (v128.load (i32.const 0))))
      (func (export "catch") (param v128 v128) (result v128 i32 v128)
        (block $h (result v128 i32 v128)
          (try_table (catch $t $h) (call $throw (local.get 0) (local.get 1)))
          (unreachable)))
      (func (export "catch1") (param v128) (result v128)
        (block $h (result v128)
          (try_table (result v128) (catch $u $h) (call $throwu (local.get 0)) (unreachable))))
      (func (export "catchfn") (param v128) (result v128)
          (try_table (catch $u 0) (call $throwu (local.get 0))) (unreachable))
      (func (export "catchlocal") (param v128 i32) (result v128 v128) (local v128 v128)
        (local.set 2 (v128.const i64x2 3 4))
        (v128.const i64x2 9 10) (local.get 2)
        (block $h (result v128)
          (local.set 2 (i64x2.add (local.get 2) (local.get 0)))
          (try_table (result v128) (catch $u $h)
            (local.set 2 (i64x2.add (local.get 2) (local.get 0)))
            (call $throwu (i64x2.splat (i64.const 100))) (local.get 0)))
        (local.set 3) (drop)
        (i64x2.add (local.get 2))
        (local.get 3))
    )
    """

  @Test(arguments: VectorFixture.names)
  func everyRoute(_ name: String) throws {
    let instance = try VectorFixture.instance(Self.wat, VectorFixture.named(name))
    func numbers(_ a: Int32, _ b: Int32, _ c: Int32, _ d: Int32) -> Value { .v128(V128(SIMD4<Int32>(a, b, c, d))) }
    func words(_ low: Int64, _ high: Int64) -> Value { .v128(V128(SIMD2<Int64>(low, high))) }
    let (a, b) = (numbers(1, 2, 3, 4), numbers(5, 6, 7, 8))
    let cases: [(String, [Value], [Value])] = [
      ("call", [], [.i32(1)]), ("indirect", [], [.i32(2)]), ("ref", [], [.i32(3)]), ("global", [], [.i32(4)]),
      ("dead", [], [.i32(5)]), ("deadloop", [], [.i32(6)]), ("setglobal", [.i32(9)], [.i32(9)]),
      ("catch", [a, b], [a, .i32(42), b]), ("catch1", [a], [a]), ("catchfn", [b], [b]),
      ("catchlocal", [words(1, 1), .i32(2)], [words(14, 16), words(100, 100)]),
    ]
    for (export, arguments, results) in cases {
      #expect(try instance.function(export)(arguments) == results, "\(export)")
    }
  }
}
