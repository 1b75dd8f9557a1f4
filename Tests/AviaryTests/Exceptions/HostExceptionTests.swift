import Aviary
import Testing

/// Exceptions between guests and the host: thrown and caught by either, over any number of borders.
@Suite struct HostExceptionTests {
  struct Tenant {
    var tag: Aviary.Tag?
    var other: Aviary.Tag?
    var callback: Function?
    var log: [String] = []
  }

  static let wat = """
    (module
      (import "env" "failure" (tag $failure (param i32 f64)))
      (import "env" "other" (tag $other))
      (import "env" "throw" (func $throw (param i32)))
      (import "env" "call" (func $call (param i32) (result i32)))
      (tag $own (export "own") (param i64))
      (func (export "throws") (param i32) (throw $failure (local.get 0) (f64.const 0.5)))
      (func (export "throws-own") (param i32) (throw $own (i64.extend_i32_s (local.get 0))))
      (func (export "catches") (param i32) (result i32)
        (local $k i32)
        (local.set $k (i32.const 1000))
        (block $other
          (block $caught (result i32 f64)
            (try_table (catch $failure $caught) (catch $other $other)
              (local.set $k (i32.add (local.get $k) (i32.const 1)))
              (call $throw (local.get 0)))
            (return (i32.const 0)))
          (drop)
          (return (i32.add (local.get $k))))
        (i32.const -1))
      (func (export "all") (param i32) (result i32)
        (block $caught (try_table (catch_all $caught) (call $throw (local.get 0))) (return (i32.const 0)))
        (i32.const 1))
      (func (export "passes") (param i32) (result i32) (call $throw (local.get 0)) (i32.const 0))
      (func (export "round") (param i32) (result i32)
        (block $caught (result i32 f64)
          (try_table (result i32) (catch $failure $caught) (call $call (local.get 0)))
          (return))
        (drop) (i32.add (i32.const 1)))
      (table (export "elements") 1 funcref)
      (elem declare func $call))
    """

