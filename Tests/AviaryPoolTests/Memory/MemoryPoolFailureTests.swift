@testable import AviaryPool
import CAviaryHost
import Glibc
import Testing

/// Each system call of a pool's life fails in turn.
///
/// What has to hold: the error is a typed one and says what failed; what is handed out afterwards is
/// clean; no slot, image or mapping is lost.
@Suite struct MemoryPoolFailureTests {
  /// Two modules and none, grown and not, warm, evicting, without a group, purged.
  private struct Scenario {
    let first: TestImage
    let second: TestImage
    var errors: [any Error] = []
    var dirty: [String] = []

    init() throws {
      first = try TestImage(start: 4096, pages: 2, seed: 0x21)
      second = try TestImage(start: 0, pages: 5, seed: 0x42)
    }

    /// Any step may fail; the next one goes on.
    mutating func run(_ pool: MemoryPool) {
      let groups = [pool.makeGroup(), pool.makeGroup()]
      for round in 0..<3 {
        use(pool, groups[0], first, 32 * kibibyte, grown: 128 * kibibyte, "first, round \(round)")
        use(pool, groups[0], first, 32 * kibibyte, grown: 0, "first again, round \(round)")
      }
      // Calm: an adaptive slot is armed, then faults, then grows.
      for round in 0..<12 { poke(pool, groups[0], first, 32 * kibibyte, at: round == 10 ? 20000 : 5000, "calm \(round)") }
      use(pool, groups[0], first, 32 * kibibyte, grown: 128 * kibibyte, "no longer calm")
      use(pool, groups[1], second, 64 * kibibyte, grown: 256 * kibibyte, "second")
      use(pool, groups[1], nil, 16 * kibibyte, grown: 96 * kibibyte, "second without image")
      use(pool, nil, second, 20 * kibibyte, grown: 40 * kibibyte, "nobody's")
      use(pool, groups[0], second, 20 * kibibyte, grown: 0, "another image")
      hold(pool, groups, 4)
      pool.purge(groups[0])
      use(pool, nil, nil, 0, grown: 256 * kibibyte, "nothing at all")
      pool.flush()
      pool.purge(groups[1])
    }

    /// One write.
    mutating func poke(
      _ pool: MemoryPool, _ group: AffinityGroup?, _ image: TestImage?, _ initial: UInt64, at offset: UInt64, _ what: String
    ) {
      do {
        let slot = try pool.acquire(MemoryRequest(group: group, image: image?.image, initialBytes: initial))
        check(slot, image, initial, what)
        slot.write(0xee, at: offset)
      } catch { errors.append(error) }
    }

    /// All slots at a time, of both modules in turn.
    mutating func hold(_ pool: MemoryPool, _ groups: [AffinityGroup], _ count: Int) {
      guard count > 0 else { return }
      let image = count % 2 == 0 ? first : second
      do {
        let slot = try pool.acquire(
          MemoryRequest(
            group: groups[count % 2], stripe: count % pool.stripeCount, image: image.image, initialBytes: 64 * kibibyte))
        check(slot, image, 64 * kibibyte, "\(count) at a time")
        hold(pool, groups, count - 1)
        slot.fill(0xdd, 64 * kibibyte)
      } catch { errors.append(error) }
    }

    mutating func use(
      _ pool: MemoryPool, _ group: AffinityGroup?, _ image: TestImage?, _ initial: UInt64, grown: UInt64, _ what: String
    ) {
      do {
        let slot = try pool.acquire(MemoryRequest(group: group, image: image?.image, initialBytes: initial))
        check(slot, image, initial, what)
        do {
          try slot.grow(to: grown)
          let size = max(grown, initial)
          if !slot.reads(image, size) { dirty.append(what + ", grown") }
          slot.fill(0xcc, size)
        } catch {
          errors.append(error)
          if slot.accessibleBytes(of: 256 * kibibyte) != initial { dirty.append(what + ", after growth failed") }
        }
      } catch { errors.append(error) }
    }

    mutating func check(_ slot: borrowing MemorySlot, _ image: TestImage?, _ initial: UInt64, _ what: String) {
      if slot.accessibleBytes(of: 256 * kibibyte) != initial { dirty.append(what + ", its size") }
      if !slot.reads(image, initial) { dirty.append(what + ", its contents") }
    }
  }

