import Aviary
import Testing

/// Exceptions of guests that are suspended on the way, and of asynchronous host functions.
@Suite struct AsyncExceptionTests {
  struct Tenant {
    var tag: Aviary.Tag?
  }

  static let wat = """
    (module
      (import "env" "failure" (tag $failure (param i32)))
      (import "env" "wait" (func $wait (param i32) (result i32)))
      (import "env" "nested" (func $nested (param i32) (result i32)))
      (tag $ref (param i32 i64))
      ;; Values, pins and a caught reference live over suspensions within try, handler and thrower.
      (func $thrower (param i32) (result i32)
        (local $k i64) (local $s i32)
        (local.set $k (i64.const 40))
        (local.set $s (call $wait (local.get 0)))
        (throw $ref (i32.add (local.get $s) (i32.const 1)) (i64.add (local.get $k) (i64.const 2))))
      (func (export "suspended") (param i32) (result i64)
        (local $x exnref) (local $a i32) (local $f f64) (local $b i64)
        (local.set $a (i32.const 5)) (local.set $f (f64.const 2.5))
        (block $again (result i32 i64)
          (block $caught (result i32 i64 exnref)
            (try_table (catch_ref $ref $caught)
              (local.set $a (i32.add (local.get $a) (call $wait (i32.const 1))))
              (drop (call $thrower (local.get 0))))
            (unreachable))
          (local.set $x) (drop) (drop)
          (local.set $a (i32.add (local.get $a) (call $wait (i32.const 10))))
          (try_table (catch $ref $again) (throw_ref (local.get $x)))
          (unreachable))
        (local.set $b)
        (i64.extend_i32_s)
        (i64.add (i64.mul (local.get $b) (i64.const 100)))
        (i64.add (i64.extend_i32_s (local.get $a)))
        (i64.add (i64.trunc_f64_s (local.get $f))))
      (func (export "catches") (param i32) (result i32)
        (local $k i32)
        (local.set $k (i32.const 7))
        (block $caught (result i32)
          (try_table (catch $failure $caught)
            (local.set $k (i32.add (local.get $k) (i32.const 1)))
            (return (call $wait (local.get 0))))
          (unreachable))
        (i32.mul (local.get $k)) (i32.add (call $wait (i32.const 3))))
      (func (export "passes") (param i32) (result i32) (call $wait (local.get 0)))
      (func (export "nested") (param i32) (result i32)
        (block $caught (result i32)
          (try_table (catch $failure $caught) (return (call $nested (local.get 0))))
          (unreachable))
        (i32.add (i32.const 1000)))
      (func (export "many") (param i32) (result i32)
        (local $i i32) (local $n i32)
        (loop $l
          (block $caught (result i32)
            (try_table (catch $failure $caught) (drop (call $wait (i32.const -1))))
            (i32.const 0))
          (local.set $n (i32.add (local.get $n)))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
        (local.get $n)))
    """

  /// `wait` gives its argument back after a suspension; it throws for negative ones, an error of the host's below -99.
  private func world(_ engine: Engine) async throws -> (Store<Tenant>, Instance) {
    let store = Store(engine, state: Tenant())
    let tag = try Aviary.Tag(in: store, .i32)
    store.state.tag = tag
    let linker = Linker<Tenant>(engine)
    linker.define("env", "failure", tag)
    linker.define("env", "wait") { (caller: borrowing Caller<Tenant>, n: Int32) async throws -> Int32 in
      await Task.yield()
      if n < -99 { throw Mishap(number: Int(n)) }
      if n < 0 { throw WasmException(try #require(caller.state.tag), .i32(-n)) }
      return n
    }
    linker.define("env", "nested") { (caller: borrowing Caller<Tenant>, n: Int32) async throws -> Int32 in
      guard let instance = caller.instance else { throw Mishap(number: 0) }
      await Task.yield()
      return try await instance.function("passes", as: ((Int32) -> Int32).self).async(n)
    }
    return (store, try await linker.instantiate(try engine.compile(wat: Self.wat), in: store))
  }

  @Test(arguments: ExceptionFixture.kinds) func throwsLiveOverSuspensions(_ kind: ExceptionFixture.Kind) async throws {
    let (_, instance) = try await world(kind.engine)
    let suspended = try instance.function("suspended", as: ((Int32) -> Int64).self)
    // (n + 1) ... i64 part: 42; see the module.
    for n: Int32 in [0, 3] {
      let first = try await suspended.async(n)
      let again = try await suspended.async(n)
      #expect(first == again)
      #expect(first == Int64(n + 1) + 4200 + Int64(5 + 1 + 10) + 2)
    }
  }

  @Test(arguments: ExceptionFixture.kinds) func asynchronousHostFunctionsThrowIntoGuests(_ kind: ExceptionFixture.Kind) async throws {
    let (store, instance) = try await world(kind.engine)
    let catches = try instance.function("catches", as: ((Int32) -> Int32).self)
    for _ in 0..<3 {
      #expect(try await catches.async(2) == 2)
      #expect(try await catches.async(-2) == 2 * 8 + 3)
    }
    await #expect(throws: Mishap(number: -100)) { try await catches.async(-100) }
    let passes = try instance.function("passes", as: ((Int32) -> Int32).self)
    let exception = await #expect(throws: WasmException.self) { try await passes.async(-6) }
    #expect(exception?.values == [.i32(6)] && exception?.tag == store.state.tag)
    #expect(try await passes.async(6) == 6)
    #expect(try await instance.function("many", as: ((Int32) -> Int32).self).async(500) == 500)
  }

  @Test(arguments: ExceptionFixture.kinds) func theyGoThroughSuspendedGuests(_ kind: ExceptionFixture.Kind) async throws {
    let (_, instance) = try await world(kind.engine)
    let nested = try instance.function("nested", as: ((Int32) -> Int32).self)
    #expect(try await nested.async(4) == 4)
    #expect(try await nested.async(-4) == 1004)
    await #expect(throws: Mishap(number: -150)) { try await nested.async(-150) }
    #expect(try await nested.async(-5) == 1005)
  }

  @Test func withDeadlinesToo() async throws {
    let (_, instance) = try await world(ExceptionFixture.plain)
    let catches = try instance.function("catches")
    let results = try await catches.async([.i32(-2)], deadline: .now + .seconds(3600))
    #expect(results == [.i32(19)])
  }
}
