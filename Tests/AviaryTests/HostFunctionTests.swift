import Aviary
import Testing

@Suite struct HostFunctionTests {
  struct Tenant { var log: [String] = []; var depth = 0 }

  static let wat = """
    (module
      (import "env" "log" (func $log (param i32 i32)))
      (import "env" "scale" (func $scale (param i32 f64) (result f64)))
      (import "env" "pair" (func $pair (param i32) (result i32 i64)))
      (import "env" "sum" (func $sum (param i32 i32 i32 i32 i32 i32) (result i64)))
      (import "env" "any" (func $any (param i64 f32) (result f32 i64)))
      (memory (export "memory") 1)
      (data (i32.const 16) "hello")
      (func (export "run") (call $log (i32.const 16) (i32.const 5)))
      (func (export "outside") (call $log (i32.const 65533) (i32.const 5)))
      (func (export "negative") (call $log (i32.const -1) (i32.const -1)))
      (func (export "scale") (param i32 f64) (result f64) (call $scale (local.get 0) (local.get 1)))
      (func (export "pair") (result i32 i64) (call $pair (i32.const 7)))
      (func (export "sum") (result i64)
        (call $sum (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5) (i32.const -6)))
      (func (export "any") (result f32 i64) (call $any (i64.const 3) (f32.const 1.5))))
    """

  func linker() -> Linker<Tenant> {
    let linker = Linker<Tenant>(Fixture.engine)
    linker.define("env", "log") { (caller: borrowing Caller<Tenant>, at: Int32, count: Int32) throws -> Void in
      caller.state.log.append(try caller.string(at: at, count: count))
    }
    linker.define("env", "scale") { (_: borrowing Caller<Tenant>, by: Int32, value: Double) -> Double in value * Double(by) }
    linker.define("env", "pair") { (_: borrowing Caller<Tenant>, value: Int32) -> (Int32, Int64) in (value, -Int64(value)) }
    linker.define("env", "sum") {
      (_: borrowing Caller<Tenant>, a: Int32, b: Int32, c: Int32, d: Int32, e: Int32, f: Int32) -> Int64 in
      [a, b, c, d, e, f].reduce(0) { $0 + Int64($1) }
    }
    linker.define("env", "any", FunctionType(parameters: [.i64, .f32], results: [.f32, .i64])) { _, values in
      [values[1], values[0]]
    }
    return linker
  }

  @Test func definitionsOfEveryShape() throws {
    let store = Store(Fixture.engine, state: Tenant())
    let instance = try linker().instantiate(try Fixture.compile(Self.wat), in: store)
    try instance.function("run", as: (() -> Void).self)()
    #expect(store.state.log == ["hello"])
    #expect(try instance.function("scale", as: ((Int32, Double) -> Double).self)(3, 1.5) == 4.5)
    let pair = try instance.function("pair", as: (() -> (Int32, Int64)).self)()
    #expect(pair == (7, -7))
    #expect(try instance.function("sum", as: (() -> Int64).self)() == 9)
    let any = try instance.function("any", as: (() -> (Float, Int64)).self)()
    #expect(any == (1.5, 3))
  }

  @Test func badRangesThrow() throws {
    let store = Store(Fixture.engine, state: Tenant())
    let instance = try linker().instantiate(try Fixture.compile(Self.wat), in: store)
    #expect(trapCode { _ = try instance.function("outside")([]) } == .memoryOutOfBounds)
    #expect(trapCode { _ = try instance.function("negative")([]) } == .memoryOutOfBounds)
    // The store is as usable as before.
    _ = try instance.function("run")([])
    #expect(store.state.log == ["hello"])
  }

  static let caller = """
    (module
      (import "env" "call" (func $call (param i32) (result i32)))
      (func (export "go") (param i32) (result i32) (call $call (local.get 0))))
    """

  @Test func errorsComeBackUnchanged() throws {
    let linker = Linker<Void>(Fixture.engine)
    linker.define("env", "call") { (_: borrowing Caller<Void>, number: Int32) throws -> Int32 in
      if number < 0 { throw Mishap(number: Int(number)) }
      return number
    }
    let instance = try linker.instantiate(try Fixture.compile(Self.caller), in: Store(Fixture.engine))
    let go = try instance.function("go", as: ((Int32) -> Int32).self)
    for _ in 0..<3 {
      #expect(throws: Mishap(number: -5)) { try go(-5) }
      #expect(try go(5) == 5)
    }
    // Without a guest in between, too.
    let direct = try Function(in: Store(Fixture.engine), FunctionType()) { (_, _) in throw Mishap(number: 1) }
    #expect(throws: Mishap(number: 1)) { try direct([]) }
  }

