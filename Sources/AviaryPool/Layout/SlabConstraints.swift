/// What a slab of linear memories has to hold and to keep apart. See `SlabLayout`.
package struct SlabConstraints: Sendable, Hashable {
  /// Memories at a time; at least 1.
  package var slots: Int
  /// What one memory can grow to. Bytes.
  package var maxMemoryBytes: UInt64
  /// Compiled code's promise: in a memory's name it touches nothing at or beyond
  /// base + max(reservation, maximum memory) + guard. Bytes.
  package var reservationBytes: UInt64
  /// Bytes.
  package var guardBytes: UInt64
  /// Whether as much as a guard lies before the first slot too: against addresses that a mistake
  /// of the compiler made negative.
  package var guardBeforeSlots: Bool
  /// Protection keys at hand. With fewer than two there is nothing to stripe with.
  package var keys: Int

  package init(
    slots: Int, maxMemoryBytes: UInt64, reservationBytes: UInt64, guardBytes: UInt64,
    guardBeforeSlots: Bool = true, keys: Int = 0
  ) {
    self.slots = slots
    self.maxMemoryBytes = maxMemoryBytes
    self.reservationBytes = reservationBytes
    self.guardBytes = guardBytes
    self.guardBeforeSlots = guardBeforeSlots
    self.keys = keys
  }
}
