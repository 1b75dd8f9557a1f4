import Aviary
import Testing

@Suite struct TableAndGlobalTests {
  @Test func tables() throws {
    let store = Store(Fixture.engine)
    let table = try Table(in: store, TableType(element: .init(.function), minimum: 2, maximum: 5))
    #expect(table.count == 2)
    #expect(try table.get(0) == .funcref(nil))
    let function = try Function(in: store, FunctionType(results: [.i32])) { _, _ in [.i32(7)] }
    try table.set(1, to: .funcref(function))
    #expect(try table.get(1) == .funcref(function))
    #expect(try table.grow(by: 3, filledWith: .funcref(function)) == 2)
    #expect(table.count == 5)
    for body: () throws -> Void in [
      { _ = try table.get(5) }, { _ = try table.get(-1) }, { try table.set(UInt64.max, to: .funcref(nil)) },
    ] { #expect(trapCode(body) == .tableOutOfBounds) }
    guard case .limit? = wasmError({ try table.grow(by: 1, filledWith: .funcref(nil)) }) else {
      Issue.record("grew past its maximum")
      return
    }
    guard case .host? = wasmError({ try table.set(0, to: .i32(0)) }),
      case .host? = wasmError({ try table.set(0, to: .externref(nil)) })
    else {
      Issue.record("a value of another type was accepted")
      return
    }
  }

  @Test func guestsCallThroughTables() throws {
    let store = Store(Fixture.engine)
    let linker = Linker<Void>(Fixture.engine)
    let table = try Table(in: store, TableType(element: .init(.function), minimum: 2))
    linker.define("env", "table", table)
    let instance = try linker.instantiate(
      try Fixture.compile(
        """
        (module (import "env" "table" (table 1 funcref))
          (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))
        """), in: store)
    let call = try instance.function("call", as: ((Int32) -> Int32).self)
    try table.set(0, to: .funcref(Function(in: store, FunctionType(results: [.i32])) { _, _ in [.i32(7)] }))
    try table.set(1, to: .funcref(Function(in: store, FunctionType(results: [.i64])) { _, _ in [.i64(7)] }))
    #expect(try call(0) == 7)
    #expect(trapCode { _ = try call(1) } == .indirectCallTypeMismatch)
    #expect(trapCode { _ = try call(2) } == .undefinedElement)
  }

  @Test func globals() throws {
    let store = Store(Fixture.engine)
    let linker = Linker<Void>(Fixture.engine)
    let counter = try Global(in: store, GlobalType(.i64, isMutable: true), .i64(40))
    let constant = try Global(in: store, GlobalType(.f32), .f32(1.5))
    linker.define("env", "counter", counter)
    linker.define("env", "constant", constant)
    let instance = try linker.instantiate(
      try Fixture.compile(
        """
        (module (import "env" "counter" (global $c (mut i64))) (import "env" "constant" (global f32))
          (global (export "own") i64 (i64.add (i64.const 1) (i64.const 2)))
          (global (export "text") externref (ref.null extern))
          (func (export "count") (global.set $c (i64.add (global.get $c) (i64.const 1)))))
        """), in: store)
    _ = try instance.function("count")([])
    #expect(counter.value == .i64(41))
    try counter.set(.i64(.min))
    _ = try instance.function("count")([])
    #expect(counter.value == .i64(.min + 1))
    #expect(try instance.global("own").value == .i64(3))
    #expect(try instance.global("text").value == .externref(nil))
    #expect(constant.value == .f32(1.5))
    for body: () throws -> Void in [{ try constant.set(.f32(1)) }, { try counter.set(.i32(1)) }] {
      guard case .host? = wasmError(body) else {
        Issue.record("a misuse was accepted")
        continue
      }
    }
  }

  /// An index of 64 has the bit that is the sign in signed numbers.
  @Test(arguments: [63, 64, 127, 128, 8191, 8192, 8193])
  func extendedConstantsNameAnyGlobal(_ index: Int) throws {
    let globals = (0...index).map { "(global i32 (i32.const \($0)))" }.joined()
    let instance = try Fixture.instance("""
      (module \(globals) (global (export "sum") i32 (i32.add (global.get \(index)) (i32.const 1))))
      """)
    #expect(try instance.global("sum").value == .i32(Int32(index + 1)))
  }
}
