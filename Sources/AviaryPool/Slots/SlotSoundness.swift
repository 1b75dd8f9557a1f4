import Synchronization

// Checks of the allocator's invariants: after every change in debug builds, and by tests.

extension SlotAllocator {
  /// Above this, debug builds check only at the end of tests: a check walks all lists.
  private static var checkedSlots: Int { 128 }

  /// For `assert`.
  ///
  /// - Precondition: the shard's lock is held.
  func shardIsSound(_ shard: Int) -> Bool {
    if slotCount > SlotAllocator.checkedSlots { return true }
    var seen = SlotSet(slots: slotCount)
    guard let wrong = wrongList(shard, &seen) else { return true }
    print("slot allocator: \(wrong)")
    return false
  }

  /// What is wrong with the whole; nil: nothing. Holds all locks, and takes time.
  package func unsoundness() -> String? {
    withAllLocks {
      var seen = SlotSet(slots: slotCount)
      var warm = 0
      var unreported = 0
      for shard in 0..<shardCount {
        if let wrong = wrongList(shard, &seen) { return wrong }
        for stripe in 0..<stripeCount {
          warm += unsafe Int(lists(shard, stripe).pointee.warmCount.load(ordering: .relaxed))
        }
        unreported += unsafe Int(self.shard(shard).pointee.unreportedWarm)
      }
      let total = warmTotal.load(ordering: .relaxed)
      if total + unreported != warm { return "\(warm) warm slots, \(total) + \(unreported) counted" }
      for index in 0..<slotCount where !seen.contains(index) {
        let state = unsafe entries[index].state
        if state != .taken && state != .quarantined { return "slot \(index) is \(state) and in no list" }
      }
      return nil
    }
  }

  /// A bit for each slot.
  private struct SlotSet {
    private var words: [UInt64]
    init(slots: Int) { words = Array(repeating: 0, count: slots / 64 + 1) }
    /// False: was there already.
    mutating func add(_ slot: Int) -> Bool {
      if contains(slot) { return false }
      words[slot >> 6] |= 1 << UInt64(slot & 63)
      return true
    }
    func contains(_ slot: Int) -> Bool { words[slot >> 6] >> UInt64(slot & 63) & 1 != 0 }
  }

  private func wrongList(_ shard: Int, _ seen: inout SlotSet) -> String? {
    for stripe in 0..<stripeCount {
      if let wrong = wrongCold(shard, stripe, &seen) ?? wrongWarm(shard, stripe, &seen) {
        return "shard \(shard), stripe \(stripe): \(wrong)"
      }
    }
    return nil
  }

  private func wrongCold(_ shard: Int, _ stripe: Int, _ seen: inout SlotSet) -> String? {
    let list = unsafe lists(shard, stripe)
    var count = 0
    var slot = unsafe list.pointee.coldTop
    while slot != noSlot {
      let entry = unsafe entries[Int(slot)]
      if !seen.add(Int(slot)) { return "slot \(slot) is in two lists" }
      if entry.state != .cold || Int(entry.shard) != shard || Int(slot) % stripeCount != stripe {
        return "slot \(slot) in the cold stack is \(entry)"
      }
      count += 1
      slot = entry.older
    }
    for ordinal in unsafe list.pointee.freshNext..<list.pointee.freshEnd {
      let index = Int(ordinal) * stripeCount + stripe
      if !seen.add(index) { return "slot \(index) is in a list, and fresh" }
      if unsafe entries[index].state != .fresh { return "slot \(index) is not fresh" }
      count += 1
    }
    let counted = unsafe Int(list.pointee.coldCount.load(ordering: .relaxed))
    return count == counted ? nil : "\(count) cold slots, \(counted) counted"
  }

  private func wrongWarm(_ shard: Int, _ stripe: Int, _ seen: inout SlotSet) -> String? {
    let list = unsafe lists(shard, stripe)
    var count = 0
    var newer = noSlot
    var slot = unsafe list.pointee.newestWarm
    var newestOfGroup: [UInt32: UInt32] = [:]
    while slot != noSlot {
      let entry = unsafe entries[Int(slot)]
      if !seen.add(Int(slot)) { return "slot \(slot) is in two lists" }
      if entry.state != .warm || Int(entry.shard) != shard || Int(slot) % stripeCount != stripe {
        return "slot \(slot) in the warm list is \(entry)"
      }
      if entry.newer != newer { return "slot \(slot) has another newer one than \(newer)" }
      // Within the group the order is the same.
      let newerOfGroup = newestOfGroup.updateValue(slot, forKey: entry.group) ?? noSlot
      if entry.newerOfGroup != newerOfGroup { return "slot \(slot) is not where its group has it" }
      let link = unsafe newerOfGroup == noSlot
        ? groups.head(entry.group, shard: shard, stripe: stripe) : entries[Int(newerOfGroup)].olderOfGroup
      if link != slot { return "group \(entry.group) misses slot \(slot)" }
      count += 1
      newer = slot
      slot = entry.older
    }
    if unsafe list.pointee.oldestWarm != newer { return "the oldest warm slot is another" }
    for last in newestOfGroup.values where unsafe entries[Int(last)].olderOfGroup != noSlot {
      return "slot \(last) is not the last of its group"
    }
    let counted = unsafe Int(list.pointee.warmCount.load(ordering: .relaxed))
    return count == counted ? nil : "\(count) warm slots, \(counted) counted"
  }
}
