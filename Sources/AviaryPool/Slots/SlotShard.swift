import Synchronization

/// Free slots of one shard and stripe. Guarded by the shard's lock, but for the counts: these are
/// written under the lock and read by anybody as hints.
struct SlotLists: ~Copyable {
  /// Ordinals in the stripe of slots that were never used: [freshNext, freshEnd).
  var freshNext: UInt32 = 0
  var freshEnd: UInt32 = 0
  /// A stack.
  var coldTop = noSlot
  /// All warm slots, whatever their group.
  var newestWarm = noSlot
  var oldestWarm = noSlot
  /// Fresh ones as well.
  let coldCount = Atomic<UInt32>(0)
  let warmCount = Atomic<UInt32>(0)
}

/// A part of the free slots under one lock; usually that of one CPU. Taken slots belong to none.
struct SlotShard: ~Copyable {
  let lock = Mutex<Void>(())
  /// Counts slots that went warm. Wraps.
  var clock: UInt32 = 0
  /// Warm slots of this shard that `SlotAllocator.warmTotal` does not count yet.
  var unreportedWarm: Int32 = 0

  /// Bytes from one shard to the next: no line is shared, nor a pair that is fetched together.
  static var stride: Int { 128 }
}

extension Atomic<UInt32> {
  /// For counts that are written under a lock: no lock prefix is needed.
  func addUnderLock(_ delta: Int32) {
    store(load(ordering: .relaxed) &+ UInt32(bitPattern: delta), ordering: .relaxed)
  }
}
