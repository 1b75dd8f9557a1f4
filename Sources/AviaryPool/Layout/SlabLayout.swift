/// Where the slots of a slab lie. Arithmetic alone: nothing is mapped.
///
/// ```
///  0        pre                                          total
///  ├────────┼────────┬────────┬─ ─┬────────┬─────────────┤
///  │ pre    │ slot 0 │ slot 1 │   │ slot n │ post guard  │
///  │ guard  │ key 1  │ key 2  │   │ key k  │             │
///  └────────┴────────┴────────┴─ ─┴────────┴─────────────┘
///           ├── slot ─┤
///           ├── stripes * slot ─ ─┤   next slot under the same key
///           ├── faulting ─ ─┤         all that code may touch in slot 0's name
/// ```
/// Invariants, all in bytes:
///   - all sizes are multiples of a page, and none is beyond `addressSpaceBytes`;
///   - slot ≥ maximum memory;
///   - stripes * slot ≥ faulting, so that what a guest reaches is its own memory, memory without
///     access, or memory under another key;
///   - the same holds for the last slot, because of the post guard.
package struct SlabLayout: Sendable, Hashable {
  package let constraints: SlabConstraints
  package let preGuardBytes: UInt64
  /// From one slot's start to the next one's.
  package let slotBytes: UInt64
  package let slotCount: Int
  /// Each under a key of its own; 1 without keys.
  package let stripeCount: Int
  package let postGuardBytes: UInt64
  package let totalBytes: UInt64
  /// What one memory can grow to, in whole pages.
  package let maxMemoryBytes: UInt64
  /// From a slot's start to where code touches nothing any more in its name.
  package let faultingBytes: UInt64

  /// All that a process can map: 47 bits of address less the last page.
  package static let addressSpaceBytes: UInt64 = (1 << 47) - Page.size

  /// - Throws: `configuration`, which names the numbers that do not fit and the way out.
  package init(_ constraints: SlabConstraints) throws(VMError) {
    guard constraints.slots >= 1 else {
      throw .configuration("a memory pool has at least 1 slot; \(constraints.slots) were asked for")
    }
    let plan = try SlotPlan(constraints)
    guard let total = plan.totalBytes(slots: UInt64(constraints.slots)), total <= SlabLayout.addressSpaceBytes else {
      throw plan.doesNotFit(constraints)
    }
    self.init(constraints, plan, totalBytes: total)
  }

  init(_ constraints: SlabConstraints, _ plan: SlotPlan, totalBytes: UInt64) {
    self.constraints = constraints
    preGuardBytes = plan.preGuardBytes
    slotBytes = plan.slotBytes
    slotCount = constraints.slots
    stripeCount = plan.stripes
    postGuardBytes = plan.postGuardBytes
    self.totalBytes = totalBytes
    maxMemoryBytes = plan.maxMemoryBytes
    faultingBytes = plan.faultingBytes
    assert(slotBytes >= maxMemoryBytes && slotBytes % Page.size == 0)
    assert(slotBytes * UInt64(stripeCount) >= faultingBytes)
    assert(slotBytes + postGuardBytes >= faultingBytes)
    assert(preGuardBytes + slotBytes * UInt64(slotCount) + postGuardBytes == totalBytes)
  }

  /// From the slab's start to the slot's.
  ///
  /// - Precondition: a slot of this layout.
  package func offset(ofSlot index: Int) -> UInt64 {
    precondition(index >= 0 && index < slotCount)
    // At most totalBytes, which was checked.
    return preGuardBytes &+ UInt64(index) &* slotBytes
  }

  /// Neighbours are in different stripes, where there is more than one.
  ///
  /// - Precondition: a slot of this layout.
  package func stripe(ofSlot index: Int) -> Int {
    precondition(index >= 0 && index < slotCount)
    return index % stripeCount
  }
}
