import Aviary
import Testing

/// The way through the API that the documentation shows, as a user writes it.
@Suite struct ExampleTests {
  struct Tenant { var id: String; var lines: [String] = [] }

  @Test func aPlugin() async throws {
    let engine = try Engine()
    let module = try await engine.compile(try await bytes(engine))

    let linker = Linker<Tenant>(engine)
    linker.define("env", "log") { (caller: borrowing Caller<Tenant>, ptr: Int32, len: Int32) throws -> Void in
      caller.state.lines.append("\(caller.state.id): \(try caller.string(at: ptr, count: len))")
    }
    let plugin = try linker.link(module)

    let store = Store(engine, state: Tenant(id: "acme"), limits: .init(memory: .mebibytes(32)))
    let instance = try await plugin.instantiate(in: store)
    let add = try instance.function("add", as: ((Int32, Int32) -> Int32).self)
    #expect(try add(40, 2) == 42)
    #expect(store.state.lines == ["acme: adding"])
  }

  private func bytes(_ engine: Engine) async throws -> [UInt8] {
    let module = try engine.compile(wat: """
      (module (import "env" "log" (func $log (param i32 i32)))
        (memory (export "memory") 1) (data (i32.const 8) "adding")
        (func (export "add") (param i32 i32) (result i32)
          (call $log (i32.const 8) (i32.const 6)) (i32.add (local.get 0) (local.get 1))))
      """)
    return module.bytes
  }

  /// A store is not Sendable; it moves to another task with what belongs to it.
  @Test func storesMove() async throws {
    let engine = Fixture.engine
    let plugin = try Linker<Int>(engine).link(try Fixture.compile("(module (func (export \"f\") (result i32) (i32.const 7)))"))
    let store = Store(engine, state: 1)
    #expect(try await use(store, plugin) == 8)
  }

  private func use(_ store: sending Store<Int>, _ plugin: LinkedModule<Int>) async throws -> Int {
    try await Task {
      let instance = try await plugin.instantiate(in: store)
      return Int(try instance.function("f", as: (() -> Int32).self)()) + store.state
    }.value
  }
}
