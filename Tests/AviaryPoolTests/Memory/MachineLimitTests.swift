import CAviaryHost
import Glibc
import Testing

@testable import AviaryPool

/// What a pool says and does where the machine has less than it was asked for.
@Suite struct MachineLimitTests {
  @Test func `a reservation beyond the address space shrinks, and says so`() throws {
    var configuration = MemoryPoolConfiguration()
    configuration.keys = .off
    configuration.slots = 1_000_000
    let pool = try MemoryPool(configuration)
    #expect(pool.grantedSlots > 1000 && pool.grantedSlots < 30000)
    #expect(pool.notes.contains { $0.contains("\(pool.grantedSlots)") && $0.contains("1000000") }, "\(pool.notes)")
    let slot = try pool.acquire(MemoryRequest(initialBytes: page))
    slot.write(1, at: 0)
    configuration.shrinksToFit = false
    #expect(throws: VMError.self) { try MemoryPool(configuration) }
  }

  @Test func `more slots than mappings are noted with both numbers`() throws {
    let limit = aviary_system_mapping_limit()
    try #require(limit > 0)
    let slots = Int(limit / 3) + 1
    let change = { (configuration: inout MemoryPoolConfiguration) in
      configuration.maxMemoryBytes = 64 * kibibyte
      configuration.reservationBytes = 64 * kibibyte
      configuration.reset = .decommit
    }
    let pool = try MemoryPool(.small(slots: slots, change))
    #expect(pool.notes.count == 1)
    #expect(pool.notes.allSatisfy { $0.contains("\(slots * 3)") && $0.contains("\(limit)") && $0.contains("sysctl") })
    #expect(try MemoryPool(.small(slots: slots / 2, change)).notes == [])
  }

  @Test(arguments: [MemoryPoolConfiguration.Reset.automatic, .adaptive, .scan])
  func `what the kernel lacks is told or refused`(reset: MemoryPoolConfiguration.Reset) throws {
    let configuration = MemoryPoolConfiguration.small { $0.reset = reset }
    var falling = configuration
    falling.fallsBack = true
    for scans in [false, true] {
      let support = ResetSupport(scans: scans, protects: false)
      if reset == .scan && scans {
        #expect(try PoolStrategy(configuration, support).notes == [])
        continue
      }
      let best = scans ? MemoryPoolConfiguration.Reset.scan : .decommit
      for asked in [configuration, falling] {
        if reset != .automatic && !asked.fallsBack {
          #expect(throws: VMError.self) { try PoolStrategy(asked, support) }
          continue
        }
        let strategy = try PoolStrategy(asked, support)
        #expect(strategy.reset == best && strategy.notes.count == 1)
      }
    }
    let whole = try PoolStrategy(configuration, ResetSupport(scans: true, protects: true))
    #expect(whole.reset == (reset == .scan ? .scan : .adaptive) && whole.notes == [])
  }

