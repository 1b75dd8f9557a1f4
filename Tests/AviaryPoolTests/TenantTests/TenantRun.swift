import AviaryPool
import Synchronization

/// Many tenants of one pool on several threads.
final class TenantRun: Sendable {
  struct Totals {
    var tenants = 0
    var refusals = 0
    var purges = 0
  }

  let pool: MemoryPool
  private let most: UInt64
  private let modules: Mutex<[TenantModule]>
  private let found = Mutex<[String]>([])
  private let sums = Mutex(Totals())
  private let seed: UInt64
  private let isCalm: Bool

  init(_ strategy: TenantStrategy, seed: UInt64) throws {
    pool = try MemoryPool(strategy.configuration)
    most = pool.configuration.maxMemoryBytes
    isCalm = strategy.isCalm
    self.seed = seed
    modules = Mutex([])
  }

  private func populate() throws {
    var generator = SeededGenerator(seed: seed)
    var made: [TenantModule] = []
    for _ in 0..<6 { made.append(try module(&generator, pool.makeGroup())) }
    // And one that is nobody's.
    made.append(try module(&generator, nil))
    modules.withLock { $0 = made }
  }

  private func module(_ generator: inout SeededGenerator, _ group: AffinityGroup?) throws -> TenantModule {
    try TenantModule(&generator, group: group, most: most, hasHabit: isCalm || generator.oneIn(2))
  }

  var problems: [String] { found.withLock { $0 } }
  var totals: Totals { sums.withLock { $0 } }

  /// With modules of its own, all gone in the end. Returns when the tenants have gone too.
  func run(tenants: Int, threads: Int) throws {
    try populate()
    onThreads(threads) { thread in
      var generator = SeededGenerator(seed: self.seed &* 100 &+ UInt64(thread) &+ 1)
      do {
        try self.run(tenants / threads, &generator)
      } catch {
        self.report("\(error)")
      }
    }
    purge()
  }

  private func purge() {
    for module in modules.withLock({ modules in defer { modules = [] }; return modules }) {
      if let group = module.group { pool.purge(group) }
    }
    pool.flush()
  }

  private func report(_ problem: String?) {
    guard let problem else { return }
    found.withLock { if $0.count < 20 { $0.append("seed \(seed): \(problem)") } }
  }

  private func run(_ count: Int, _ generator: inout SeededGenerator) throws {
    var held: [Tenant] = []
    var totals = Totals()
    while totals.tenants < count, found.withLock({ $0.isEmpty }) {
      if generator.oneIn(isCalm ? 1000 : 120) {
        totals.purges += 1
        try replace(&generator)
      }
      let choice = generator.below(generator.oneIn(isCalm ? 50 : 3) ? 7 : 2)
      let module = modules.withLock { $0[choice] }
      do {
        let slot = try pool.acquire(module.request(stripe: generator.below(pool.stripeCount)))
        let tenant = Tenant(slot, module, pool)
        totals.tenants += 1
        if try !live(tenant, &generator) { return }
        held.append(tenant)
      } catch VMError.limit {
        // All are in use, perhaps by other threads.
        totals.refusals += 1
        if !held.isEmpty { end(held.remove(at: generator.below(held.count)), &generator) }
        continue
      }
      // Sometimes one at a time, sometimes many, dropped in any order.
      let keeps = generator.oneIn(4) ? generator.below(7) : held.count - generator.below(3)
      while held.count > max(0, keeps) { end(held.remove(at: generator.below(held.count)), &generator) }
    }
    for tenant in held { end(tenant, &generator) }
    sums.withLock {
      $0.tenants += totals.tenants
      $0.refusals += totals.refusals
      $0.purges += totals.purges
    }
  }

  /// False: something was found.
  private func live(_ tenant: Tenant, _ generator: inout SeededGenerator) throws -> Bool {
    // Looking at all pages changes how they are brought back: half look at the end only.
    var problem = generator.oneIn(2) ? tenant.inspection("at first") : nil
    if problem == nil, generator.oneIn(8) { problem = tenant.boundary(&generator) }
    let keepsHabit = !tenant.module.habit.isEmpty && !generator.oneIn(40)
    if keepsHabit { tenant.writeByHabit(&generator) }
    for _ in 0..<(keepsHabit ? 0 : generator.below(5)) where problem == nil {
      if generator.oneIn(4) { problem = try tenant.grow(&generator) } else { tenant.write(&generator) }
      if generator.oneIn(8) { problem = problem ?? tenant.inspection("in between") }
    }
    if problem == nil, generator.oneIn(8) { problem = tenant.boundary(&generator) }
    // Takes long: the kernel lists all mappings.
    if problem == nil, generator.oneIn(20) { problem = tenant.colour() }
    report(problem)
    return problem == nil
  }

  private func end(_ tenant: consuming Tenant, _ generator: inout SeededGenerator) {
    report(tenant.inspection("at last"))
  }

  /// A module goes while its instances live, another comes in its place.
  private func replace(_ generator: inout SeededGenerator) throws {
    let choice = generator.below(6)
    let new = try module(&generator, pool.makeGroup())
    let old = modules.withLock { modules in
      let old = modules[choice]
      modules[choice] = new
      return old
    }
    if let group = old.group { pool.purge(group) }
  }
}
