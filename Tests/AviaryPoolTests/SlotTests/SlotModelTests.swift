import Testing

@testable import AviaryPool

@Suite struct SlotModelTests {
  /// One shard does exactly what the model does.
  @Test(arguments: Array(1...40) as [UInt64])
  func `random operations do what the model does`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let slotCount = 1 + generator.below(40)
    let stripes = 1 + generator.below(min(slotCount, 6))
    let limit = generator.below(slotCount + 2)
    let slots = try SharedSlots(slots: slotCount, stripes: stripes, warmLimit: limit, shards: 1)
    var model = SlotModel(slots: slotCount, stripes: stripes, warmLimit: limit)
    var groups: [AffinityGroup] = []
    // Some runs fill the pool, some keep it nearly empty.
    let takes = 2 + generator.below(6)
    for step in 0..<1500 {
      let group = groups.isEmpty || generator.oneIn(5) ? nil : groups[generator.below(groups.count)]
      switch generator.below(takes + 6) {
      case 0 where groups.count < 8:
        let made = slots.makeGroup()
        #expect(model.living.insert(made).inserted, "seed \(seed) step \(step)")
        groups.append(made)
      case 1 where generator.oneIn(4):
        // Sometimes one that was retired before.
        guard let group else { break }
        if generator.oneIn(2) { groups.removeAll { $0 == group } }
        #expect(slots.retire(group) == model.retire(group), "seed \(seed) step \(step)")
      case 2 where generator.oneIn(3):
        #expect(slots.evictionCandidate() == model.evict(), "seed \(seed) step \(step)")
      case 3 where generator.oneIn(60):
        guard let index = model.taken.min() else { break }
        slots.quarantine(index)
        model.quarantine(index)
      case 0..<6:
        guard let index = model.taken.sorted().randomElement(using: &generator) else { break }
        #expect(slots.giveBack(index, warmFor: group) == model.giveBack(index, group), "seed \(seed) step \(step)")
      default:
        let stripe = generator.below(stripes)
        #expect(slots.take(group: group, stripe: stripe) == model.take(group, stripe), "seed \(seed) step \(step)")
      }
      let counts = slots.counts
      #expect(counts.live == model.taken.count && counts.warm == model.warm.count, "seed \(seed) step \(step)")
      #expect(counts.cold == model.cold.map(\.count).reduce(0, +), "seed \(seed) step \(step)")
      #expect(counts.quarantined == model.quarantined.count, "seed \(seed) step \(step)")
    }
    #expect(slots.unsoundness() == nil, "seed \(seed)")
  }

  /// With shards, slots of the right kind are found wherever they are.
  @Test(arguments: Array(100...115) as [UInt64])
  func `shards hide nothing`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let stripes = 1 + generator.below(3)
    let slotCount = stripes * (16 + generator.below(24))
    let slots = try SharedSlots(slots: slotCount, stripes: stripes, warmLimit: slotCount / 3, shards: 4)
    #expect(slots.shardCount == 4)
    var warm: [Int: AffinityGroup] = [:]
    var taken: Set<Int> = []
    let groups = (0..<4).map { _ in slots.makeGroup() }
    for step in 0..<2000 {
      let group = generator.oneIn(4) ? nil : groups[generator.below(4)]
      if generator.oneIn(2), let index = taken.sorted().randomElement(using: &generator) {
        taken.remove(index)
        slots.giveBack(index, warmFor: group)
        warm[index] = group
        continue
      }
      let stripe = generator.below(stripes)
      let isThere = warm.contains { $0.value == group && $0.key % stripes == stripe }
      guard let found = slots.take(group: group, stripe: stripe) else {
        let all = Set(stride(from: stripe, to: slotCount, by: stripes))
        #expect(all.isSubset(of: taken), "seed \(seed) step \(step)")
        continue
      }
      #expect(found.isAffine == isThere, "seed \(seed) step \(step)")
      #expect(found.hadGroup == warm.removeValue(forKey: found.index), "seed \(seed) step \(step)")
      #expect(found.index % stripes == stripe && taken.insert(found.index).inserted, "seed \(seed) step \(step)")
    }
    #expect(slots.unsoundness() == nil, "seed \(seed)")
  }
}
