public import Aviary
import AviaryText
import Glibc

/// Many guests at a time, each suspended again and again in host functions that sleep, hop to an actor or yield;
/// some trap, some are cancelled, some are past their deadline, and some fail.
public struct SuspendedGuests: Sendable {
  public var seed: UInt64
  public var guests: Int
  /// Of each guest, beside the one at which all are gathered.
  public var suspensions = 20
  /// No guest spins: a sanitizer that holds signals back would let it.
  public var isCalm = false

  public init(seed: UInt64, guests: Int) {
    self.seed = seed
    self.guests = guests
  }

  public struct Outcome: Sendable {
    /// What went wrong.
    public var failures: [String] = []
    /// Guests by how they were to end.
    public var ends: [String: Int] = [:]
    /// Bytes of the process, before there were guests and while all were suspended.
    public var residentBefore = 0
    public var residentSuspended = 0
  }

  /// How a guest is to end, after its suspensions.
  enum End: Int32, CaseIterable {
    case returns = 0
    case traps = 1
    case fails = 2
    /// In a host function, until it is cancelled, or its deadline passes.
    case waits = 3
    /// For ever, with the same two ends.
    case spins = 4
    /// With suspended guests below it.
    case nests = 5
    /// The same, and one of them, which waits for ever, ends at a deadline of its own.
    case limits = 6
    /// With a guest below it that a synchronous host function called, and that spins until a deadline of its own.
    case bounds = 7
  }

  /// What one guest is to do.
  struct Plan: Sendable {
    let index: Int
    let seed: UInt64
    let end: End
    let isCancelled: Bool
    let hasDeadline: Bool
    /// One that does not pass: what it waits for is awaited in other tasks.
    let hasFarDeadline: Bool

    init(_ random: inout SplitMix64, _ index: Int, _ isCalm: Bool) {
      self.index = index
      seed = random.next()
      switch random.next() % 100 {
      case 0..<8: end = .traps
      case 8..<14: end = .fails
      case 14..<24: end = .waits
      case 24..<28: end = isCalm ? .waits : .spins
      case 28..<36: end = .nests
      case 36..<44: end = .limits
      case 44..<50: end = isCalm ? .limits : .bounds
      default: end = .returns
      }
      let isEndless = end == .waits || end == .spins
      isCancelled = isEndless && random.next() % 2 == 0
      hasDeadline = isEndless && !isCancelled
      hasFarDeadline = !isEndless && random.next() % 2 == 0
    }

    var name: String {
      "\(end)" + (isCancelled ? ", cancelled" : "") + (hasDeadline ? ", past its deadline" : "")
    }
  }

  struct Failure: Error, Equatable { let seed: UInt64 }

  actor Hub {
    private var visits = 0
    func mix(_ value: UInt64) -> UInt64 {
      visits += 1
      return SuspendedGuests.mix(value)
    }
  }

  /// Where host functions find their store.
  final class Home: @unchecked Sendable {
    weak var store: Store<Tenant>?
  }

  struct Tenant: Sendable {
    let plan: Plan
    let home = Home()
    let gathering: Gathering
    let hub: Hub
  }

  // MARK: The guest, and what it computes

