import Aviary
import Testing

@Suite struct LinkTests {
  func failure(_ linker: Linker<Void>, _ wat: String) throws -> WasmError.LinkFailure? {
    let module = try Fixture.compile(wat)
    if case .link(let failure)? = wasmError({ _ = try linker.link(module) }) { return failure }
    return nil
  }

  @Test func wording() throws {
    let store = Store(Fixture.engine)
    let linker = Linker<Void>(Fixture.engine)
    linker.define("m", "f") { (_: borrowing Caller<Void>, _: Int32) in }
    linker.define("m", "g", try Global(in: store, GlobalType(.i32), .i32(1)))
    linker.define("m", "memory", try Memory(in: store, MemoryType(minimum: 1, maximum: 2)))
    linker.define("m", "table", try Table(in: store, TableType(element: .init(.function), minimum: 1, maximum: 2)))
    for good in [
      "(func (param i32))", "(global i32)", "(memory 0)", "(memory 1 2)", "(memory 1 3)", "(table 1 funcref)",
      "(table 0 2 funcref)",
    ] {
      let name = good.hasPrefix("(func") ? "f" : good.hasPrefix("(global") ? "g" : good.hasPrefix("(mem") ? "memory" : "table"
      #expect(try failure(linker, "(module (import \"m\" \"\(name)\" \(good)))") == nil, "\(good)")
      #expect(try failure(linker, "(module (import \"m\" \"none\" \(good)))")?.message == "unknown import")
      #expect(try failure(linker, "(module (import \"n\" \"\(name)\" \(good)))")?.message == "unknown import")
    }
    for (name, bad) in [
      ("f", "(func)"), ("f", "(func (param i64))"), ("f", "(func (param i32) (result i32))"), ("f", "(global i32)"),
      ("g", "(global i64)"), ("g", "(global (mut i32))"), ("g", "(memory 1)"), ("memory", "(memory 2)"),
      ("memory", "(memory 1 1)"), ("memory", "(memory i64 1)"), ("table", "(table 2 funcref)"),
      ("table", "(table 1 1 funcref)"), ("table", "(table 1 externref)"),
    ] {
      let failure = try failure(linker, "(module (import \"m\" \"\(name)\" \(bad)))")
      #expect(failure?.message == "incompatible import type", "\(bad)")
      #expect(failure?.name == name)
    }
  }

  /// Names are bytes: "é" composed and decomposed are two names.
  @Test func namesAreComparedByBytes() throws {
    let linker = Linker<Void>(Fixture.engine)
    linker.define("m", "e\u{301}") { (_: borrowing Caller<Void>) in }
    #expect(try failure(linker, "(module (import \"m\" \"\\65\\cc\\81\" (func)))") == nil)
    #expect(try failure(linker, "(module (import \"m\" \"\\c3\\a9\" (func)))")?.message == "unknown import")
    let instance = try Fixture.instance(
      "(module (func (export \"\\65\\cc\\81\") (result i32) (i32.const 1)) (func (export \"\\c3\\a9\") (result i32) (i32.const 2)))")
    #expect(try instance.function("e\u{301}")([]) == [.i32(1)])
    #expect(try instance.function("\u{e9}")([]) == [.i32(2)])
  }

  @Test func segmentsApplyInOrderAndStay() throws {
    let store = Store(Fixture.engine)
    let linker = Linker<Void>(Fixture.engine)
    let memory = try Memory(in: store, MemoryType(minimum: 1))
    linker.define("env", "memory", memory)
    let module = try Fixture.compile(
      "(module (import \"env\" \"memory\" (memory 1)) (data (i32.const 0) \"ab\") (data (i32.const 65535) \"cd\") (data (i32.const 4) \"ef\"))")
    #expect(trapCode { _ = try linker.instantiate(module, in: store) } == .memoryOutOfBounds)
    #expect(try memory.bytes(at: 0, count: 6) == [0x61, 0x62, 0, 0, 0, 0])
    #expect(try memory.load(UInt8.self, at: 65535) == 0)
  }

  @Test func startFunctions() throws {
    let store = Store(Fixture.engine)
    let linker = Linker<Void>(Fixture.engine)
    let global = try Global(in: store, GlobalType(.i32, isMutable: true), .i32(0))
    linker.define("env", "g", global)
    linker.define("env", "fail") { (_: borrowing Caller<Void>) throws in throw Mishap(number: 4) }
    let text = "(import \"env\" \"fail\" (func $fail)) (import \"env\" \"g\" (global $g (mut i32)))"
    _ = try linker.instantiate(
      try Fixture.compile("(module \(text) (start $s) (func $s (global.set $g (i32.const 7))))"), in: store)
    #expect(global.value == .i32(7))
    #expect(throws: Mishap(number: 4)) {
      try linker.instantiate(try Fixture.compile("(module \(text) (start $fail))"), in: store)
    }
    let trapping = try Fixture.compile("(module \(text) (start $s) (func $s unreachable))")
    #expect(trapCode { _ = try linker.instantiate(trapping, in: store) } == .unreachable)
  }

  @Test func descriptions() throws {
    let module = try Fixture.compile(
      """
      (module (import "a" "f" (func (param i32) (result i64))) (import "a" "m" (memory 1 2))
        (table (export "t") 1 5 externref) (global (export "g") (mut f32) (f32.const 0))
        (func (export "h") (param v128)))
      """.replacing(" (param v128)", with: ""))
    #expect(
      module.imports.map(\.type) == [
        .function(FunctionType(parameters: [.i32], results: [.i64])), .memory(MemoryType(minimum: 1, maximum: 2)),
      ])
    #expect(module.imports.map(\.name) == ["f", "m"])
    #expect(
      module.exports.map(\.type) == [
        .table(TableType(element: .init(.extern), minimum: 1, maximum: 5)), .global(GlobalType(.f32, isMutable: true)),
        .function(FunctionType()),
      ])
  }

  @Test func oneLinkedModuleManyStores() async throws {
    let linker = Linker<Int>(Fixture.engine)
    linker.define("env", "id") { (caller: borrowing Caller<Int>) -> Int32 in Int32(caller.state) }
    let plugin = try linker.link(
      try Fixture.compile("(module (import \"env\" \"id\" (func $id (result i32))) (func (export \"f\") (result i32) (call $id)))"))
    await withTaskGroup(of: Bool.self) { group in
      for id in 0..<32 {
        group.addTask {
          let store = Store(Fixture.engine, state: id)
          guard let instance = try? await plugin.instantiate(in: store),
            let f = try? instance.function("f", as: (() -> Int32).self)
          else { return false }
          return (0..<100).allSatisfy { _ in (try? f()) == Int32(id) }
        }
      }
      for await result in group { #expect(result) }
    }
  }
}
