import Aviary
import Testing

/// Imported functions that are exported again have in each instance the type of what was imported there.
@Suite struct ReexportTests {
  /// Takes references to functions without a result of whatever kind, or of one kind only and calls them.
  static let wide = """
    (module
      (rec (type $v (func (result i32)))
        (type $declared (sub (func (param (ref null $v)))))
        (type $wider (sub $declared (func (param funcref)))))
      (func (export "f") (type $wider)))
    """
  static let narrow = """
    (module
      (rec (type $v (func (result i32)))
        (type $declared (sub (func (param (ref null $v)))))
        (type $wider (sub $declared (func (param funcref)))))
      (func (export "f") (type $declared) (drop (call_ref $v (local.get 0)))))
    """
  static let between = """
    (module
      (rec (type $v (func (result i32)))
        (type $declared (sub (func (param (ref null $v)))))
        (type $wider (sub $declared (func (param funcref)))))
      (import "e" "f" (func $f (type $declared)))
      (export "f" (func $f)))
    """

  @Test func aTypeThatFittedOneInstanceIsNotTakenForTheNext() throws {
    let engine = try Engine()
    let between = try engine.compile(wat: Self.between)
    func instance(_ wat: String) throws -> Instance {
      let store = Store(engine)
      let first = try Linker<Void>(engine).instantiate(try engine.compile(wat: wat), in: store)
      let linker = Linker<Void>(engine)
      linker.define("e", "f", .function(try first.function("f")))
      return try linker.instantiate(between, in: store)
    }
    let wide = try instance(Self.wide)
    _ = try wide.function("f", as: ((Function?) -> Void).self)
    let narrow = try instance(Self.narrow)
    #expect(throws: WasmError.self) { try narrow.function("f", as: ((Function?) -> Void).self) }
    // And again for what it fits.
    _ = try wide.function("f", as: ((Function?) -> Void).self)(nil)
  }
}
