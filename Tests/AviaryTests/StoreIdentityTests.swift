import Aviary
import Testing

/// Handles of one store do not work in another, and say so.
@Suite struct StoreIdentityTests {
  static let wat = """
    (module (import "env" "f" (func $f)) (table (export "table") 2 funcref) (global (export "global") (mut funcref) (ref.null func))
      (func (export "take") (param funcref)) (func (export "go") (call $f)))
    """

  @Test func handlesOfAnotherStore() throws {
    let engine = Fixture.engine
    let here = Store(engine)
    let there = Store(engine)
    let linker = Linker<Void>(engine)
    linker.define("env", "f") { (_: borrowing Caller<Void>) in }
    let module = try Fixture.compile(Self.wat)
    let linked = try linker.link(module)
    let instance = try linked.instantiate(in: here)
    let foreign = try linked.instantiate(in: there).function("go")
    let take = try instance.function("take", as: ((Function?) -> Void).self)
    let bodies: [() throws -> Void] = [
      { _ = try instance.function("take")(.funcref(foreign)) },
      { try take(foreign) },
      { try instance.table("table").set(0, to: .funcref(foreign)) },
      { try instance.table("table").grow(by: 1, filledWith: .funcref(foreign)) },
      { try instance.global("global").set(.funcref(foreign)) },
      { _ = try Global(in: here, GlobalType(.funcref), .funcref(foreign)) },
      { _ = try Table(in: here, TableType(element: .init(.function), minimum: 1), initial: .funcref(foreign)) },
      {
        let linker = Linker<Void>(engine)
        linker.define("env", "f", foreign)
        _ = try linker.instantiate(module, in: here)
      },
    ]
    for (index, body) in bodies.enumerated() {
      guard case .host? = wasmError(body) else {
        Issue.record("misuse \(index) was accepted")
        continue
      }
    }
    #expect(try instance.table("table").get(0) == .funcref(nil))
  }

  @Test func modulesOfAnotherEngine() throws {
    let other = try Engine()
    let module = try other.compile(wat: "(module)")
    guard case .host? = wasmError({ _ = try Linker<Void>(Fixture.engine).link(module) }),
      case .host? = wasmError({ _ = try Linker<Void>(other).link(module).instantiate(in: Store(Fixture.engine)) })
    else {
      Issue.record("a module of another engine was accepted")
      return
    }
    let function = try Function(in: Store(other), FunctionType()) { (_: borrowing Caller<Void>, _) in [] }
    let linker = Linker<Void>(Fixture.engine)
    linker.define("env", "f", function)
    guard case .host? = wasmError({
      _ = try linker.link(try Fixture.compile("(module (import \"env\" \"f\" (func)))"))
    }) else {
      Issue.record("an import of another engine was accepted")
      return
    }
  }

  /// Equal types of different modules are one type to the engine, and unequal ones are not.
  @Test func typesAcrossModules() throws {
    let store = Store(Fixture.engine)
    let linker = Linker<Void>(Fixture.engine)
    let a = try linker.instantiate(
      try Fixture.compile(
        "(module (type (func (param f32))) (table (export \"t\") 2 funcref) (elem (i32.const 0) $f) (func $f (param i32) (result i32) (local.get 0)))"),
      in: store)
    linker.define("a", a)
    let b = try linker.instantiate(
      try Fixture.compile(
        """
        (module (import "a" "t" (table 2 funcref))
          (func (export "good") (result i32) (call_indirect (param i32) (result i32) (i32.const 5) (i32.const 0)))
          (func (export "bad") (result i32) (call_indirect (param i64) (result i32) (i64.const 5) (i32.const 0))))
        """), in: store)
    #expect(try b.function("good")([]) == [.i32(5)])
    #expect(trapCode { _ = try b.function("bad")([]) } == .indirectCallTypeMismatch)
  }

  /// A type that one engine's module defines means nothing to another engine.
  @Test func definedTypesOfAnotherEngine() throws {
    let wat = "(module (type $t (func (result i32))) (func (export \"f\") (param (ref null $t))))"
    let other = try Engine()
    let foreign = try other.compile(wat: wat)
    guard case .function(let type) = foreign.exports[0].type, case .reference(let reference) = type.parameters[0] else {
      Issue.record("no reference type")
      return
    }
    let own = try Fixture.compile(wat)
    #expect(own.exports[0].type == (try Fixture.compile(wat).exports[0].type))
    #expect(own.exports[0].type != foreign.exports[0].type)
    let store = Store(Fixture.engine)
    let linker = Linker<Void>(Fixture.engine)
    linker.define("env", "f", type) { _, _ in [] }
    let bodies: [() throws -> Void] = [
      { _ = try Function(in: store, type) { _, _ in [] } },
      { _ = try Table(in: store, TableType(element: reference, minimum: 1)) },
      { _ = try Global(in: store, GlobalType(.reference(reference)), .funcref(nil)) },
      { _ = try linker.link(try Fixture.compile("(module (import \"env\" \"f\" (func)))")) },
    ]
    for (index, body) in bodies.enumerated() {
      guard case .host? = wasmError(body) else {
        Issue.record("misuse \(index) was accepted")
        continue
      }
    }
  }

  @Test func signaturesBeyondTheLimits() throws {
    let store = Store(Fixture.engine)
    for type in [
      FunctionType(parameters: Array(repeating: .i32, count: 1001)),
      FunctionType(results: Array(repeating: .f64, count: 100_000)),
    ] {
      guard case .limit? = wasmError({ _ = try Function(in: store, type) { _, _ in [] } }) else {
        Issue.record("a signature beyond the limits was accepted")
        continue
      }
    }
    let wide = FunctionType(
      parameters: (0..<1000).map { [.i32, .i64, .f32, .f64][$0 % 4] }, results: (0..<1000).map { [.f64, .i32][$0 % 2] })
    let values = wide.parameters.enumerated().map { index, type -> Value in
      switch type {
      case .i32: .i32(Int32(index))
      case .i64: .i64(Int64(index))
      case .f32: .f32(Float(index))
      default: .f64(Double(index))
      }
    }
    let results = (0..<1000).map { $0 % 2 == 0 ? Value.f64(Double($0)) : .i32(Int32($0)) }
    let function = try Function(in: store, wide) { _, given in
      #expect(given.count == 1000)
      guard case .f64(999) = given[999], case .i32(996) = given[996] else { throw Mishap(number: 0) }
      return (0..<1000).map { $0 % 2 == 0 ? Value.f64(Double($0)) : .i32(Int32($0)) }
    }
    #expect(try function(values) == results)
  }
}