  /// Of the range's mappings; from /proc/self/smaps.
  private func hugeBytes(in range: Range<UInt>) -> UInt64 {
    guard let file = unsafe fopen("/proc/self/smaps", "r") else { return 0 }
    defer { unsafe fclose(file) }
    var sum: UInt64 = 0
    var isInside = false
    var line = [CChar](repeating: 0, count: 4096)
    while unsafe fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let bounds = text.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
      if bounds.count == 2 { isInside = bounds[0] < range.upperBound && bounds[1] > range.lowerBound }
      if isInside, text.hasPrefix("AnonHugePages:") { sum += UInt64(text.split(separator: " ")[1]) ?? 0 }
    }
    return sum << 10
  }

  /// The kernel's own setting decides; on most machines this shows only that nothing is lost.
  @Test func `one written byte takes no huge page, before and after a slot was cleared`() throws {
    let pool = try MemoryPool(
      .small(slots: 2) {
        $0.maxMemoryBytes = 16 << 20
        $0.reservationBytes = 16 << 20
      })
    for _ in 0..<2 {
      let slot = try pool.acquire(MemoryRequest(initialBytes: 16 << 20))
      for offset in stride(from: 0, to: UInt64(16 << 20), by: 1 << 20) { slot.write(1, at: offset) }
      #expect(hugeBytes(in: slot.base..<(slot.base + 16 << 20)) == 0)
    }
    #expect(Holdings.mappings(in: pool.base(of: 0)..<(pool.base(of: 1) + 1)) == 1)
  }

  @Test func `settings that make no sense are refused`() {
    let changes: [(inout MemoryPoolConfiguration) -> Void] = [
      { $0.slots = 0 }, { $0.slots = -1 }, { $0.slots = .max }, { $0.maxMemoryBytes = 4096 }, { $0.warmSlots = -1 },
      { $0.maxMemoryBytes = 1 << 50 }, { $0.reservationBytes = .max }, { $0.guardBytes = .max - 1 },
      { $0.maximumKeys = -1 }, { $0.decommitBatch = -1 },
    ]
    for (number, change) in changes.enumerated() {
      #expect(throws: VMError.self, "\(number)") { try MemoryPool(.small { $0.shrinksToFit = false; change(&$0) }) }
    }
  }

  /// In a process of its own: in this one, other tests need mappings.
  @Test func `when mappings run out, that is an error, and it passes`() async {
    await #expect(processExitsWith: .success) {
      let limit = aviary_system_mapping_limit()
      // More would take too long.
      guard limit > 0, limit < 200_000 else { return }
      let pool = try MemoryPool(
        .small(slots: Int(limit)) {
          $0.maxMemoryBytes = 64 * kibibyte
          $0.reservationBytes = 64 * kibibyte
          $0.warmSlots = 4
        })
      let image = try TestImage(start: 0, pages: 1, seed: 1)
      let group = pool.makeGroup()
      let request = MemoryRequest(group: group, image: image.image, initialBytes: 64 * kibibyte)
      for _ in 0..<2 {
        var held: [HeldSlot] = []
        held.reserveCapacity(Int(limit))
        var failure: VMError?
        while failure == nil {
          do { held.append(HeldSlot(try pool.acquire(request))) } catch { failure = error as? VMError }
        }
        precondition("\(failure!)".contains("vm.max_map_count is \(limit)"), "\(failure!)")
        precondition(held.count > limit / 4)
        for slot in held.prefix(100) {
          precondition(slot.slot.reads(image, 64 * kibibyte))
          slot.slot.fill(0xaa, 64 * kibibyte)
        }
        held = []
      }
      precondition(pool.statistics.quarantined == 0 && pool.statistics.live == 0)
      for _ in 0..<200 {
        let slot = try pool.acquire(request)
        precondition(slot.reads(image, 64 * kibibyte))
      }
      pool.purge(group)
    }
  }

  /// Other parts of the process take mappings when there are none left for the pool, and keep them.
  @Test func `slots are given back where others have taken the last mapping`() async {
    await #expect(processExitsWith: .success) {
      let limit = aviary_system_mapping_limit()
      guard limit > 0, limit < 200_000 else { return }
      let pool = try MemoryPool(
        .small(slots: 64) {
          $0.maxMemoryBytes = 64 * kibibyte
          $0.reservationBytes = 64 * kibibyte
          $0.warmSlots = 4
        })
      let image = try TestImage(start: 0, pages: 1, seed: 1)
      let request = MemoryRequest(group: pool.makeGroup(), image: image.image, initialBytes: 64 * kibibyte)
      for _ in 0..<3 {
        var held: [HeldSlot] = []
        held.reserveCapacity(40)
        for _ in 0..<40 { held.append(HeldSlot(try pool.acquire(request))) }
        var others: [UnsafeMutableRawPointer] = unsafe []
        unsafe others.reserveCapacity(Int(limit) + 1)
        // Neighbours differ, so none are joined.
        while let other = unsafe mmap(
          nil, Int(page), others.count % 2 == 0 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
          unsafe other != MAP_FAILED
        { unsafe others.append(other) }
        precondition(unsafe others.count > Int(limit) / 2)
        held = []
        precondition(pool.statistics.failedResets == 0 && pool.statistics.live == 0)
        for _ in 0..<20 { held.append(HeldSlot(try pool.acquire(request))) }
        for slot in held { precondition(slot.slot.reads(image, 64 * kibibyte)) }
        for unsafe other in unsafe others { unsafe munmap(other, Int(page)) }
      }
    }
  }
}
