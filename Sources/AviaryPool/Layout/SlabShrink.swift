// Smaller layouts of the same kind, for machines that do not grant the whole.

extension SlabLayout {
  /// The most slots that `bytes` hold: at most `constraints.slots`, and 0 where not even one fits.
  package static func slotsThatFit(_ constraints: SlabConstraints, in bytes: UInt64) -> Int {
    guard constraints.slots >= 1, let whole = try? SlotPlan(constraints) else { return 0 }
    let bytes = min(bytes, addressSpaceBytes)
    let around = whole.preGuardBytes + whole.postGuardBytes
    if bytes >= around {
      let count = min(Int((bytes - around) / whole.slotBytes), constraints.slots)
      if count >= whole.stripes { return count }
    }
    // Fewer slots than stripes: slots become larger with each one less, the total smaller or not.
    var fewer = constraints
    for count in stride(from: whole.stripes - 1, through: 1, by: -1) {
      fewer.slots = count
      if let plan = try? SlotPlan(fewer), let total = plan.totalBytes(slots: UInt64(count)), total <= bytes {
        return count
      }
    }
    return 0
  }

  /// The same with as many slots as `bytes` hold, and not more than now. nil: not even one.
  package func shrunk(to bytes: UInt64) -> SlabLayout? {
    withSlots(SlabLayout.slotsThatFit(constraints, in: bytes))
  }

  /// The same with half as many slots. nil: there was one.
  package func halved() -> SlabLayout? { withSlots(slotCount / 2) }

  /// The largest layout, not larger than this one, whose total `isGranted` grants, to within a 64th
  /// of its slots. nil: not even one slot is.
  ///
  /// Asks O(log slots) times, first for the whole, and never for more than was refused.
  package func largestGranted(_ isGranted: (SlabLayout) -> Bool) -> SlabLayout? {
    if isGranted(self) { return self }
    var refused = slotCount
    var granted: SlabLayout? = nil
    while granted == nil {
      guard let half = withSlots(refused / 2) else { return nil }
      if isGranted(half) { granted = half } else { refused = half.slotCount }
    }
    while var best = granted, refused - best.slotCount > max(1, best.slotCount / 64) {
      guard let middle = withSlots(best.slotCount + (refused - best.slotCount) / 2) else { break }
      if isGranted(middle) { best = middle } else { refused = middle.slotCount }
      granted = best
    }
    return granted
  }

  private func withSlots(_ count: Int) -> SlabLayout? {
    var fewer = constraints
    fewer.slots = count
    return try? SlabLayout(fewer)
  }
}