  private func world(_ engine: Engine) throws -> (Store<Tenant>, Instance) {
    let store = Store(engine, state: Tenant())
    let tag = try Aviary.Tag(in: store, .i32, .f64)
    let other = try Aviary.Tag(in: store)
    store.state.tag = tag
    store.state.other = other
    let linker = Linker<Tenant>(engine)
    linker.define("env", "failure", tag)
    linker.define("env", "other", other)
    linker.define("env", "throw") { (caller: borrowing Caller<Tenant>, code: Int32) throws -> Void in
      switch code {
      case 0: return
      case 1...99: throw WasmException(try #require(caller.state.tag), .i32(code), .f64(1.5))
      case 100: throw WasmException(try #require(caller.state.other))
      case 101: throw WasmException(try #require(caller.state.tag), .i32(code))
      case 102: throw WasmException(try #require(caller.state.tag), .i64(0), .f64(0))
      case 103:
        let elsewhere = Store<Void>(caller.context.engine)
        throw WasmException(try Aviary.Tag(in: elsewhere))
      default: throw Mishap(number: Int(code))
      }
    }
    // Calls the guest again, and lets whatever it throws go on.
    linker.define("env", "call") { (caller: borrowing Caller<Tenant>, code: Int32) throws -> Int32 in
      guard let instance = caller.instance else { throw Mishap(number: -1) }
      if code > 50 {
        do { try instance.function("throws", as: ((Int32) -> Void).self)(code) } catch let exception as WasmException {
          guard exception.tag == caller.state.tag, case .i32(let value) = exception.values[0] else { throw exception }
          return value * 2
        }
      }
      try instance.function("throws", as: ((Int32) -> Void).self)(code)
      return 0
    }
    return (store, try linker.instantiate(try engine.compile(wat: Self.wat), in: store))
  }

  @Test(arguments: ExceptionFixture.kinds) func guestsCatchWhatTheHostThrows(_ kind: ExceptionFixture.Kind) throws {
    let (_, instance) = try world(kind.engine)
    let catches = try instance.function("catches", as: ((Int32) -> Int32).self)
    let all = try instance.function("all", as: ((Int32) -> Int32).self)
    for _ in 0..<3 {
      #expect(try catches(0) == 0)
      #expect(try catches(7) == 1008)
      #expect(try catches(100) == -1)
      #expect(try all(0) == 0)
      #expect(try all(7) == 1)
      #expect(try all(100) == 1)
    }
  }

  @Test(arguments: ExceptionFixture.kinds) func otherErrorsOfTheHostAreNotCaught(_ kind: ExceptionFixture.Kind) throws {
    let (_, instance) = try world(kind.engine)
    let all = try instance.function("all", as: ((Int32) -> Int32).self)
    #expect(throws: Mishap(number: 200)) { try all(200) }
    // Exceptions that are none: too few values, other types, another store's tag.
    for code: Int32 in [101, 102, 103] {
      guard case .host? = wasmError({ _ = try all(code) }) else {
        Issue.record("\(code)")
        continue
      }
    }
    #expect(try all(5) == 1)
  }

  @Test(arguments: ExceptionFixture.kinds) func theHostCatchesWhatNoGuestDoes(_ kind: ExceptionFixture.Kind) throws {
    let (store, instance) = try world(kind.engine)
    let passes = try instance.function("passes", as: ((Int32) -> Int32).self)
    let mine = wasmException { _ = try passes(3) }
    #expect(mine?.tag == store.state.tag && mine?.values == [.i32(3), .f64(1.5)] && mine?.frames.isEmpty == true)

    let guests = wasmException { try instance.function("throws", as: ((Int32) -> Void).self)(9) }
    #expect(guests?.tag == store.state.tag && guests?.values == [.i32(9), .f64(0.5)])
    #expect(guests?.frames.map(\.functionName) == ["throws"])
    #expect(guests?.frames.first?.offset != nil)

    let own = wasmException { try instance.function("throws-own", as: ((Int32) -> Void).self)(-4) }
    #expect(own?.tag == (try instance.tag("own")) && own?.tag != store.state.tag && own?.values == [.i64(-4)])
    #expect(own?.tag.type == TagType(FunctionType(parameters: [.i64])))
    #expect(own?.description.hasPrefix("uncaught wasm exception (i64:-4)") == true)
  }

  @Test(arguments: ExceptionFixture.kinds) func exceptionsGoThroughTheHost(_ kind: ExceptionFixture.Kind) throws {
    let (_, instance) = try world(kind.engine)
    let round = try instance.function("round", as: ((Int32) -> Int32).self)
    for _ in 0..<3 {
      // Thrown in a nested call, not caught by the host, caught by the guest around it.
      #expect(try round(20) == 21)
      // Caught by the host.
      #expect(try round(60) == 120)
    }
  }

  @Test func instancesShareTags() throws {
    let engine = ExceptionFixture.plain
    let store = Store<Void>(engine)
    let linker = Linker<Void>(engine)
    func instance(_ name: String, _ wat: String) throws -> Instance {
      let made = try linker.instantiate(try engine.compile(wat: wat), in: store)
      linker.define(name, made)
      return made
    }
    // Contexts, memories and the places of tags differ.
    let a = try instance(
      "a",
      """
      (module (memory 1) (tag (param f32)) (tag $t (export "t") (param i32)) (tag $same (export "same") (param i32))
        (func (export "throw") (param i32) (throw $t (local.get 0)))
        (func (export "throw-same") (param i32) (throw $same (local.get 0))))
      """)
    _ = try instance(
      "b",
      """
      (module (import "a" "throw" (func $f (param i32))) (memory 1) (global (mut i32) (i32.const 0))
        (func (export "pass") (param i32) (call $f (local.get 0)))
        (func (export "tail") (param i32) (return_call $f (local.get 0))))
      """)
    let c = try instance(
      "c",
      """
      (module
        (import "a" "same" (tag $same (param i32))) (import "a" "t" (tag $t (param i32)))
        (import "b" "pass" (func $pass (param i32))) (import "b" "tail" (func $tail (param i32)))
        (import "a" "throw-same" (func $throw-same (param i32)))
        (memory 1) (tag $mine (param i32))
        (func $run (param i32 i32) (result i32)
          (i32.store (i32.const 0) (i32.const 4000))
          (block $b (result i32) (block $a (result i32)
            (try_table (catch $mine $b) (catch $same $b) (catch $t $a)
              (if (i32.eqz (local.get 1)) (then (call $pass (local.get 0))))
              (if (i32.eq (local.get 1) (i32.const 1)) (then (call $tail (local.get 0))))
              (call $throw-same (local.get 0)))
            (unreachable)) (return (i32.add (i32.load (i32.const 0)))))
          (return (i32.sub (i32.const 100))))
        (export "run" (func $run)) (export "t" (tag $t)))
      """)
    let run = try c.function("run", as: ((Int32, Int32) -> Int32).self)
    #expect(try run(1, 0) == 4001)
    #expect(try run(2, 1) == 4002)
    #expect(try run(3, 2) == -97)
    #expect(try a.tag("t") == c.tag("t"))
    #expect(try a.tag("t") != a.tag("same"))
  }

  @Test func importsOfTagsAreChecked() throws {
    let engine = ExceptionFixture.plain
    let store = Store<Void>(engine)
    let linker = Linker<Void>(engine)
    linker.define("env", "t", try Aviary.Tag(in: store, .i32))
    func error(_ wat: String) -> WasmError? {
      wasmError { _ = try linker.instantiate(try engine.compile(wat: wat), in: store) }
    }
    #expect(error("(module (import \"env\" \"t\" (tag (param i32))))") == nil)
    guard case .link(let failure)? = error("(module (import \"env\" \"t\" (tag (param i64))))") else {
      Issue.record("no link error")
      return
    }
    #expect(failure.message == "incompatible import type")
    guard case .host? = wasmError({ _ = try Aviary.Tag(in: store, TagType(FunctionType(parameters: [], results: [.i32]))) }) else {
      Issue.record("a tag with a result")
      return
    }
  }

  // MARK: References

  @Test(arguments: ExceptionFixture.kinds) func theHostHasReferences(_ kind: ExceptionFixture.Kind) throws {
    let engine = kind.engine
    let store = Store<Void>(engine)
    let linker = Linker<Void>(engine)
    let tag = try Aviary.Tag(in: store, .i64)
    linker.define("env", "t", tag)
    linker.define("env", "same") { (caller: borrowing Caller<Void>, exception: ExnRef?) throws -> ExnRef? in exception }
    let instance = try linker.instantiate(
      try engine.compile(
        wat: """
          (module
            (import "env" "t" (tag $t (param i64)))
            (import "env" "same" (func $same (param exnref) (result exnref)))
            (table (export "table") 2 exnref)
            (global (export "global") (mut exnref) (ref.null exn))
            (func (export "catch") (param i64) (result exnref)
              (block $caught (result i64 exnref) (try_table (catch_ref $t $caught) (throw $t (local.get 0))) (unreachable))
              (call $same) (return))
            (func (export "throw") (param exnref) (throw_ref (local.get 0)))
            (func (export "value") (param exnref) (result i64)
              (block $caught (result i64) (try_table (catch $t $caught) (throw_ref (call $same (local.get 0)))) (i64.const 0))))
          """), in: store)
    let catches = try instance.function("catch", as: ((Int64) -> ExnRef?).self)
    let value = try instance.function("value", as: ((ExnRef?) -> Int64).self)
    let throwing = try instance.function("throw", as: ((ExnRef?) -> Void).self)
    let first = try #require(try catches(11))
    let second = try #require(try catches(22))
    store.context.collectExceptions()
    #expect(first.exception.values == [.i64(11)] && first.exception.tag == tag)
    #expect(try value(first) == 11 && value(second) == 22)
    #expect(wasmException { try throwing(second) }?.values == [.i64(22)])
    #expect(trapCode { try throwing(nil) } == .nullExceptionReference)

    let made = try ExnRef(WasmException(tag, .i64(33)))
    #expect(try value(made) == 33)
    let table = try instance.table("table")
    try table.set(1, to: .exnref(made))
    #expect(try table.get(1) == .exnref(made) && table.get(0) == .exnref(nil))
    let global = try instance.global("global")
    try global.set(.exnref(first))
    #expect(global.value == .exnref(first) && global.value != .exnref(second))
    guard case .exnref(let got?) = try instance.function("catch")([.i64(5)])[0] else {
      Issue.record("no reference")
      return
    }
    #expect(got.exception.values == [.i64(5)])
    guard case .host? = wasmError({ _ = try ExnRef(WasmException(tag, .i32(0))) }) else {
      Issue.record("a value of another type")
      return
    }
    let elsewhere = try Aviary.Tag(in: Store<Void>(engine), .i64)
    let foreign = try ExnRef(WasmException(elsewhere, .i64(1)))
    #expect(wasmError { _ = try value(foreign) } != nil)
    #expect(wasmError { try global.set(.exnref(foreign)) } != nil)
  }
}
