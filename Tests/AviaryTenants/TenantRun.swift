public import Aviary
import Dispatch
import Synchronization

/// Many tenants over one engine, on several threads, in random order.
public struct TenantRun: Sendable {
  public var seed: UInt64
  public var instances: Int
  public var threads = 2
  /// Tenants that one thread keeps alive at a time.
  public var alive = 12
  /// Modules at a time; each is replaced now and then, and dropped.
  public var modules = 8
  /// Whether tenants try what lies beyond their memories.
  public var strays = true

  public init(seed: UInt64, instances: Int) {
    self.seed = seed
    self.instances = instances
  }

  public struct Outcome: Sendable {
    public var instances = 0
    public var modules = 0
    /// Instantiations that found the pool full.
    public var refusals = 0
    public var failures: [String] = []
    /// Of the pool, once all tenants are gone; nil without one.
    public var pool: PoolStatistics?
    public init() {}
  }

  /// Compiled, and shared by the threads.
  private struct Shared: Sendable {
    let model: TenantModule
    let linked: LinkedModule<Void>
  }

  /// - Returns: what was run, and every contamination found.
  public func run(_ engine: Engine) throws -> Outcome {
    var random = SplitMix(seed: seed)
    let first = try (0..<modules).map { _ in try make(engine, &random) }
    let shared = Mutex(first)
    let total = Mutex(Outcome())
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      let outcome = work(engine, shared, thread)
      total.withLock {
        $0.instances += outcome.instances
        $0.modules += outcome.modules
        $0.refusals += outcome.refusals
        $0.failures += outcome.failures
      }
    }
    var outcome = total.withLock { $0 }
    engine.purgePool()
    outcome.pool = engine.poolStatistics
    if let pool = engine.poolStatistics {
      if pool.live != 0 { outcome.failures.append("seed \(seed): \(pool.live) slots are still taken") }
      if pool.warm != 0 { outcome.failures.append("seed \(seed): \(pool.warm) slots are warm after a purge") }
      if pool.quarantined != 0 { outcome.failures.append("seed \(seed): \(pool.quarantined) slots were given up") }
    }
    return outcome
  }

  private func make(_ engine: Engine, _ random: inout SplitMix) throws -> Shared {
    let model = TenantModule(&random)
    return Shared(model: model, linked: try Linker<Void>(engine).link(model.compile(engine)))
  }

  private func work(_ engine: Engine, _ shared: borrowing Mutex<[Shared]>, _ thread: Int) -> Outcome {
    var random = SplitMix(seed: seed &+ UInt64(thread) &* 0x1234_5678_9ABC_DEF1 &+ 1)
    var outcome = Outcome()
    var tenants: [Tenant] = []
    let quota = instances / threads
    while outcome.instances < quota && outcome.failures.count < 5 {
      do {
        if random.below(300) == 0 {
          let replacement = try make(engine, &random)
          let position = random.below(modules)
          shared.withLock { $0[position] = replacement }
          outcome.modules += 1
        }
        // Mostly the same few modules: their slots are warm.
        let position = random.chance(70) ? random.below(2) : random.below(modules)
        let chosen = shared.withLock { $0[position] }
        let tenant = try Tenant(chosen.model, chosen.linked, engine, strays: strays)
        outcome.instances += 1
        try Inspection(model: chosen.model, instance: tenant.instance).expectFresh()
        if random.chance(30) { try tenant.expectPassiveSegments() }
        // Long quiet times, in which memories come to rely on habits, and then those that have none.
        let isQuiet = outcome.instances / 150 % 2 == 1
        try tenant.keepToHabits()
        if !isQuiet || random.chance(4) { for _ in 0..<random.below(6) { try tenant.act(&random) } }
        tenants.append(tenant)
        while tenants.count > random.below(alive) { tenants.remove(at: random.below(tenants.count)) }
      } catch WasmError.limit {
        outcome.refusals += 1
        tenants.removeAll()
      } catch WasmError.exhausted {
        outcome.refusals += 1
        tenants.removeAll()
      } catch {
        outcome.failures.append("seed \(seed), thread \(thread), instance \(outcome.instances): \(error)")
      }
    }
    return outcome
  }
}