  static let wat = """
    (module
      (import "env" "gather" (func $gather))
      (import "env" "await" (func $await (param i32 i64) (result i64)))
      (import "env" "fail" (func $fail))
      (import "env" "wait" (func $wait))
      (import "env" "nest" (func $nest (param i64) (result i64)))
      (import "env" "limit" (func $limit (param i64) (result i64)))
      (import "env" "bound" (func $bound (param i64) (result i64)))
      (memory (export "memory") 1 4)
      (func (export "wait") (call $wait))
      (func (export "spin") (loop $l (br $l)))
      ;; So deep that stacks differ, and values live in frames below the suspension.
      (func $deep (param $h i64) (param $depth i32) (param $kind i32) (result i64)
        (local $saved i64)
        (local.set $saved (i64.mul (local.get $h) (i64.const 31)))
        (if (i32.eqz (local.get $depth))
          (then (local.set $h (call $await (local.get $kind) (local.get $h))))
          (else (local.set $h
            (call $deep (local.get $h) (i32.sub (local.get $depth) (i32.const 1)) (local.get $kind)))))
        (i64.add (local.get $h) (local.get $saved)))
      (func (export "await") (param i32 i64) (result i64) (call $await (local.get 0) (local.get 1)))
      (func (export "run") (param $h i64) (param $n i32) (param $end i32) (result i64)
        (local $i i32) (local $f f64)
        (call $gather)
        (loop $again
          (i64.store (i32.mul (local.get $i) (i32.const 8)) (local.get $h))
          (local.set $h (call $deep (local.get $h)
            (i32.and (i32.wrap_i64 (local.get $h)) (i32.const 15))
            (i32.rem_u (i32.wrap_i64 (i64.shr_u (local.get $h) (i64.const 8))) (i32.const 3))))
          (local.set $f (f64.add (local.get $f) (f64.const 0.25)))
          (local.set $h (i64.xor (local.get $h) (i64.load (i32.mul (local.get $i) (i32.const 8)))))
          (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (if (i32.eq (local.get $end) (i32.const 1)) (then unreachable))
        (if (i32.eq (local.get $end) (i32.const 2)) (then (call $fail)))
        (if (i32.eq (local.get $end) (i32.const 3)) (then (call $wait)))
        (if (i32.eq (local.get $end) (i32.const 4)) (then (loop $l (br $l))))
        (if (i32.eq (local.get $end) (i32.const 5)) (then (local.set $h (call $nest (local.get $h)))))
        (if (i32.eq (local.get $end) (i32.const 6)) (then (local.set $h (call $limit (local.get $h)))))
        (if (i32.eq (local.get $end) (i32.const 7)) (then (local.set $h (call $bound (local.get $h)))))
        (i64.add (local.get $h) (i64.trunc_f64_s (f64.mul (local.get $f) (f64.const 4))))))
    """

  /// As the host's functions do it.
  static func mix(_ value: UInt64) -> UInt64 {
    let x = (value ^ (value >> 29)) &* 0xBF58_476D_1CE4_E5B9
    return x ^ (x >> 32)
  }

  /// What "run" gives.
  static func result(_ plan: Plan, _ suspensions: Int) -> UInt64 {
    func deep(_ h: UInt64, _ depth: UInt64) -> UInt64 {
      (depth == 0 ? mix(h) : deep(h, depth - 1)) &+ h &* 31
    }
    var h = plan.seed
    for _ in 0..<suspensions { h = deep(h, h & 15) ^ h }
    if plan.end == .nests { h = mix(mix(h)) }
    if plan.end == .limits || plan.end == .bounds { h = mix(h) }
    return h &+ UInt64(suspensions)
  }

  static func linker(_ engine: Engine) -> Linker<Tenant> {
    let linker = Linker<Tenant>(engine)
    linker.define("env", "gather") { (caller: borrowing Caller<Tenant>) async throws in
      await caller.state.gathering.wait(caller.state.plan.index)
    }
    linker.define("env", "await") { (caller: borrowing Caller<Tenant>, kind: Int32, value: UInt64) async throws -> UInt64 in
      switch kind {
      case 0:
        try await Task.sleep(nanoseconds: value % 500_000)
        return mix(value)
      case 1: return await caller.state.hub.mix(value)
      default:
        await Task.yield()
        return mix(value)
      }
    }
    linker.define("env", "fail") { (caller: borrowing Caller<Tenant>) async throws in
      await Task.yield()
      throw Failure(seed: caller.state.plan.seed)
    }
    linker.define("env", "wait") { (caller: borrowing Caller<Tenant>) async throws in
      try await Task.sleep(for: .seconds(86_400))
    }
    // Calls the guest again while it waits for this, and suspends that call too.
    linker.define("env", "nest") { (caller: borrowing Caller<Tenant>, value: UInt64) async throws -> UInt64 in
      guard let instance = caller.instance else { throw Failure(seed: 0) }
      let again = try instance.function("await", as: ((Int32, UInt64) -> UInt64).self)
      return try await again.async(1, try await again.async(2, value))
    }
    linker.define("env", "limit") { (caller: borrowing Caller<Tenant>, value: UInt64) async throws -> UInt64 in
      guard let instance = caller.instance else { throw Failure(seed: 0) }
      let wait = try instance.function("wait", as: (() -> Void).self)
      do {
        try await wait.async(deadline: .now + .microseconds(Int(value % 500)))
        throw Failure(seed: 0)
      } catch WasmError.trap(let trap) where trap.code == .interrupted {
        return mix(value)
      }
    }
    linker.define("env", "bound") { (caller: borrowing Caller<Tenant>, value: UInt64) throws -> UInt64 in
      guard let instance = caller.instance, let store = caller.state.home.store else { throw Failure(seed: 0) }
      let spin = try instance.function("spin", as: (() -> Void).self)
      do {
        try store.withDeadline(after: .microseconds(Int(value % 500))) { try spin() }
        throw Failure(seed: 0)
      } catch WasmError.trap(let trap) where trap.code == .interrupted {
        return mix(value)
      }
    }
    return linker
  }

