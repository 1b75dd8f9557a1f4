import Glibc
import Synchronization

/// A slot that the caller owns from now on.
package struct Taken: Sendable, Hashable {
  package let index: Int
  /// It was warm for the group that was asked for.
  package let isAffine: Bool
  /// For whom it was warm; nil: it was cold.
  package let hadGroup: AffinityGroup?
}

/// What became of a slot that was given back.
package enum GivenBack: Sendable, Hashable {
  case free
  /// Free, and more slots are warm than the limit: an `evictionCandidate` is due.
  case freeBeyondWarmLimit
  /// Its group was retired: the slot is still the caller's, to be cleaned and given back cold.
  case refused
}

/// Which slot a memory gets. Indices only: whoever has an index owns the slot's memory and state.
///
/// ```
///  shard (one a CPU, one lock)         slots of all shards
///  ├─ stripe 0: fresh range            ┌─────┬─────┬─────┬─────┐
///  │            cold stack ───────────►│entry│entry│entry│ …   │  links run through the entries
///  │            warm, by age ◄────────►│     │     │     │     │
///  └─ stripe 1: …                      └─────┴─────┴─────┴─────┘
///  group (one a module's memory): per shard and stripe, its warm slots by age
/// ```
/// Policy of `take`: the group's most recently used warm slot, in the CPU's own shard or else in
/// any other (its lines are in a cache); else a cold slot, while fewer than `warmLimit` are warm;
/// else the least recently used warm one. Own shard first, then the others': a slot comes back to
/// the shard of the CPU that gives it back, so slots follow those who use them.
///
/// Thread-safe. Each operation is O(1) in slots and groups, but for `retire`; no allocation and
/// no reference counting.
///
/// Invariants:
///   - an index is in at most one list: the fresh range or cold stack of one shard, or warm in one
///     shard's list by age and in one group's;
///   - a taken or quarantined slot is in none, and only who took it can give it back;
///   - a warm slot's group lives, but for the time in which `retire` collects.
@safe
package struct SlotAllocator: ~Copyable, @unchecked Sendable {
  package static let maximumSlots = 1 << 30
  package static let maximumShards = 64

  package let slotCount: Int
  package let stripeCount: Int
  package let warmLimit: Int
  package let shardCount: Int
  let entryMemory: Mapping
  let entries: UnsafeMutablePointer<SlotEntry>
  let shards: UnsafeMutableRawPointer
  let lists: UnsafeMutablePointer<SlotLists>
  let listsPerShard: Int
  let groups: GroupTable
  /// Warm slots, to within `reportAt` per shard.
  let warmTotal = Atomic<Int>(0)
  let quarantinedTotal = Atomic<Int>(0)
  /// How many warm slots more or less a shard may have than it reported.
  let reportAt: Int32

  /// - Parameters:
  ///   - slots: slot `i` is of stripe `i % stripes`.
  ///   - warmLimit: free slots that keep a group's image; beyond it `giveBack` says so.
  ///   - shards: 0: as many as there are processors. No more are made than slots make sense of.
  /// - Throws: `limit` beyond `maximumSlots`; `system`.
  package init(slots: Int, stripes: Int, warmLimit: Int, shards wanted: Int = 0) throws(VMError) {
    precondition(slots >= 1 && stripes >= 1 && stripes <= slots && warmLimit >= 0)
    guard slots <= SlotAllocator.maximumSlots else {
      throw .limit("\(slots) slots exceed the \(SlotAllocator.maximumSlots) that a pool can have")
    }
    let processors = wanted > 0 ? wanted : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    let shardCount = max(1, min(processors, SlotAllocator.maximumShards, slots / stripes / 4))
    entryMemory = try Mapping(
      reserving: UInt64(slots * MemoryLayout<SlotEntry>.stride), [.read, .write])
    slotCount = slots
    stripeCount = stripes
    self.warmLimit = warmLimit
    self.shardCount = shardCount
    // The total is exact with one shard; else each may be off by a share of the limit, so that a
    // CPU that takes and gives back in turn writes nothing that others read.
    reportAt = shardCount == 1 ? 0 : Int32(clamping: max(1, warmLimit / (4 * shardCount)))
    groups = GroupTable(shards: shardCount, stripes: stripes)
    // Zero pages: every entry is `fresh`.
    unsafe entries = UnsafeMutableRawPointer(bitPattern: entryMemory.address)!
      .bindMemory(to: SlotEntry.self, capacity: slots)
    unsafe shards = .allocate(byteCount: shardCount * SlotShard.stride, alignment: SlotShard.stride)
    let line = SlotShard.stride / MemoryLayout<SlotLists>.stride
    listsPerShard = (stripes + line - 1) / line * line
    unsafe lists = UnsafeMutableRawPointer.allocate(
      byteCount: shardCount * listsPerShard * MemoryLayout<SlotLists>.stride, alignment: SlotShard.stride
    ).bindMemory(to: SlotLists.self, capacity: shardCount * listsPerShard)
    for shard in 0..<shardCount { deal(shard) }
  }

  deinit {
    for shard in 0..<shardCount {
      unsafe self.shard(shard).deinitialize(count: 1)
      unsafe lists(shard, 0).deinitialize(count: listsPerShard)
    }
    unsafe shards.deallocate()
    unsafe lists.deallocate()
  }

  /// Makes a shard, with its part of each stripe's slots: neighbours stay together.
  private func deal(_ shard: Int) {
    unsafe self.shard(shard).initialize(to: SlotShard())
    for stripe in 0..<listsPerShard {
      var made = SlotLists()
      if stripe < stripeCount {
        let ofStripe = (slotCount - stripe + stripeCount - 1) / stripeCount
        made.freshNext = UInt32(ofStripe * shard / shardCount)
        made.freshEnd = UInt32(ofStripe * (shard + 1) / shardCount)
        made.coldCount.store(made.freshEnd - made.freshNext, ordering: .relaxed)
      }
      unsafe lists(shard, stripe).initialize(to: made)
    }
  }

  /// Gives a slot of the stripe to the caller, until `giveBack` or `quarantine`. nil: all of the
  /// stripe's are taken, and were so at one moment.
  ///
  /// A group that was retired counts as none.
  package func take(group: AffinityGroup?, stripe: Int) -> Taken? {
    precondition(stripe >= 0 && stripe < stripeCount)
    let own = currentShard()
    if let group, let taken = takeAffine(group, stripe, own) { return taken }
    return takeAny(stripe, own)
  }

  /// Frees a slot. `warmFor`: its memory is that group's image, and stays mapped; nil: nothing is
  /// kept, and it is never refused.
  ///
  /// - Precondition: the caller has the index, and touches nothing of the slot afterwards.
  @discardableResult
  package func giveBack(_ index: Int, warmFor group: AffinityGroup?) -> GivenBack {
    let slot = checked(index)
    let shard = currentShard()
    let stripe = index % stripeCount
    return unsafe self.shard(shard).pointee.lock.withLock { _ in
      precondition(unsafe entries[index].state == .taken, "a slot that is not taken is given back")
      if let group {
        guard groups.lives(group) else { return .refused }
        addWarm(slot, group, shard, stripe)
      } else {
        addCold(slot, shard, stripe)
      }
      assert(shardIsSound(shard))
      return group != nil && warmTotal.load(ordering: .relaxed) > warmLimit ? .freeBeyondWarmLimit : .free
    }
  }

  /// Takes a slot out of use for good: nobody knows what is mapped there.
  ///
  /// - Precondition: the caller has the index.
  package func quarantine(_ index: Int) {
    _ = checked(index)
    precondition(unsafe entries[index].state == .taken, "a slot that is not taken is quarantined")
    unsafe entries[index].state = .quarantined
    quarantinedTotal.add(1, ordering: .relaxed)
  }

  /// Takes out a warm slot that was not used for long, of any stripe and group: the least recently
  /// used one of this CPU's shard, or of another's. The caller cleans it and gives it back cold.
  package func evictionCandidate() -> Taken? {
    let own = currentShard()
    for distance in 0..<shardCount {
      let shard = wrapped(own &+ distance)
      let found = unsafe self.shard(shard).pointee.lock.withLock { _ -> Taken? in
        guard let stripe = stripeOfOldest(shard) else { return nil }
        return takeOldest(shard, stripe)
      }
      if let found { return found }
    }
    return nil
  }

  package func makeGroup() -> AffinityGroup { groups.make() }

  /// Ends a group: none of its slots is warm any more, and none becomes so. Slots in use are
  /// refused when they are given back for it.
  ///
  /// - Returns: its free slots, which are the caller's now: to be cleaned and given back. Empty
  ///   when the group was retired before.
  package func retire(_ group: AffinityGroup) -> [Int] {
    guard groups.end(group) else { return [] }
    var collected: [Int] = []
    for shard in 0..<shardCount {
      unsafe self.shard(shard).pointee.lock.withLock { _ in
        for stripe in 0..<stripeCount {
          while case let slot = groups.head(group.id, shard: shard, stripe: stripe), slot != noSlot {
            removeWarm(slot, shard, stripe)
            collected.append(Int(slot))
          }
        }
        assert(shardIsSound(shard))
      }
    }
    groups.recycle(group)
    return collected
  }

  private func checked(_ index: Int) -> UInt32 {
    precondition(index >= 0 && index < slotCount)
    return UInt32(truncatingIfNeeded: index)
  }
}
