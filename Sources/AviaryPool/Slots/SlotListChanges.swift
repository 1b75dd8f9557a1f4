import Synchronization

// Moves slots between lists. Each function's contract: the shard's lock is held, the slot is in
// the state that the name says, and of that shard and stripe.

extension SlotAllocator {
  @inline(__always)
  func shard(_ shard: Int) -> UnsafeMutablePointer<SlotShard> {
    unsafe (shards + shard &* SlotShard.stride).assumingMemoryBound(to: SlotShard.self)
  }

  @inline(__always)
  func lists(_ shard: Int, _ stripe: Int) -> UnsafeMutablePointer<SlotLists> {
    unsafe lists + (shard &* listsPerShard &+ stripe)
  }

  /// taken -> warm
  @inline(__always)
  func addWarm(_ slot: UInt32, _ group: AffinityGroup, _ shard: Int, _ stripe: Int) {
    let list = unsafe lists(shard, stripe)
    let entry = unsafe entries + Int(slot)
    let newest = unsafe list.pointee.newestWarm
    let first = groups.head(group.id, shard: shard, stripe: stripe)
    let stamp = unsafe self.shard(shard).pointee.clock &+ 1
    unsafe self.shard(shard).pointee.clock = stamp
    unsafe entry.pointee = SlotEntry(
      state: .warm, shard: UInt16(truncatingIfNeeded: shard), stamp: stamp, group: group.id,
      generation: group.generation, older: newest, newer: noSlot, olderOfGroup: first, newerOfGroup: noSlot)
    if newest == noSlot {
      unsafe list.pointee.oldestWarm = slot
    } else {
      unsafe entries[Int(newest)].newer = slot
    }
    if first != noSlot { unsafe entries[Int(first)].newerOfGroup = slot }
    unsafe list.pointee.newestWarm = slot
    groups.setHead(group.id, shard: shard, stripe: stripe, slot)
    countWarm(shard, stripe, 1)
  }

  /// warm -> taken
  @inline(__always)
  func removeWarm(_ slot: UInt32, _ shard: Int, _ stripe: Int) {
    let list = unsafe lists(shard, stripe)
    let entry = unsafe entries[Int(slot)]
    if entry.newer == noSlot {
      unsafe list.pointee.newestWarm = entry.older
    } else {
      unsafe entries[Int(entry.newer)].older = entry.older
    }
    if entry.older == noSlot {
      unsafe list.pointee.oldestWarm = entry.newer
    } else {
      unsafe entries[Int(entry.older)].newer = entry.newer
    }
    if entry.newerOfGroup == noSlot {
      groups.setHead(entry.group, shard: shard, stripe: stripe, entry.olderOfGroup)
    } else {
      unsafe entries[Int(entry.newerOfGroup)].olderOfGroup = entry.olderOfGroup
    }
    if entry.olderOfGroup != noSlot {
      unsafe entries[Int(entry.olderOfGroup)].newerOfGroup = entry.newerOfGroup
    }
    unsafe entries[Int(slot)].state = .taken
    countWarm(shard, stripe, -1)
  }

  /// taken -> cold
  func addCold(_ slot: UInt32, _ shard: Int, _ stripe: Int) {
    let list = unsafe lists(shard, stripe)
    unsafe entries[Int(slot)].state = .cold
    unsafe entries[Int(slot)].shard = UInt16(truncatingIfNeeded: shard)
    unsafe entries[Int(slot)].older = list.pointee.coldTop
    unsafe list.pointee.coldTop = slot
    unsafe list.pointee.coldCount.addUnderLock(1)
  }

  /// cold or fresh -> taken. The one that was used last: its page tables exist.
  func takeColdLocked(_ shard: Int, _ stripe: Int) -> Taken? {
    let list = unsafe lists(shard, stripe)
    var slot = unsafe list.pointee.coldTop
    if slot != noSlot {
      unsafe list.pointee.coldTop = entries[Int(slot)].older
    } else {
      let ordinal = unsafe list.pointee.freshNext
      guard unsafe ordinal < list.pointee.freshEnd else { return nil }
      unsafe list.pointee.freshNext = ordinal + 1
      slot = UInt32(Int(ordinal) * stripeCount + stripe)
    }
    unsafe entries[Int(slot)].state = .taken
    unsafe list.pointee.coldCount.addUnderLock(-1)
    assert(shardIsSound(shard))
    return Taken(index: Int(slot), isAffine: false, hadGroup: nil)
  }

  /// The least recently used warm one -> taken.
  func takeOldest(_ shard: Int, _ stripe: Int) -> Taken? {
    let slot = unsafe lists(shard, stripe).pointee.oldestWarm
    if slot == noSlot { return nil }
    let entry = unsafe entries[Int(slot)]
    removeWarm(slot, shard, stripe)
    assert(shardIsSound(shard))
    let group = AffinityGroup(id: entry.group, generation: entry.generation)
    return Taken(index: Int(slot), isAffine: false, hadGroup: group)
  }

  /// nil: the shard has no warm slot.
  func stripeOfOldest(_ shard: Int) -> Int? {
    let clock = unsafe self.shard(shard).pointee.clock
    var oldest: (stripe: Int, age: UInt32)? = nil
    for stripe in 0..<stripeCount {
      let slot = unsafe lists(shard, stripe).pointee.oldestWarm
      if slot == noSlot { continue }
      let age = unsafe clock &- entries[Int(slot)].stamp
      if oldest == nil || age > oldest!.age { oldest = (stripe, age) }
    }
    return oldest?.stripe
  }

  @inline(__always)
  private func countWarm(_ shard: Int, _ stripe: Int, _ delta: Int32) {
    unsafe lists(shard, stripe).pointee.warmCount.addUnderLock(delta)
    let unreported = unsafe self.shard(shard).pointee.unreportedWarm + delta
    if abs(unreported) > reportAt {
      warmTotal.add(Int(unreported), ordering: .relaxed)
      unsafe self.shard(shard).pointee.unreportedWarm = 0
    } else {
      unsafe self.shard(shard).pointee.unreportedWarm = unreported
    }
  }
}
