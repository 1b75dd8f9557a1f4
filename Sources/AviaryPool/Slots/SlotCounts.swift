import Synchronization

/// How many slots are in which state.
package struct SlotCounts: Sendable, Hashable {
  /// Somebody has their index.
  package var live = 0
  package var warm = 0
  /// Free without anybody's image, never used ones included.
  package var cold = 0
  package var neverUsed = 0
  package var quarantined = 0
}

extension SlotAllocator {
  /// Exact at one moment. Holds all locks for that: not for a hot path.
  package var counts: SlotCounts {
    withAllLocks {
      var counts = SlotCounts()
      for shard in 0..<shardCount {
        for stripe in 0..<stripeCount {
          let list = unsafe lists(shard, stripe)
          counts.warm += unsafe Int(list.pointee.warmCount.load(ordering: .relaxed))
          counts.cold += unsafe Int(list.pointee.coldCount.load(ordering: .relaxed))
          counts.neverUsed += unsafe Int(list.pointee.freshEnd - list.pointee.freshNext)
        }
      }
      counts.quarantined = quarantinedTotal.load(ordering: .relaxed)
      counts.live = slotCount - counts.warm - counts.cold - counts.quarantined
      return counts
    }
  }
}
