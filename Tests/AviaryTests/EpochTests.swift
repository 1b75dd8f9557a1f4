import Aviary
import Dispatch
import Testing

/// Guests that look at the epoch: every way to run for long notices, and what is alive at a check survives it.
@Suite(.timeLimit(.minutes(3))) struct EpochTests {
  /// Epochs are counted by hand: nothing here depends on time.
  static func engine(_ action: Interruption.EpochAction, isMetered: Bool = false, isExplicit: Bool = false) -> Engine {
    var configuration = EngineConfiguration()
    configuration.interruption = .epoch(tick: .zero, action: action)
    configuration.fuelMetering = isMetered
    configuration.explicitStackChecks = isExplicit
    return try! Engine(configuration)
  }
  static let trapping = engine(.trap)
  static let meteredToo = engine(.trap, isMetered: true)
  static let yielding = engine(.yield)
  static let plain = Fixture.engine

  /// An instance whose import env.tick counts the epoch up.
  static func instance(_ engine: Engine, _ wat: String, deadline: UInt64? = nil) throws -> (Store<Void>, Instance) {
    let linker = Linker<Void>(engine)
    linker.define("env", "tick") { (caller: borrowing Caller<Void>) -> Void in engine.incrementEpoch() }
    let store = Store(engine)
    let instance = try linker.instantiate(try engine.compile(wat: wat), in: store)
    if let deadline { try store.setEpochDeadline(ticks: deadline) }
    return (store, instance)
  }

  /// Each ticks once, and then runs for ever, or for some 2^40 calls.
  static let endless: [String] = [
    "(loop (br 0))",
    "(loop (br_if 0 (i32.const 1)))",
    "(block (loop (br_table 1 1 1 1 1 1 0 (i32.const 9))))",
    "(block (loop (br_table 1 0 (i32.const 9))))",
    "(loop (br_if 0 (ref.is_null (ref.null func))))",
    "(loop (ref.null $void) (br_on_null 0) (unreachable))",
    "(ref.func $empty) (loop (param (ref $void)) (br_on_non_null 0) (unreachable))",
    "(i32.const 7) (loop (param i32) (result i32) (br 0)) (drop)",
    "(i64.const 7) (f64.const 1) (loop (param i64 f64) (br 0)) (unreachable)",
    "(loop (if (i32.const 1) (then (br 1)) (else)))",
    "(loop (loop (br_if 1 (i32.const 1))))",
    "(loop (call $leaf (i32.const 5)) (br 0))",
    "(call $spin (i32.const 1))",
    "(call $deep (i32.const 40))",
    "(call $even (i32.const 40))",
    "(call $indirect (i32.const 40))",
    "(call $reference (i32.const 40))",
    "(call $doubling12)",
    "(return_call $tail)",
    "(return_call $ping (i64.const 1))",
    "(return_call_indirect (type $void) (i32.const 1))",
    "(return_call_ref $void (ref.func $tailRef))",
    "(return_call $wide (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7))",
    "(call $thousands)",
    "(call $around)",
    // Where a turn need not come to an inner loop.
    "(loop $a (loop $b) (br $a))",
    "(loop $a (loop $b (br_if $a (i32.const 1))))",
    "(loop $a (loop $b (loop $c (br $a))))",
    "(loop $a (loop $b (br_if $a (i32.const 1)) (loop $c)))",
    "(loop $a (loop $b (loop $c)) (br_table 0 0 (i32.const 1)))",
    "(loop $a (loop $b (br_if $b (i32.const 0))) (loop $c) (br $a))",
    "(loop $a (block $x (br_if $x (i32.const 1)) (loop $b)) (br $a))",
    "(loop $a (block $x (br $x) (loop $b)) (br $a))",
    "(loop $a (block $x (br_table $x $x (i32.const 0)) (loop $b)) (br $a))",
    "(loop $a (block $x (br_if $x (i32.const 1)) (loop $b (loop $c))) (br $a))",
    "(loop $a (block $x (br_on_null $x (ref.null func)) (drop) (loop $b)) (br $a))",
    "(loop $a (if (i32.const 0) (then (loop $b))) (br $a))",
    "(loop $a (if (i32.const 1) (then) (else (loop $b))) (br $a))",
  ]

  static let functions = """
    (type $void (func))
    (type $one (func (param i32)))
    (import "env" "tick" (func $tick))
    (table 4 funcref)
    (elem (i32.const 0) $indirect $tailTable $empty)
    (elem declare func $empty $tailRef $reference)
    (func $empty)
    (func $leaf (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func $spin (param i32) (loop (br_if 0 (local.get 0))))
    (func $deep (param i32)
      (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))) (call $deep (i32.sub (local.get 0) (i32.const 1))))))
    (func $even (param i32)
      (if (local.get 0) (then (call $odd (i32.sub (local.get 0) (i32.const 1))) (call $odd (i32.sub (local.get 0) (i32.const 1))))))
    (func $odd (param i32)
      (if (local.get 0) (then (call $even (i32.sub (local.get 0) (i32.const 1))) (call $even (i32.sub (local.get 0) (i32.const 1))))))
    (func $indirect (param i32)
      (if (local.get 0) (then
        (call_indirect (type $one) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))
        (call_indirect (type $one) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
    (func $reference (type $one)
      (if (local.get 0) (then
        (call_ref $one (i32.sub (local.get 0) (i32.const 1)) (ref.func $reference))
        (call_ref $one (i32.sub (local.get 0) (i32.const 1)) (ref.func $reference)))))
    (func $tail (return_call $tail))
    (func $ping (param i64) (return_call $pong (i32.const 1) (local.get 0)))
    (func $pong (param i32 i64) (return_call $ping (local.get 1)))
    (func $tailTable (return_call_indirect (type $void) (i32.const 1)))
    (func $tailRef (return_call_ref $void (ref.func $tailRef)))
    (func $wide (param i64 i64 i64 i64 i64 i64 i64)
      (return_call $wide (local.get 6) (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)))
    """
    + "(func $doubling0" + String(repeating: "(call $empty)", count: 16) + ")"
    // No recursion, no loop, and 16^13 calls.
    + (1...12).map { "(func $doubling\($0)" + String(repeating: "(call $doubling\($0 - 1))", count: 16) + ")" }.joined()
    // A leaf that takes a while, 2,000 times by a function that takes a while.
    + "(func $long (local i64)"
    + String(repeating: "(local.set 0 (i64.mul (local.get 0) (i64.const 12345678901)))", count: 300) + ")"
    + "(func $middle" + String(repeating: "(call $long)", count: 2000) + ")"
    // The same with branches around the places where a check would come up.
    + "(func $skipping"
    + String(repeating: "(call $long)(block (br_if 0 (i32.const 1)) (call $long))", count: 2000) + ")"
    + "(func $around" + String(repeating: "(call $skipping)", count: 2000) + ")"
    + "(func $thousands" + String(repeating: "(call $middle)", count: 2000) + ")"

  @Test(arguments: endless, [trapping, meteredToo])
  func everythingEndlessStops(_ body: String, _ engine: Engine) throws {
    let (store, instance) = try Self.instance(
      engine, "(module \(Self.functions) (func (export \"run\") (call $tick) \(body)))", deadline: 1)
    let run = try instance.function("run")
    for _ in 0..<2 {
      #expect(trapCode { _ = try run([]) } == .interrupted)
      try store.setEpochDeadline(ticks: 1)
    }
  }

  @Test func checksWithExplicitStackLimitsStopToo() throws {
    let engine = Self.engine(.trap, isExplicit: true)
    let (_, instance) = try Self.instance(
      engine, "(module \(Self.functions) (func (export \"run\") (call $tick) (call $deep (i32.const 40))))", deadline: 1)
    let run = try instance.function("run")
    #expect(trapCode { _ = try run([]) } == .interrupted)
  }

  @Test func oneTickFromAnotherThreadIsEnough() throws {
    let engine = Self.trapping
    for _ in 0..<50 {
      let begun = DispatchSemaphore(value: 0)
      let linker = Linker<Void>(engine)
      linker.define("env", "begun") { (caller: borrowing Caller<Void>) -> Void in begun.signal() }
      let store = Store(engine)
      let instance = try linker.instantiate(
        try engine.compile(wat: "(module (import \"env\" \"begun\" (func $b)) (func (export \"run\") (call $b) (loop (br 0))))"),
        in: store)
      // Other tests count the same epoch.
      try store.setEpochDeadline(ticks: 1)
      let ticker = DispatchQueue.global()
      ticker.async {
        begun.wait()
        engine.incrementEpoch()
      }
      #expect(trapCode { _ = try instance.function("run")([]) } == .interrupted)
    }
  }

  @Test func aStoppedGuestNamesItsFrames() throws {
    let (_, instance) = try Self.instance(
      Self.trapping,
      "(module (import \"env\" \"tick\" (func $tick)) (func $inner (loop (br 0))) (func $outer (export \"run\") (call $tick) (call $inner)))",
      deadline: 1)
    let error = wasmError { _ = try instance.function("run")([]) }
    guard case .trap(let trap) = error else { throw Mishap(number: 1) }
    #expect(trap.frames.map(\.functionName) == ["inner", "outer"])
    #expect(trap.frames.allSatisfy { $0.offset != nil })
  }

  @Test func aDeadlineStaysUntilAnotherIsSet() throws {
    let engine = Self.engine(.trap)
    let (store, instance) = try Self.instance(
      engine, "(module (import \"env\" \"tick\" (func)) (func (export \"run\") (loop)))", deadline: 2)
    let run = try instance.function("run")
    engine.incrementEpoch()
    _ = try run([])
    engine.incrementEpoch()
    #expect(trapCode { _ = try run([]) } == .interrupted)
    #expect(trapCode { _ = try run([]) } == .interrupted)
    try store.setEpochDeadline(ticks: nil)
    _ = try run([])
    #expect(engine.currentEpoch == 2)
  }

  @Test func enginesWithoutEpochsSaySo() throws {
    #expect(throws: WasmError.self) { try Store(Fixture.engine).setEpochDeadline(ticks: 1) }
    var configuration = EngineConfiguration()
    configuration.interruption = .epoch(tick: .microseconds(1), action: .trap)
    #expect(throws: WasmError.self) { try Engine(configuration) }
  }

  @Test func interruptersAndDeadlinesNeedNoSignal() throws {
    let (store, instance) = try Self.instance(
      Self.trapping, "(module (import \"env\" \"tick\" (func)) (func (export \"spin\") (loop (br 0))) (func (export \"run\") (loop)))")
    #expect(trapCode { try store.withDeadline(after: .milliseconds(1)) { _ = try instance.function("spin")([]) } } == .interrupted)
    _ = try instance.function("run")([])
    let interrupter = try store.interrupter()
    interrupter.interrupt()
    #expect(trapCode { _ = try instance.function("run")([]) } == .interrupted)
    interrupter.reset()
    _ = try instance.function("run")([])
  }

  @Test func timeCountsEpochsWhereItIsTo() throws {
    var configuration = EngineConfiguration()
    configuration.interruption = .epoch(tick: .milliseconds(1), action: .trap)
    let engine = try Engine(configuration)
    let (store, instance) = try Self.instance(
      engine, "(module (import \"env\" \"tick\" (func)) (func (export \"spin\") (loop (br 0))) (func (export \"run\") (loop)))")
    let spin = try instance.function("spin")
    try store.setEpochDeadline(ticks: 3)
    #expect(trapCode { _ = try spin([]) } == .interrupted)
    #expect(engine.currentEpoch >= 3)
    try store.setEpochDeadline(ticks: nil)
    #expect(trapCode { try store.withDeadline(after: .milliseconds(5)) { _ = try spin([]) } } == .interrupted)
    // Inner deadlines end; outer ones stay.
    var inner: Trap.Code?
    let outer = trapCode {
      try store.withDeadline(after: .milliseconds(5)) {
        inner = trapCode { try store.withDeadline(after: .zero) { _ = try spin([]) } }
        try store.withDeadline(after: .seconds(1000)) { _ = try spin([]) }
      }
    }
    #expect(inner == .interrupted && outer == .interrupted)
    _ = try instance.function("run")([])
  }

  // MARK: What survives

  /// Checks that let the guest go on: each value of the result depends on everything that was alive.
  @Test(arguments: [false, true])
  func valuesSurviveChecks(_ isMetered: Bool) throws {
    let engine = Self.engine(.yield, isMetered: isMetered)
    for wat in Self.computations {
      let (_, expected) = try Self.instance(Self.plain, wat)
      let (_, instance) = try Self.instance(engine, wat)
      let values = try expected.function("run")([.i64(3), .f64(1.5)])
      #expect(try instance.function("run")([.i64(3), .f64(1.5)]) == values)
    }
  }

  @Test func valuesSurviveWhileAnotherThreadTicks() throws {
    let engine = Self.yielding
    for wat in Self.computations {
      let (_, expected) = try Self.instance(Self.plain, wat)
      let (_, instance) = try Self.instance(engine, wat)
      let values = try expected.function("run")([.i64(3), .f64(1.5)])
      let isDone = Shared(false)
      let ended = DispatchSemaphore(value: 0)
      DispatchQueue.global().async {
        while !isDone.now { engine.incrementEpoch() }
        ended.signal()
      }
      for _ in 0..<200 { #expect(try instance.function("run")([.i64(3), .f64(1.5)]) == values) }
      isDone.update { $0 = true }
      ended.wait()
    }
  }

  static let computations: [String] = {
    let integers = (0..<12).map { "(local $i\($0) i64)" }.joined()
    let floats = (0..<12).map { "(local $f\($0) f64)" }.joined()
    let set =
      (0..<12).map { "(local.set $i\($0) (i64.add (local.get 0) (i64.const \($0 * 7919 + 1))))" }.joined()
      + (0..<12).map { "(local.set $f\($0) (f64.add (local.get 1) (f64.const \($0).25)))" }.joined()
    let step =
      (0..<12).map { "(local.set $i\($0) (i64.mul (i64.add (local.get $i\($0)) (local.get $i\(($0 + 5) % 12))) (i64.const 31)))" }.joined()
      + (0..<12).map { "(local.set $f\($0) (f64.sub (local.get $f\($0)) (f64.mul (local.get $f\(($0 + 7) % 12)) (f64.const 0.125))))" }.joined()
    let sum =
      (0..<12).reduce("(i64.const 0)") { "(i64.xor \($0) (local.get $i\($1)))" }
      + (0..<12).reduce("(f64.const 0)") { "(f64.add \($0) (local.get $f\($1)))" }
    let header = "(module (import \"env\" \"tick\" (func $tick)) (func $id (param i64) (result i64) (local.get 0))"
    let signature = "(func (export \"run\") (param i64 f64) (result i64 f64)"
    // On the operand stack: registers, aliases of locals, constants, over a loop and over a long way.
    let push =
      (0..<7).map { "(i64.add (local.get $i\($0)) (i64.const \($0)))" }.joined() + "(local.get $i3) (i64.const 99)"
      + (0..<7).map { "(f64.mul (local.get $f\($0)) (f64.const 2))" }.joined() + "(local.get $f4) (f64.const 0.5)"
    let pop = String(repeating: "(f64.add)", count: 8) + "(local.set $f0)" + String(repeating: "(i64.add)", count: 8) + "(local.set $i0)"
    let long = String(repeating: "(local.set $k (i32.add (i32.mul (local.get $k) (i32.const 77)) (i32.const 1)))", count: 300)
    let loop = "(local.set $k (i32.const 50)) (loop \(step) (br_if 0 (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))"
    let locals = "(local $k i32) \(integers) \(floats)"
    return [
      // pins and homes
      "\(header) \(signature) \(locals) \(set) (call $tick) \(loop) \(sum)))",
      // the same where volatile registers are pinned around calls
      "\(header) \(signature) \(locals) \(set) (call $tick) \(loop) (local.set $i0 (call $id (local.get $i1))) \(loop) \(sum)))",
      // operands below a loop
      "\(header) \(signature) \(locals) \(set) (call $tick) \(push) \(loop) \(pop) \(sum)))",
      // operands in registers, on a long way
      "\(header) \(signature) \(locals) \(set) (call $tick) \(push) \(long) \(pop) (local.set $i1 (i64.extend_i32_u (local.get $k))) \(sum)))",
      // a comparison's outcome on the stack, and parameters and results of blocks
      """
      \(header) \(signature) \(locals) \(set) (call $tick)
        (local.get 0) (local.get 1)
        (loop (param i64 f64) (result i64 f64)
          (local.set $f1) (local.set $i1)
          (i64.add (local.get $i1) (i64.const 3)) (f64.add (local.get $f1) (f64.const 0.5))
          (local.set $k (i32.add (local.get $k) (i32.const 1)))
          (br_if 0 (i32.lt_u (local.get $k) (i32.const 40))))
        (local.set $f2) (local.set $i2)
        (i32.lt_u (local.get $k) (i32.const 41)) \(long) (if (then) (else (unreachable)))
        \(sum)))
      """,
      // frames without a prologue's adjustment: what lies below rsp
      """
      (module (import "env" "tick" (func $tick))
        (func $leaf (param i64 f64) (result i64 f64) \(locals) \(set) \(loop) \(sum))
        \(signature) (call $tick) (call $leaf (local.get 0) (local.get 1))))
      """,
    ]
  }()

  // MARK: Yielding

  /// One tick for each turn of the guest's loop, until the host says that it is enough.
  static let waiting = """
    (module (import "env" "tick" (func $tick)) (import "env" "enough" (func $enough (result i32)))
      (func (export "run") (result i32) (local i32)
        (loop (call $tick) (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if 0 (i32.eqz (call $enough))))
        (local.get 0)))
    """

  @MainActor @Test func othersHaveTheirTurn() async throws {
    let engine = Self.yielding
    let turns = Shared(0)
    let linker = Linker<Void>(engine)
    linker.define("env", "tick") { (caller: borrowing Caller<Void>) -> Void in engine.incrementEpoch() }
    linker.define("env", "enough") { (caller: borrowing Caller<Void>) -> Int32 in turns.now >= 100 ? 1 : 0 }
    let store = Store(engine)
    let instance = try await linker.instantiate(try engine.compile(wat: Self.waiting), in: store)
    // On the same actor: without yields it would never run.
    let other = Task { @MainActor in
      for _ in 0..<100 {
        turns.update { $0 += 1 }
        await Task.yield()
      }
    }
    let count = try await instance.function("run").async([])
    await other.value
    guard case .i32(let loops)? = count.first else { throw Mishap(number: 1) }
    #expect(loops >= 1 && turns.now == 100)
  }

  @MainActor @Test func cancellationAndDeadlinesEndYieldingGuests() async throws {
    let engine = Self.yielding
    let linker = Linker<Void>(engine)
    linker.define("env", "tick") { (caller: borrowing Caller<Void>) -> Void in engine.incrementEpoch() }
    linker.define("env", "enough") { (caller: borrowing Caller<Void>) -> Int32 in 0 }
    let store = Store(engine)
    let instance = try await linker.instantiate(try engine.compile(wat: Self.waiting), in: store)
    let run = try instance.function("run")
    let canceller = Shared<Task<Void, Never>?>(nil)
    let task = Task { @MainActor in
      do {
        _ = try await run.async([])
        Issue.record("an endless guest has ended")
      } catch { #expect(error is CancellationError) }
    }
    canceller.update { $0 = Task { @MainActor in task.cancel() } }
    await task.value
    do {
      _ = try await run.async([], deadline: .now + .milliseconds(1))
      Issue.record("an endless guest has ended")
    } catch let error as WasmError { #expect(error.trapCode == .interrupted) }
  }

  @Test func synchronousCallsGoOnAtYields() throws {
    let (_, instance) = try Self.instance(
      Self.yielding,
      """
      (module (import "env" "tick" (func $tick))
        (func (export "run") (result i32) (local i32)
          (loop (call $tick) (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 1000))))
          (local.get 0)))
      """)
    #expect(try instance.function("run")([]) == [.i32(1000)])
  }

  @Test func manySpinningGuestsEnd() async throws {
    var configuration = EngineConfiguration()
    configuration.interruption = .epoch(tick: .milliseconds(1), action: .yield)
    let engine = try Engine(configuration)
    let module = try engine.compile(
      wat: "(module (func (export \"run\") (param i64) (loop (br_if 0 (i64.ne (local.tee 0 (i64.sub (local.get 0) (i64.const 1))) (i64.const 0))))))")
    let plugin = try Linker<Void>(engine).link(module)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<40 {
        group.addTask {
          let instance = try await plugin.instantiate(in: Store(engine))
          let run = try instance.function("run")
          if index % 4 == 0 {
            // Endless, but for its deadline.
            do {
              _ = try await run.async([.i64(0)], deadline: .now + .milliseconds(20))
              Issue.record("an endless guest has ended")
            } catch let error as WasmError { #expect(error.trapCode == .interrupted) }
          } else {
            _ = try await run.async([.i64(2_000_000)])
          }
        }
      }
      try await group.waitForAll()
    }
  }
}
