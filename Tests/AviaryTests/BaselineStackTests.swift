import Aviary
import Testing

/// The code generator's operand stack where it is deep: what stands for a pinned local far below, over calls
/// and blocks.
@Suite struct BaselineStackTests {
  /// Results that push the oldest entry out of the window, while it stands for a local in a register
  /// that the call destroyed.
  @Test(arguments: [40, 47, 48, 49, 60, 100], ["f64", "f32", "i64", "i32"])
  func aliasesBelowACallWithAResult(_ count: Int, _ type: String) throws {
    let one = "\(type).const"
    let gets = String(repeating: "(local.get 0) (local.get 1) (local.get 2) (local.get 3) ", count: count / 4)
    let adds = String(repeating: "\(type).add ", count: count / 4 * 4 - 1)
    // The callee writes to whatever is not preserved over calls.
    let moves = (0..<12).map { "(local.set \($0) (\(one) \($0 + 100)))" }.joined()
    let sums = (1..<12).map { "(local.set 0 (\(type).add (local.get 0) (local.get \($0))))" }.joined()
    let instance = try Fixture.instance("""
      (module
        (func $clobber (result \(type)) (local \(String(repeating: type + " ", count: 12))) \(moves) (loop \(sums)) (local.get 0))
        (func $many (result \(String(repeating: type + " ", count: 20)))
          \((0..<20).map { "(\(one) \($0))" }.joined()))
        (func (export "one") (param \(type) \(type) \(type) \(type)) (result \(type))
          \(gets) (call $clobber) (drop) \(adds))
        (func (export "more") (param \(type) \(type) \(type) \(type)) (result \(type))
          \(gets) (call $many) \(String(repeating: "(drop)", count: 20)) \(adds)))
      """)
    func value(_ number: Int) -> Value {
      switch type {
      case "i32": .i32(Int32(number))
      case "i64": .i64(Int64(number))
      case "f32": .f32(Float(number))
      default: .f64(Double(number))
      }
    }
    for name in ["one", "more"] {
      #expect(try instance.function(name)([value(1), value(2), value(3), value(4)]) == [value(count / 4 * 10)])
    }
  }

  /// A reference in such a place would be an address of the guest's choice.
  @Test func referencesBelowACall() throws {
    let gets = String(repeating: "(local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) ", count: 10)
    // The registers that calls preserve go to integers, the others to references.
    let integers = (6...8).map { "(local.set \($0) (i64.add (local.get \($0)) (local.get \($0))))" }.joined()
    let hot = "(loop " + String(repeating: integers + "(drop (local.get 0)) (drop (local.get 1)) (drop (local.get 2)) (drop (local.get 3))", count: 25) + ")"
    let instance = try Fixture.instance("""
      (module
        (type $f (func (result i64)))
        (elem declare func $seven)
        (func $seven (type $f) (i64.const 7))
        (func $clobber (param i64 i64 i64 i64 i64 i64) (result i64) (i64.const 1))
        (func $clobberAll (result i64)
          (call $clobber (i64.const 4096) (i64.const 4097) (i64.const 4098) (i64.const 4099) (i64.const 4100) (i64.const 4101)))
        (func $test (param (ref $f) (ref $f) (ref $f) (ref $f) (ref $f) (ref $f)) (result i64) (local i64 i64 i64)
          \(hot) \(gets)
          (call $clobberAll)
          (local.set 6)
          \(String(repeating: "(call_ref $f) (local.get 6) (i64.add) (local.set 6) ", count: 60))
          (local.get 6))
        (func (export "run") (result i64)
          (call $test (ref.func $seven) (ref.func $seven) (ref.func $seven) (ref.func $seven) (ref.func $seven) (ref.func $seven))))
      """)
    #expect(try instance.function("run")([]) == [.i64(421)])
  }

  /// Null constants below a block's start, tested in place and with all registers in use.
  @Test func nullsBelowABlock() throws {
    let uses = (0..<4).map { "(local.set \($0) (i64.add (local.get \($0)) (i64.const 1)))" }.joined()
    let instance = try Fixture.instance("""
      (module
        (type $f (func (result i64)))
        (func (export "cast") (param i64 i64 i64 i64) (result i64)
          (loop \(uses))
          (ref.null $f) (block) (ref.as_non_null)
          (i64.load (i32.const 0)) (i64.load (i32.const 8)) (i64.load (i32.const 16)) (i64.load (i32.const 24))
          (i64.div_s) (i64.div_s) (i64.shl) (local.set 0)
          (block) (call_ref $f) (local.get 0) (i64.add))
        (func (export "branch") (param i64 i64 i64 i64) (result i64)
          (loop \(uses))
          (block $null
            (ref.null $f) (block) (br_on_null $null)
            (i64.load (i32.const 0)) (i64.load (i32.const 8)) (i64.load (i32.const 16)) (i64.load (i32.const 24))
            (i64.div_s) (i64.div_s) (i64.shl) (local.set 0)
            (block) (call_ref $f) (return (i64.add (local.get 0))))
          (i64.const 5))
        (func (export "other") (param i64 i64 i64 i64) (result i64)
          (loop \(uses))
          (block $some (result (ref $f))
            (ref.null $f) (block) (br_on_non_null $some)
            (return (i64.const 6)))
          (call_ref $f))
        (memory 1))
      """)
    let values = [Value](repeating: .i64(1), count: 4)
    #expect(trapCode { _ = try instance.function("cast")(values) } == .nullReference)
    #expect(try instance.function("branch")(values) == [.i64(5)])
    #expect(try instance.function("other")(values) == [.i64(6)])
  }
}