  // MARK: The run

  public func run(_ configuration: EngineConfiguration) async throws -> Outcome {
    var outcome = Outcome()
    let engine = try Engine(configuration)
    let plugin = try Self.linker(engine).link(try engine.compile(wat: Self.wat))
    var random = SplitMix64(seed: seed)
    // Twice on one engine: a pool for just so many guests has no place left for one that was lost.
    for _ in 0..<2 {
      let plans = (0..<guests).map { Plan(&random, $0, isCalm) }
      try await round(plans, engine, plugin, &outcome)
    }
    return outcome
  }

  private func round(
    _ plans: [Plan], _ engine: Engine, _ plugin: LinkedModule<Tenant>, _ outcome: inout Outcome
  ) async throws {
    for plan in plans { outcome.ends[plan.name, default: 0] += 1 }
    let gathering = Gathering(guests)
    let hub = Hub()
    if outcome.residentBefore == 0 { outcome.residentBefore = Self.resident() }
    let suspensions = suspensions
    let tasks = plans.map { plan in
      Task { () -> String? in
        await Self.one(plan, suspensions, engine, plugin, Tenant(plan: plan, gathering: gathering, hub: hub))
      }
    }
    await gathering.full()
    if outcome.residentSuspended == 0 { outcome.residentSuspended = Self.resident() }
    gathering.open()
    // From a thread of its own: guests that spin have the others.
    let cancelled = zip(plans, tasks).filter { $0.0.isCancelled }.map(\.1)
    Canceller.start(cancelled)
    for task in tasks {
      if let failure = await task.value { outcome.failures.append(failure) }
    }
    let live = engine.poolStatistics?.live ?? 0
    if live != 0 { outcome.failures.append("\(live) memories are still in use") }
  }

  /// nil: it ended as it should.
  private static func one(
    _ plan: Plan, _ suspensions: Int, _ engine: Engine, _ plugin: LinkedModule<Tenant>, _ tenant: Tenant
  ) async -> String? {
    // Its deadline may have passed before it began.
    defer { tenant.gathering.giveUp(plan.index) }
    var result = "nothing"
    do {
      let store = Store(engine, state: tenant)
      tenant.home.store = store
      let instance = try await plugin.instantiate(in: store)
      let run = try instance.function("run", as: ((UInt64, Int32, Int32) -> UInt64).self)
      var deadline: ContinuousClock.Instant? = plan.hasDeadline ? .now + .milliseconds(Int(plan.seed % 2000)) : nil
      if plan.hasFarDeadline { deadline = .now + .seconds(86_400) }
      let value = try await run.async(plan.seed, Int32(suspensions), plan.end.rawValue, deadline: deadline)
      result = "\(value)"
      if [.returns, .nests, .limits, .bounds].contains(plan.end), value == Self.result(plan, suspensions) { return nil }
    } catch let error as WasmError {
      if case .trap(let trap) = error {
        if plan.end == .traps, trap.code == .unreachable { return nil }
        if plan.hasDeadline, trap.code == .interrupted { return nil }
      }
      result = "\(error)"
    } catch is CancellationError {
      if plan.isCancelled { return nil }
      result = "cancelled"
    } catch let failure as Failure {
      if plan.end == .fails, failure.seed == plan.seed { return nil }
      result = "\(failure)"
    } catch { result = "\(error)" }
    return "a guest with seed \(plan.seed) that \(plan.name) ended with \(result)"
  }

  private static func resident() -> Int {
    guard let file = unsafe fopen("/proc/self/statm", "re") else { return 0 }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    guard unsafe fgets(&line, 256, file) != nil else { return 0 }
    let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    let fields = text.split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
  }
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct SplitMix64 {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// A thread that cancels tasks one after the other.
private final class Canceller: Sendable {
  private let tasks: [Task<String?, Never>]
  init(_ tasks: [Task<String?, Never>]) { self.tasks = tasks }

  static func start(_ tasks: [Task<String?, Never>]) {
    var thread = pthread_t()
    let argument = unsafe Unmanaged.passRetained(Canceller(tasks)).toOpaque()
    let error = unsafe pthread_create(&thread, nil, { argument in
      let this = unsafe Unmanaged<Canceller>.fromOpaque(argument!).takeRetainedValue()
      for task in this.tasks { task.cancel() }
      return nil
    }, argument)
    precondition(error == 0, "a thread can be started")
    pthread_detach(thread)
  }
}
