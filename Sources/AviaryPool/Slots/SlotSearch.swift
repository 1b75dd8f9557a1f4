import CAviaryHost
import Synchronization

// In which shard a slot is looked for. The locks are taken here; lists change in SlotListChanges.

extension SlotAllocator {
  /// The shard of the CPU that runs this. A thread that moves to another meanwhile does no harm.
  @inline(__always)
  func currentShard() -> Int {
    if shardCount == 1 { return 0 }
    let cpu = Int(aviary_current_cpu())
    return cpu < 0 ? 0 : (cpu < shardCount ? cpu : cpu % shardCount)
  }

  /// - Precondition: below twice the count.
  @inline(__always)
  func wrapped(_ shard: Int) -> Int { shard < shardCount ? shard : shard &- shardCount }

  @inline(__always)
  func takeAffine(_ group: AffinityGroup, _ stripe: Int, _ own: Int) -> Taken? {
    for distance in 0..<shardCount {
      let shard = wrapped(own &+ distance)
      if groups.head(group.id, shard: shard, stripe: stripe) == noSlot { continue }
      let slot = unsafe self.shard(shard).pointee.lock.withLock { _ -> UInt32 in
        let slot = groups.head(group.id, shard: shard, stripe: stripe)
        // The number may be another group's by now.
        guard slot != noSlot, groups.lives(group) else { return noSlot }
        removeWarm(slot, shard, stripe)
        assert(shardIsSound(shard))
        return slot
      }
      if slot != noSlot { return Taken(index: Int(slot), isAffine: true, hadGroup: group) }
    }
    return nil
  }

  @inline(never)
  func takeAny(_ stripe: Int, _ own: Int) -> Taken? {
    let prefersCold = warmTotal.load(ordering: .relaxed) < warmLimit
    if let taken = takeFree(cold: prefersCold, stripe, own) ?? takeFree(cold: !prefersCold, stripe, own) { return taken }
    // Slots may have moved from shard to shard while they were looked at: only with all locks held
    // is it certain that none is free. A pool that is full is slow anyway.
    return withAllLocks { () -> Taken? in
      for shard in 0..<shardCount {
        if let taken = takeColdLocked(shard, stripe) ?? takeOldest(shard, stripe) { return taken }
      }
      return nil
    }
  }

  private func takeFree(cold: Bool, _ stripe: Int, _ own: Int) -> Taken? {
    for distance in 0..<shardCount {
      let shard = wrapped(own &+ distance)
      let list = unsafe lists(shard, stripe)
      let hint = unsafe cold
        ? list.pointee.coldCount.load(ordering: .relaxed) : list.pointee.warmCount.load(ordering: .relaxed)
      if hint == 0 { continue }
      let taken = unsafe self.shard(shard).pointee.lock.withLock { _ in
        cold ? takeColdLocked(shard, stripe) : takeOldest(shard, stripe)
      }
      if let taken { return taken }
    }
    return nil
  }

  /// In the order of their numbers, so that nobody waits in a circle.
  func withAllLocks<R: Sendable>(_ from: Int = 0, _ body: () -> R) -> R {
    if from == shardCount { return body() }
    return unsafe shard(from).pointee.lock.withLock { _ in withAllLocks(from + 1, body) }
  }
}
