import Testing

@testable import AviaryPool

@Suite struct SlotAllocatorTests {
  private func take(_ slots: SharedSlots, _ group: AffinityGroup?, _ stripe: Int = 0) throws -> Taken {
    let taken = slots.take(group: group, stripe: stripe)
    return try #require(taken)
  }

  @Test func `slots come from their stripe, lowest first`() throws {
    let slots = try SharedSlots(slots: 8, stripes: 3, warmLimit: 8, shards: 1)
    #expect(try (0..<3).map { _ in try take(slots, nil, 1).index } == [1, 4, 7])
    #expect(slots.take(group: nil, stripe: 1) == nil)
    #expect(try (0..<2).map { _ in try take(slots, nil, 2).index } == [2, 5])
    #expect(slots.take(group: nil, stripe: 2) == nil)
    #expect(slots.counts == SlotCounts(live: 5, warm: 0, cold: 3, neverUsed: 3, quarantined: 0))
  }

  @Test func `the group's most recently used slot comes first`() throws {
    let slots = try SharedSlots(slots: 8, stripes: 1, warmLimit: 8, shards: 1)
    let (one, other) = (slots.makeGroup(), slots.makeGroup())
    for (index, group) in try [one, other, one].map({ (try take(slots, nil).index, $0) }) {
      slots.giveBack(index, warmFor: group)
    }
    // All three came from slot 0: each take found no slot of its group, but a cold one below the limit.
    #expect(slots.counts.warm == 3)
    #expect(try take(slots, one) == .init(index: 2, isAffine: true, hadGroup: one))
    #expect(try take(slots, one) == .init(index: 0, isAffine: true, hadGroup: one))
    #expect(try take(slots, one) == .init(index: 3, isAffine: false, hadGroup: nil))
    #expect(try take(slots, other).index == 1)
  }

  @Test func `beyond the warm limit the oldest is evicted`() throws {
    let slots = try SharedSlots(slots: 8, stripes: 1, warmLimit: 2, shards: 1)
    let groups = (0..<3).map { _ in slots.makeGroup() }
    let taken = try groups.map { _ in try take(slots, nil).index }
    #expect(slots.giveBack(taken[0], warmFor: groups[0]) == .free)
    #expect(slots.giveBack(taken[1], warmFor: groups[1]) == .free)
    #expect(slots.giveBack(taken[2], warmFor: groups[2]) == .freeBeyondWarmLimit)
    let candidate = slots.evictionCandidate()
    #expect(candidate == .init(index: 0, isAffine: false, hadGroup: groups[0]))
    #expect(slots.giveBack(0, warmFor: nil) == .free)
    // At the limit no cold slot is used.
    #expect(try take(slots, groups[0]) == .init(index: 1, isAffine: false, hadGroup: groups[1]))
    // Below it, the one that was used last.
    #expect(try take(slots, groups[0]) == .init(index: 0, isAffine: false, hadGroup: nil))
    let none = try SharedSlots(slots: 2, stripes: 1, warmLimit: 2, shards: 1).evictionCandidate()
    #expect(none == nil)
  }

  @Test func `a warm slot serves where no cold one is left, and the other way round`() throws {
    let slots = try SharedSlots(slots: 2, stripes: 1, warmLimit: 2, shards: 1)
    let group = slots.makeGroup()
    let taken = try [take(slots, nil).index, take(slots, nil).index]
    slots.giveBack(taken[0], warmFor: group)
    #expect(try take(slots, nil) == .init(index: 0, isAffine: false, hadGroup: group))
    #expect(slots.take(group: group, stripe: 0) == nil)
    let cold = try SharedSlots(slots: 2, stripes: 1, warmLimit: 0, shards: 1)
    #expect(try [take(cold, nil).index, take(cold, nil).index] == [0, 1])
  }

  @Test func `a retired group keeps nothing`() throws {
    let slots = try SharedSlots(slots: 8, stripes: 2, warmLimit: 8, shards: 1)
    let (group, other) = (slots.makeGroup(), slots.makeGroup())
    let indices = try [0, 1, 0, 1].map { try take(slots, group, $0).index }
    slots.giveBack(indices[0], warmFor: group)
    slots.giveBack(indices[1], warmFor: group)
    slots.giveBack(indices[2], warmFor: other)
    #expect(slots.retire(group) == [0, 1])
    #expect(slots.retire(group) == [])
    // Taken out, so the caller gives them back; the one in use is refused when it comes.
    slots.giveBack(0, warmFor: nil)
    slots.giveBack(1, warmFor: nil)
    #expect(slots.giveBack(indices[3], warmFor: group) == .refused)
    #expect(slots.giveBack(indices[3], warmFor: nil) == .free)
    #expect(slots.counts == SlotCounts(live: 0, warm: 1, cold: 7, neverUsed: 4, quarantined: 0))
    #expect(try take(slots, group).isAffine == false)
    // The number is used again, and means another group.
    let next = slots.makeGroup()
    #expect(next.id == group.id && next != group)
    let late = try take(slots, nil, 1).index
    #expect(slots.giveBack(late, warmFor: group) == .refused)
    slots.giveBack(late, warmFor: nil)
    #expect(try take(slots, next, 1).isAffine == false)
    #expect(slots.unsoundness() == nil)
  }

  @Test func `a quarantined slot never comes back`() throws {
    let slots = try SharedSlots(slots: 4, stripes: 1, warmLimit: 4, shards: 1)
    let group = slots.makeGroup()
    slots.quarantine(try take(slots, group).index)
    var seen: [Int] = []
    while let taken = slots.take(group: group, stripe: 0) { seen.append(taken.index) }
    #expect(seen == [1, 2, 3])
    for index in seen { slots.giveBack(index, warmFor: group) }
    #expect(slots.counts == SlotCounts(live: 0, warm: 3, cold: 0, neverUsed: 0, quarantined: 1))
    #expect(slots.retire(group).count == 3)
    #expect(slots.unsoundness() == nil)
  }

  @Test func `groups are many`() throws {
    let slots = try SharedSlots(slots: 4, stripes: 1, warmLimit: 4, shards: 1)
    let groups = (0..<5000).map { _ in slots.makeGroup() }
    #expect(Set(groups).count == 5000 && groups.map { Int($0.id) } == Array(0..<5000))
    for group in groups {
      let taken = try take(slots, group)
      slots.giveBack(taken.index, warmFor: group)
      #expect(try take(slots, group) == .init(index: taken.index, isAffine: true, hadGroup: group))
      slots.giveBack(taken.index, warmFor: group)
    }
    #expect(slots.unsoundness() == nil)
  }

  @Test func `an idle slot costs no memory of ours`() throws {
    let slots = try SharedSlots(slots: 1_000_000, stripes: 15, warmLimit: 256)
    #expect(slots.counts == SlotCounts(live: 0, warm: 0, cold: 1_000_000, neverUsed: 1_000_000, quarantined: 0))
    #expect(MemoryLayout<SlotEntry>.stride == 32)
  }

  @Test func `too many slots are refused`() {
    #expect(throws: VMError.limit("1073741825 slots exceed the 1073741824 that a pool can have")) {
      _ = try SharedSlots(slots: SlotAllocator.maximumSlots + 1, stripes: 1, warmLimit: 0).counts
    }
  }
}
