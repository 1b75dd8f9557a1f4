import Aviary
import Testing

/// What stops a guest that a host function called is that guest's alone: the one that waits for the host function goes on.
@Suite(.timeLimit(.minutes(2))) struct NestedInterruptionTests {
  final class Tenant: @unchecked Sendable {
    var store: Store<Tenant>?
  }

  static let wat = """
    (module
      (import "env" "inner" (func $inner (param i32) (result i32)))
      ;; The loop is where an engine of epochs looks: behind the call, too.
      (func (export "outer") (param i32) (result i32) (call $inner (local.get 0)) (loop) (i32.add (i32.const 1)))
      (func (export "spin") (loop $l (br $l))))
    """

  static func make(_ engine: Engine, _ inner: @escaping @Sendable (Tenant, () throws -> Void) throws -> Void) throws -> (Tenant, Instance) {
    let linker = Linker<Tenant>(engine)
    linker.define("env", "inner") { (caller: borrowing Caller<Tenant>, depth: Int32) throws -> Int32 in
      let tenant = caller.state
      if depth > 0 { return try caller.function("outer").typed(as: ((Int32) -> Int32).self)(depth - 1) }
      let spin = try caller.function("spin").typed(as: (() -> Void).self)
      let code = trapCode { try inner(tenant) { try spin() } }
      return code == .interrupted ? 7 : 0
    }
    let tenant = Tenant()
    let store = Store(engine, state: tenant)
    tenant.store = store
    return (tenant, try linker.instantiate(try engine.compile(wat: wat), in: store))
  }

  static let engines = [Fixture.engine, EpochTests.trapping]

  @Test(arguments: engines, [0, 3] as [Int32]) func deadlinesOfInnerCalls(_ engine: Engine, _ depth: Int32) throws {
    let limit = Shared(Duration.milliseconds(2))
    let (tenant, instance) = try Self.make(engine) { tenant, spin in
      try tenant.store?.withDeadline(after: limit.now, spin)
    }
    defer { tenant.store = nil }
    let outer = try instance.function("outer", as: ((Int32) -> Int32).self)
    for _ in 0..<5 { #expect(try outer(depth) == 8 + depth) }
    // And one around both ends both.
    let store = try #require(tenant.store)
    limit.update { $0 = .seconds(3600) }
    // Before the inner call, and within it.
    for time in [Duration.zero, .milliseconds(5)] {
      #expect(trapCode { _ = try store.withDeadline(after: time) { try outer(depth) } } == .interrupted)
    }
    limit.update { $0 = .milliseconds(2) }
    #expect(try outer(depth) == 8 + depth)
  }

  /// Calls within one another, all asynchronous: the innermost waits when the deadline of the one around it passes.
  @Test func deadlinesAroundCancelledCalls() async throws {
    let linker = Linker<Void>(Fixture.engine)
    linker.define("env", "first") { (caller: borrowing Caller<Void>) async throws -> Int32 in
      let second = try caller.function("second").typed(as: (() -> Int32).self)
      do {
        return try await second.async(deadline: .now + .milliseconds(5))
      } catch WasmError.trap(let trap) where trap.code == .interrupted {
        return 7
      }
    }
    linker.define("env", "second") { (caller: borrowing Caller<Void>) async throws -> Int32 in
      try await caller.function("third").typed(as: (() -> Int32).self).async()
    }
    linker.define("env", "third") { (caller: borrowing Caller<Void>) async throws -> Int32 in
      try await Task.sleep(for: .seconds(3600))
      return 0
    }
    let module = try Fixture.compile(
      """
      (module (import "env" "first" (func $1 (result i32))) (import "env" "second" (func $2 (result i32)))
        (import "env" "third" (func $3 (result i32)))
        (func (export "first") (result i32) (i32.add (call $1) (i32.const 1)))
        (func (export "second") (result i32) (call $2)) (func (export "third") (result i32) (call $3)))
      """)
    let instance = try await linker.instantiate(module, in: Store(Fixture.engine))
    let first = try instance.function("first", as: (() -> Int32).self)
    for _ in 0..<3 {
      #expect(try await first.async() == 8)
      #expect(try await first.async(deadline: .now + .seconds(3600)) == 8)
    }
    // Cancelling the task ends all three.
    let box = AsyncCallTests.Unchecked(first)
    for _ in 0..<20 {
      let task = Task { try await box.value.async(deadline: .now + .seconds(3600)) }
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
    }
    #expect(try await first.async() == 8)
  }
}