  /// Host → guest → host → guest …, with an error or a trap at the innermost.
  @Test(arguments: [0, 1, 2]) func reentrancy(_ ending: Int) throws {
    let linker = Linker<Tenant>(Fixture.engine)
    linker.define("env", "call") { (caller: borrowing Caller<Tenant>, number: Int32) throws -> Int32 in
      caller.state.depth += 1
      defer { caller.state.depth -= 1 }
      if number == 0 {
        switch ending {
        case 0: return 0
        case 1: throw Mishap(number: caller.state.depth)
        default: _ = try caller.function("trap")([])
        }
      }
      return try caller.function("go").typed(as: ((Int32) -> Int32).self)(number - 1) + 1
    }
    let wat = Self.caller.dropLast(1) + "(func (export \"trap\") unreachable))"
    let store = Store(Fixture.engine, state: Tenant())
    let instance = try linker.instantiate(try Fixture.compile(String(wat)), in: store)
    let go = try instance.function("go", as: ((Int32) -> Int32).self)
    switch ending {
    case 0: #expect(try go(20) == 20)
    case 1: #expect(throws: Mishap(number: 21)) { try go(20) }
    default:
      let error = wasmError { _ = try go(20) }
      #expect(error?.trapCode == .unreachable)
      // The trapping function and each "go" around it.
      if case .trap(let trap)? = error { #expect(trap.frames.count == 22) }
    }
    #expect(store.state.depth == 0)
  }

  @Test func errorThatIsCaughtOnTheWayIsGone() throws {
    let linker = Linker<Void>(Fixture.engine)
    linker.define("env", "call") { (caller: borrowing Caller<Void>, number: Int32) throws -> Int32 in
      if number == 0 { throw Mishap(number: 0) }
      do {
        _ = try caller.function("go")(.i32(0))
        return -1
      } catch { return 99 }
    }
    let instance = try linker.instantiate(try Fixture.compile(Self.caller), in: Store(Fixture.engine))
    #expect(try instance.function("go", as: ((Int32) -> Int32).self)(1) == 99)
  }

  @Test func wrongResultsOfUntypedFunctions() throws {
    let store = Store(Fixture.engine)
    for kind in 0..<4 {
      let function = try Function(in: store, FunctionType(results: [.i32])) { _, _ in
        switch kind {
        case 0: []
        case 1: [.i64(1)]
        case 2: [.i32(1), .i32(2)]
        default: [.funcref(nil)]
        }
      }
      guard case .host? = wasmError({ _ = try function([]) }) else {
        Issue.record("wrong results \(kind) were accepted")
        continue
      }
    }
  }

  @Test func callerWithoutInstance() throws {
    let store = Store(Fixture.engine)
    let function = try Function(in: store, FunctionType()) { (caller: borrowing Caller<Void>, _) in
      #expect(caller.instance == nil)
      _ = try caller.string(at: 0, count: 1)
      return []
    }
    guard case .host? = wasmError({ _ = try function([]) }) else {
      Issue.record("a memory was found")
      return
    }
  }

  @Test func callerKnowsItsInstance() throws {
    let linker = Linker<Void>(Fixture.engine)
    linker.define("env", "call") { (caller: borrowing Caller<Void>, number: Int32) throws -> Int32 in
      try caller.store(number, at: 8)
      try caller.write("é", at: 100)
      #expect(try caller.memory().byteCount == 65536)
      #expect(try caller.memory() == caller.instance?.memory("mem"))
      #expect(try caller.write([1, 2, 3], at: 200, capacity: 2) == 3)
      #expect(try caller.bytes(at: 200, count: 3) == [1, 2, 0])
      return try caller.load(Int32.self, at: 8) + Int32(try caller.string(at: 100, count: 2).utf8.count)
    }
    let wat = Self.caller.dropLast(1) + "(memory (export \"mem\") 1))"
    let instance = try linker.instantiate(try Fixture.compile(String(wat)), in: Store(Fixture.engine))
    #expect(try instance.function("go", as: ((Int32) -> Int32).self)(40) == 42)
  }
}