  /// - Returns: whether the call was met.
  private func fails(_ number: Int, with error: Int32, _ configuration: MemoryPoolConfiguration) throws -> Bool {
    var scenario = try Scenario()
    // A page that cannot be filled is the guest's trap; here there is no guest.
    let filling = Int32(AVIARY_SYSTEM_FAULTFD_COPY)...Int32(AVIARY_SYSTEM_FAULTFD_POISON)
    let outcome = SystemCalls.during(failing: number, with: error, except: filling) { () -> (pool: MemoryPool?, operation: Int32?) in
      do {
        let pool = try MemoryPool(configuration)
        scenario.run(pool)
        return (pool, SystemCalls.failedOperation)
      } catch {
        scenario.errors.append(error)
        return (nil, SystemCalls.failedOperation)
      }
    }.result
    let what: Comment = "call \(number), operation \(outcome.operation ?? -1), failing with \(error)"
    if let pool = outcome.pool { try inspect(pool, &scenario, what) }
    #expect(scenario.dirty == [], what)
    #expect(scenario.errors.count <= 1, what)
    for failure in scenario.errors {
      // Asked what it has, the kernel gave no answer.
      if case VMError.configuration = failure, outcome.pool == nil { continue }
      guard case VMError.system(_, let name, _) = failure else {
        Issue.record(failure, what)
        continue
      }
      #expect(name == (error == EINVAL ? "EINVAL" : "ENOMEM"), what)
    }
    return outcome.operation != nil
  }

  /// Whatever happened: all slots but a quarantined one are there, and clean.
  private func inspect(_ pool: MemoryPool, _ scenario: inout Scenario, _ what: Comment) throws {
    let quarantined = pool.statistics.quarantined
    #expect(quarantined <= 1, what)
    #expect(pool.statistics.live == 0, what)
    var held: [HeldSlot] = []
    for stripe in 0..<pool.stripeCount {
      while let slot = try? pool.acquire(
        MemoryRequest(stripe: stripe, image: scenario.second.image, initialBytes: 64 * kibibyte))
      {
        try slot.grow(to: pool.configuration.maxMemoryBytes)
        if !slot.reads(scenario.second, pool.configuration.maxMemoryBytes) { scenario.dirty.append("at the end") }
        held.append(HeldSlot(slot))
      }
    }
    #expect(held.count == pool.grantedSlots - quarantined, what)
    held = []
    pool.flush()
    #expect(pool.statistics.cold == pool.grantedSlots - quarantined, what)
    #expect(pool.statistics.residentBytes == 0, what)
    if quarantined == 0 {
      // Slots that nobody uses are one mapping, if the kernel joins them: it does not where pages of neighbours were
      // touched under circumstances of their own. More than one for each would be of our making.
      let start = pool.base(of: 0)
      #expect(Holdings.mappings(in: start..<(pool.base(of: pool.grantedSlots - 1) + 1)) <= pool.grantedSlots, what)
    }
  }

  @Test(arguments: MemoryPoolTests.all, [EINVAL, ENOMEM])
  func `each system call may fail`(configuration: MemoryPoolConfiguration, error: Int32) throws {
    var number = 0
    var change = configuration
    change.slots = 4
    change.warmSlots = 2
    while try fails(number, with: error, change) { number += 1 }
    #expect(number > 20)
  }

  @Test func `a slot that cannot be remapped is quarantined`() throws {
    let pool = try MemoryPool(.small(slots: 1))
    let request = MemoryRequest(initialBytes: page)
    // The release cannot clear it, nor can the next use.
    try SystemCalls.during(failing: 0, with: EINVAL, only: Int32(AVIARY_SYSTEM_CLEAR), failures: 2) {
      do { _ = try pool.acquire(request) }
      #expect(pool.statistics.failedResets == 1)
      #expect(throws: VMError.self) { _ = try pool.acquire(request) }
    }
    #expect(pool.statistics.quarantined == 1)
    #expect(throws: VMError.limit("all memories of the pool's 1 are in use")) { _ = try pool.acquire(request) }
  }

  @Test func `a shortage passes by`() throws {
    let pool = try MemoryPool(.small(slots: 1))
    let request = MemoryRequest(initialBytes: page)
    try SystemCalls.during(failing: 0, with: ENOMEM, only: Int32(AVIARY_SYSTEM_CLEAR), failures: 2) {
      do {
        let slot = try pool.acquire(request)
        slot.fill(7, page)
      }
      #expect(throws: VMError.self) { _ = try pool.acquire(request) }
    }
    let slot = try pool.acquire(request)
    let isClean = slot.reads(nil, page)
    #expect(isClean)
    #expect(pool.statistics.quarantined == 0)
  }
}

/// A lease in an array.
final class HeldSlot {
  let slot: MemorySlot
  var base: UInt { slot.base }
  init(_ slot: consuming MemorySlot) { self.slot = slot }
}
