/// Who has a slot, as far as the allocator knows.
///
/// ```
///            take                   quarantine
///   fresh ─────────► taken ───────────────────► quarantined (for good)
///                    ▲ │ ▲ │
///               take │ │ │ │ giveBack, for a group that lives
///                    │ ▼ │ ▼
///                   cold warm ─► taken (take, evictionCandidate, retire)
/// ```
enum SlotState: UInt8 {
  /// Never used. Zero, so that a slab's entries cost no memory before their slots are used.
  case fresh = 0
  /// Free, and nothing is kept for anybody.
  case cold
  /// Free, and holds its group's image.
  case warm
  /// Somebody has its index.
  case taken
  /// Never to be used again.
  case quarantined
}

/// No slot: the end of a list.
let noSlot = UInt32.max

/// What the allocator knows of one slot. Links are slot indices; which of them mean something
/// depends on the state.
///
/// Guarded by the lock of `shard` while cold or warm, by who has the index while taken.
struct SlotEntry {
  var state: SlotState
  /// The shard in whose lists it is, cold or warm.
  var shard: UInt16
  /// When it went warm, by its shard's clock, which wraps.
  var stamp: UInt32
  /// Warm: for whom.
  var group: UInt32
  var generation: UInt32
  /// Cold: the next in the stack. Warm: towards the least recently used.
  var older: UInt32
  /// Warm: towards the most recently used.
  var newer: UInt32
  /// Warm: the same within its group.
  var olderOfGroup: UInt32
  var newerOfGroup: UInt32
}
