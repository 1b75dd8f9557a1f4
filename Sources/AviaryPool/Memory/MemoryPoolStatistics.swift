import Synchronization

/// What a pool has done since it was made, and how it stands now. Numbers that are read while
/// others use the pool belong to slightly different moments.
package struct MemoryPoolStatistics: Sendable, Hashable {
  /// Slots in use, in the decommit queue, or being cleaned.
  package var live = 0
  /// Unused slots that hold a module's image.
  package var warm = 0
  /// Unused slots that hold nothing.
  package var cold = 0
  /// Slots that could not be cleaned and are never used again.
  package var quarantined = 0
  /// Bytes in memory for unused slots; an estimate.
  package var residentBytes: UInt64 = 0

  /// Slots that were taken by a memory of the same module and index as before.
  package var affineAcquisitions: UInt64 = 0
  /// Slots that were taken by another's, and held nothing.
  package var coldAcquisitions: UInt64 = 0
  /// Slots that were taken by another's, and had an image to be removed.
  package var evictingAcquisitions: UInt64 = 0

  package var adaptiveResets: UInt64 = 0
  package var scanResets: UInt64 = 0
  package var keepResidentResets: UInt64 = 0
  package var decommitResets: UInt64 = 0
  /// Slots of which everything was unmapped.
  package var clearings: UInt64 = 0
  /// Resets that the kernel refused; the slot was cleared or quarantined instead.
  package var failedResets: UInt64 = 0
  /// Pages that the pool's fault handlers filled or opened.
  package var faults: UInt64 = 0
}

/// Counters that threads seldom share a cache line of.
///
/// Unsafe contract: none; all access is atomic, and indices are masked.
@safe
struct PoolCounters: ~Copyable, @unchecked Sendable {
  enum Event: Int, CaseIterable {
    case affine, cold, evicting, adaptive, scan, keepResident, decommit, clearing, failedReset
  }
  private static let shards = 16
  private static let stride = 16  // counters of a shard: two cache lines
  private let counters: UnsafeMutablePointer<Atomic<UInt64>>

  init() {
    unsafe counters = .allocate(capacity: PoolCounters.shards * PoolCounters.stride)
    for i in 0..<(PoolCounters.shards * PoolCounters.stride) {
      unsafe (counters + i).initialize(to: Atomic(0))
    }
  }

  deinit { unsafe counters.deallocate() }

  /// - Parameter slot: neighbours in time are mostly the same slot, so its number chooses the shard.
  @inline(__always)
  func count(_ event: Event, slot: Int) {
    let index = (slot & (PoolCounters.shards - 1)) * PoolCounters.stride + event.rawValue
    unsafe counters[index].wrappingAdd(1, ordering: .relaxed)
  }

  func total(_ event: Event) -> UInt64 {
    var sum: UInt64 = 0
    for shard in 0..<PoolCounters.shards {
      sum &+= unsafe counters[shard * PoolCounters.stride + event.rawValue].load(ordering: .relaxed)
    }
    return sum
  }
}
