import AviaryPool
import Foundation
import Testing

/// Tenants over all strategies; AVIARY_TENANTS asks for more of them, AVIARY_TENANT_SEED for others.
private enum TenantCount {
  static var each: Int {
    let all = ProcessInfo.processInfo.environment["AVIARY_TENANTS"].flatMap { Int($0) } ?? 10_000
    return max(30, all / TenantStrategy.count)
  }
  static var seed: UInt64 { ProcessInfo.processInfo.environment["AVIARY_TENANT_SEED"].flatMap { UInt64($0) } ?? 1 }
}

@Suite(.serialized) struct TenantTests {
  @Test(arguments: TenantStrategy.plain)
  func `no tenant sees another's bytes`(strategy: TenantStrategy) async { await inhabit(strategy) }

  @Test(.enabled(if: TenantStrategy.scans, "the kernel has no PAGEMAP_SCAN"), arguments: TenantStrategy.scanning)
  func `nor where written pages are scanned for`(strategy: TenantStrategy) async { await inhabit(strategy) }

  @Test(
    .enabled(if: TenantStrategy.adapts, "the kernel does not report writes to protected pages"),
    arguments: TenantStrategy.adaptive)
  func `nor where written pages report themselves`(strategy: TenantStrategy) async { await inhabit(strategy) }

  @Test(
    .enabled(if: TenantStrategy.fills(.thread), "userfaultfd is not permitted"), arguments: TenantStrategy.threaded)
  func `nor where a thread fills pages`(strategy: TenantStrategy) async { await inhabit(strategy) }

  @Test(
    .enabled(if: TenantStrategy.fills(.signal), "userfaultfd is not permitted"), arguments: TenantStrategy.signalled)
  func `nor where signals fill pages`(strategy: TenantStrategy) async { await inhabit(strategy) }

  /// In a process of its own, so that what is held can be counted.
  private func inhabit(_ strategy: TenantStrategy) async {
    let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) { [strategy] in
      do {
        try TenantTests.run(strategy)
      } catch {
        Issue.record("\(strategy.testDescription): \(error)")
        print("\(error)")
      }
    }
    print(String(decoding: result?.standardOutputContent ?? [], as: UTF8.self), terminator: "")
  }

  private static func run(_ strategy: TenantStrategy) throws {
    let run = try TenantRun(strategy, seed: TenantCount.seed)
    // The first ones make the C library's and the kernel's lists grow.
    try run.run(tenants: TenantCount.each / 3, threads: 3)
    let before = TenantHoldings()
    try run.run(tenants: TenantCount.each - TenantCount.each / 3, threads: 3)
    #expect(run.problems == [], "\(strategy.testDescription)")
    for problem in run.problems { print(problem) }
    TenantHoldings().expectNoMore(than: before)
    let left = run.pool.statistics
    print("tenants: \(strategy.testDescription): \(run.totals), \(before.files) files, \(left)")
    #expect(left.live == 0 && left.warm == 0 && left.quarantined == 0 && left.cold == run.pool.grantedSlots)
    #expect(left.residentBytes == 0)
    // Or nothing was tested of it.
    if strategy.isCalm, run.totals.tenants > 400 { #expect(left.adaptiveResets > 40) }
    try TenantTests.takeAll(run.pool)
  }

  /// No slot is lost.
  private static func takeAll(_ pool: MemoryPool) throws {
    var leases: [Tenant] = []
    var generator = SeededGenerator(seed: 3)
    let module = try TenantModule(&generator, group: nil, most: pool.configuration.maxMemoryBytes, hasHabit: false)
    for index in 0..<pool.grantedSlots {
      let slot = try pool.acquire(module.request(stripe: index % pool.stripeCount))
      leases.append(Tenant(slot, module, pool))
    }
    #expect(leases.allSatisfy { $0.inspection("of all") == nil })
    #expect(Set(leases.map(\.index)).count == pool.grantedSlots)
  }
}
