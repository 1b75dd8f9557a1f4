import Testing

@testable import AviaryPool

/// What unused slots may keep, and what is counted.
@Suite struct MemoryPoolBudgetTests {
  private func fill(_ pool: MemoryPool, _ group: AffinityGroup, _ image: TestImage?) throws {
    let slot = try pool.acquire(MemoryRequest(group: group, image: image?.image, initialBytes: 64 * kibibyte))
    slot.fill(5, 64 * kibibyte)
  }

  @Test func `unused slots keep no more than the budget`() throws {
    let pool = try MemoryPool(
      .small(slots: 32) {
        $0.reset = .keepResident
        $0.keepResidentBytes = 1 << 20
        $0.residentBudgetBytes = 200 * kibibyte
      })
    let groups = (0..<16).map { _ in pool.makeGroup() }
    for round in 0..<64 {
      try fill(pool, groups[round * 7 % 16], nil)
      #expect(pool.statistics.residentBytes <= 200 * kibibyte)
    }
    #expect(pool.statistics.warm == 3)
    for group in groups { pool.purge(group) }
    #expect(pool.statistics.residentBytes == 0)
    #expect(pool.statistics.cold == 32)
  }

  @Test func `the least recently used slot goes first`() throws {
    let pool = try MemoryPool(.small(slots: 8) { $0.warmSlots = 2 })
    let groups = (0..<3).map { _ in pool.makeGroup() }
    let images = try (0..<3).map { try TestImage(start: 0, pages: 2, seed: UInt8($0)) }
    for round in [0, 1, 0, 2] { try fill(pool, groups[round], images[round]) }
    #expect(pool.statistics.warm == 2)
    #expect(pool.statistics.affineAcquisitions == 1)
    // 1 was evicted, 0 was not.
    try fill(pool, groups[0], images[0])
    #expect(pool.statistics.affineAcquisitions == 2)
    try fill(pool, groups[1], images[1])
    #expect(pool.statistics.affineAcquisitions == 2)
  }

  @Test func `each acquisition and each reset is counted once`() throws {
    let pool = try MemoryPool(.small(slots: 2) { $0.reset = .decommit; $0.warmSlots = 2 })
    let groups = (0..<3).map { _ in pool.makeGroup() }
    for group in groups + [groups[2]] { try fill(pool, group, nil) }
    let statistics = pool.statistics
    #expect(statistics.coldAcquisitions == 2)
    #expect(statistics.evictingAcquisitions == 1)
    #expect(statistics.affineAcquisitions == 1)
    #expect(statistics.decommitResets == 4)
    #expect(statistics.failedResets == 0)
    #expect(statistics.live == 0 && statistics.warm == 2 && statistics.cold == 0 && statistics.quarantined == 0)
  }

  @Test func `what waits to be dropped is bounded by the budget too`() throws {
    let pool = try MemoryPool(
      .small(slots: 32) {
        $0.decommitBatch = 1024
        $0.residentBudgetBytes = 256 * kibibyte
      })
    let group = pool.makeGroup()
    for round in 1...12 {
      try fill(pool, group, nil)
      #expect(pool.statistics.live == round % 4)
    }
  }

  @Test(.enabled(if: ResetSupport.probe().scans && ResetSupport.probe().protects, "the kernel reports no writes"))
  func `a calm module needs no system call at all`() throws {
    let pool = try MemoryPool(.small { $0.reset = .automatic })
    let image = try TestImage(start: 0, pages: 4, seed: 1)
    let request = MemoryRequest(group: pool.makeGroup(), image: image.image, initialBytes: 64 * kibibyte)
    func run(_ count: Int) throws {
      for _ in 0..<count {
        let slot = try pool.acquire(request)
        let isClean = slot.reads(image, 64 * kibibyte)
        #expect(isClean)
        slot.write(1, at: 5000)
        slot.write(1, at: 40000)
      }
    }
    try run(40)
    let before = pool.statistics
    let calls = try SystemCalls.during { try run(20) }.count
    #expect(calls == 0)
    let after = pool.statistics
    #expect(after.adaptiveResets - before.adaptiveResets == 20)
    #expect(after.faults == before.faults)
    #expect(after.residentBytes == 2 * page)
  }
}
