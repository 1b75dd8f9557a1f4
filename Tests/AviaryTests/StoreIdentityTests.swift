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
}
