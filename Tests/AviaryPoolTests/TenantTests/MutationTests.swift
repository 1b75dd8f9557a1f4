import Testing

@testable import AviaryPool

/// What the tenants' inspections are worth: a pool with a deliberate mistake has to be found out.
@Suite(.serialized) struct MutationTests {
  private func findings(_ strategy: TenantStrategy, _ faults: MemoryPoolFaults) throws -> [String] {
    var mutated = strategy
    mutated.faults = faults.rawValue
    let run = try TenantRun(mutated, seed: 1)
    try run.run(tenants: 3000, threads: 2)
    if let first = run.problems.first { print("mutation: \(strategy.testDescription): \(first)") }
    return run.problems
  }

  @Test(arguments: TenantStrategy.plain)
  func `a slot that is not reset is found`(strategy: TenantStrategy) throws {
    #expect(try !findings(strategy, .skipsReset).isEmpty)
  }

  @Test(
    .enabled(if: TenantStrategy.adapts, "the kernel does not report writes to protected pages"),
    arguments: TenantStrategy.scanning + TenantStrategy.adaptive)
  func `a slot that is not scanned is found`(strategy: TenantStrategy) throws {
    #expect(try !findings(strategy, .skipsReset).isEmpty)
  }

  @Test(
    .enabled(if: TenantStrategy.fills(.thread) && TenantStrategy.fills(.signal), "userfaultfd is not permitted"),
    arguments: TenantStrategy.threaded + TenantStrategy.signalled)
  func `pages that are not dropped are found`(strategy: TenantStrategy) throws {
    #expect(try !findings(strategy, .skipsReset).isEmpty)
  }

  @Test(arguments: TenantStrategy.plain)
  func `a grown tail that is not hidden is found`(strategy: TenantStrategy) throws {
    #expect(try !findings(strategy, .skipsHide).isEmpty)
  }

  @Test(arguments: TenantStrategy.plain)
  func `a slot that is not cleared is found`(strategy: TenantStrategy) throws {
    #expect(try !findings(strategy, .skipsClear).isEmpty)
  }

  @Test(.enabled(if: ProtectionKeys.areSupported, "the machine has no protection keys"))
  func `memory that is not coloured is found`() throws {
    #expect(try !findings(TenantStrategy(.copyOnWrite, .decommit, striped: true), .skipsRecolour).isEmpty)
  }
}
