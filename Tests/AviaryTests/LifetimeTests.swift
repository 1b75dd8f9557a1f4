import Aviary
import Testing

/// Who keeps whom alive: handles their store, stores their instances, nobody longer than that.
@Suite struct LifetimeTests {
  final class Probe { var mark = 0 }

  static let wat = """
    (module (import "env" "f" (func $f)) (memory (export "memory") 1)
      (func (export "go") (call $f)) (func (export "keep") (param externref)))
    """

  @Test func storesGoWithTheirLastHandle() throws {
    weak var state: Probe?
    weak var object: ExternRef?
    weak var context: StoreContext?
    var memory: Memory?
    do {
      let probe = Probe()
      state = probe
      let store = Store(Fixture.engine, state: probe)
      context = store.context
      let linker = Linker<Probe>(Fixture.engine)
      linker.define("env", "f") { (caller: borrowing Caller<Probe>) in caller.state.mark += 1 }
      let instance = try linker.instantiate(try Fixture.compile(Self.wat), in: store)
      try instance.function("go", as: (() -> Void).self)()
      let reference = ExternRef(1)
      object = reference
      _ = try instance.function("keep")(.externref(reference))
      #expect(probe.mark == 1)
      memory = try instance.memory()
    }
    // The memory's handle alone holds all of it.
    #expect(state != nil)
    #expect(context != nil)
    #expect(object != nil)
    try memory?.store(UInt8(1), at: 0)
    memory = nil
    #expect(state == nil)
    #expect(context == nil)
    #expect(object == nil)
  }

  @Test func functionsOutliveEverythingElse() throws {
    var go: TypedFunction<() -> Void>?
    let probe = Probe()
    do {
      let engine = try Engine()
      let linker = Linker<Probe>(engine)
      linker.define("env", "f") { (caller: borrowing Caller<Probe>) in caller.state.mark += 1 }
      let store = Store(engine, state: probe)
      go = try linker.instantiate(try engine.compile(wat: Self.wat), in: store).function("go", as: (() -> Void).self)
    }
    for _ in 0..<10 { try go?() }
    #expect(probe.mark == 10)
    go = nil
  }

  /// An error passes from Swift through the runtime's C and back: it must be let go once, and not before.
  @Test func errorsOfHostFunctionsLiveAsLongAsTheyAreHeld() throws {
    final class Failure: Error { let number = 7 }
    final class Box { weak var thrown: Failure? }
    let linker = Linker<Box>(Fixture.engine)
    linker.define("env", "f") { (caller: borrowing Caller<Box>) in
      let failure = Failure()
      caller.state.thrown = failure
      throw failure
    }
    let box = Box()
    let store = Store(Fixture.engine, state: box)
    let go = try linker.instantiate(try Fixture.compile(Self.wat), in: store).function("go", as: (() -> Void).self)
    for _ in 0..<3 {
      do {
        try go()
        Issue.record("no error")
      } catch let failure as Failure {
        #expect(failure.number == 7 && box.thrown === failure)
      }
      #expect(box.thrown == nil)
    }
  }

  @Test func hostFunctionsAreMadeOncePerStore() throws {
    let linker = Linker<Probe>(Fixture.engine)
    linker.define("env", "f") { (caller: borrowing Caller<Probe>) in caller.state.mark += 1 }
    let linked = try linker.link(try Fixture.compile(Self.wat))
    let probe = Probe()
    let store = Store(Fixture.engine, state: probe, limits: .init(instances: 100))
    for _ in 0..<100 { _ = try linked.instantiate(in: store).function("go")([]) }
    #expect(probe.mark == 100)
  }

  @Test func manyStoresInTurn() throws {
    let linker = Linker<Probe>(Fixture.engine)
    linker.define("env", "f") { (caller: borrowing Caller<Probe>) throws in throw Mishap(number: 1) }
    let linked = try linker.link(try Fixture.compile(Self.wat))
    for _ in 0..<300 {
      weak var state: Probe?
      do {
        let probe = Probe()
        state = probe
        let store = Store(Fixture.engine, state: probe)
        #expect(throws: Mishap(number: 1)) { try linked.instantiate(in: store).function("go")([]) }
      }
      #expect(state == nil)
    }
  }
}
