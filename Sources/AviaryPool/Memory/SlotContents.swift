// What is known of a slot's memory, as types: a value of one is consumed by whatever
// changes the memory, so none can be used twice or mixed up with another.
//
//                 acquire                      release
//   unmapped ──┐                     ┌──────────────────────────────┐
//   ready    ──┼─► unknown ─► CleanSlot ─► lent (UsedSlot) ─► unknown ─► ready / unmapped
//   unknown  ──┘      ▲                                         │
//                     └─────────────── any failure ◄────────────┘
//
// Invariant: what stands in the table is `unknown` whenever a change of the memory is under
// way; a failure needs to do nothing for the slot to be remapped before its next use.

/// What is mapped in a slot. *Accessible* is a fact of its own: contents are cleared by a
/// reset, the grown tail is hidden by the next use.
struct SlotContents: ~Copyable {
  /// What the bytes are, or were before a guest wrote; nil: zeros.
  var image: MemoryImage?
  /// Readable and writable from the slot's start; whole pages.
  var accessible: UInt64
  /// Behind it the slot is nothing but reservation. At least `accessible` and the end of what
  /// is mapped of the image.
  var extent: UInt64
}

/// A slot that reads as its image and zeros, in all that could ever be made accessible.
struct CleanSlot: ~Copyable {
  var contents: SlotContents
  /// Bytes in memory of its own; an estimate.
  var resident: UInt64

  init(_ contents: consuming SlotContents, resident: UInt64) {
    self.contents = contents
    self.resident = resident
  }

  /// From here on a guest may write.
  consuming func lend() -> UsedSlot { UsedSlot(contents) }
}

/// A slot that a guest may have written to in [0, accessible).
struct UsedSlot: ~Copyable {
  var contents: SlotContents
  init(_ contents: consuming SlotContents) { self.contents = contents }

  /// - Precondition: the pages of [0, accessible) were dropped, and the image was a copy in them.
  consuming func wasDroppedWithImage() -> CleanSlot {
    CleanSlot(SlotContents(image: nil, accessible: contents.accessible, extent: contents.extent), resident: 0)
  }
}

/// A slot that nobody uses.
enum UnusedSlot: ~Copyable {
  /// Nothing but reservation.
  case unmapped
  /// Remap all of it before use.
  case unknown
  case ready(CleanSlot)
}
