/// Sizes of one slot and of what surrounds all of them.
///
/// With keys, a slot's neighbours serve as its guard: they are under other keys. So many keys, so
/// many parts of the faulting region that need not be paid for at each slot.
struct SlotPlan {
  let maxMemoryBytes: UInt64
  let faultingBytes: UInt64
  let stripes: Int
  let slotBytes: UInt64
  let preGuardBytes: UInt64
  let postGuardBytes: UInt64

  /// - Throws: `configuration` where one slot alone is too large.
  init(_ constraints: SlabConstraints) throws(VMError) {
    let limit = SlabLayout.addressSpaceBytes
    let reach = max(constraints.reservationBytes, constraints.maxMemoryBytes)
    // Each is rounded by itself: a guard is whole pages behind the last page of a memory.
    guard let most = Page.roundUp(constraints.maxMemoryBytes), let covered = Page.roundUp(reach),
      let guardSize = Page.roundUp(constraints.guardBytes),
      case let (faulting, overflow) = covered.addingReportingOverflow(guardSize), !overflow, faulting <= limit
    else {
      throw .configuration(
        """
        a memory that reaches \(ByteCount(reach)) and a guard of \(ByteCount(constraints.guardBytes)) exceed \
        the \(ByteCount(limit)) of an address space; lower the maximum memory, the reservation or the guard
        """)
    }
    maxMemoryBytes = most
    faultingBytes = faulting
    stripes = SlotPlan.stripes(constraints, faulting: faulting, most: most)
    // All below 2^47: nothing overflows from here on.
    let share = (faulting + UInt64(stripes) - 1) / UInt64(stripes)
    slotBytes = max(most, (share + Page.size - 1) & ~(Page.size - 1), Page.size)
    preGuardBytes = constraints.guardBeforeSlots ? guardSize : 0
    postGuardBytes = faulting - min(faulting, slotBytes)
  }

  /// As many as serve a purpose: the faulting region is covered, or keys or slots have run out.
  ///
  /// Without guards nothing may be touched beyond a memory at all, and with no memory there is
  /// nothing to put in place of a guard: then all slots are one stripe.
  private static func stripes(_ constraints: SlabConstraints, faulting: UInt64, most: UInt64) -> Int {
    guard constraints.keys >= 2, constraints.guardBytes > 0, most > 0 else { return 1 }
    let needed = faulting / most + (faulting % most == 0 ? 0 : 1)
    return min(constraints.keys, Int(needed), max(constraints.slots, 1))
  }

  /// nil beyond 64 bits.
  func totalBytes(slots: UInt64) -> UInt64? {
    let (all, tooMany) = slotBytes.multipliedReportingOverflow(by: slots)
    let (before, tooLarge) = all.addingReportingOverflow(preGuardBytes)
    let (total, tooLargeToo) = before.addingReportingOverflow(postGuardBytes)
    return tooMany || tooLarge || tooLargeToo ? nil : total
  }

  func doesNotFit(_ constraints: SlabConstraints) -> VMError {
    let limit = SlabLayout.addressSpaceBytes
    let need = totalBytes(slots: UInt64(constraints.slots)).map { "\(ByteCount($0))" } ?? "more than 2^64 bytes"
    let fit = SlabLayout.slotsThatFit(constraints, in: limit)
    return .configuration(
      """
      \(constraints.slots) slots of \(ByteCount(slotBytes)) need \(need) of the \(ByteCount(limit)) of an address \
      space; ask for at most \(fit) slots, a smaller maximum memory or reservation\
      \(stripes == 1 ? ", or protection keys" : "")
      """)
  }
}
