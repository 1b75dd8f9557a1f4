import Testing

@testable import AviaryPool

/// Random constraints, of every order of magnitude and many round numbers.
private struct RandomConstraints {
  var generator: SeededGenerator

  mutating func size() -> UInt64 {
    let bits = generator.below(50)
    switch generator.below(4) {
    case 0: return 0
    case 1: return 1 << UInt64(bits)
    case 2: return (1 << UInt64(bits)) + UInt64(generator.below(3)) - 1
    default: return generator.next() >> UInt64(63 - bits)
    }
  }

  mutating func next() -> SlabConstraints {
    SlabConstraints(
      slots: generator.oneIn(8) ? generator.below(4) : 1 + generator.below(1 << (1 + generator.below(24))),
      maxMemoryBytes: size(), reservationBytes: size(), guardBytes: size(),
      guardBeforeSlots: generator.oneIn(2), keys: generator.below(17))
  }
}

@Suite struct SlabLayoutPropertyTests {
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `random layouts keep their promises`(seed: UInt64) throws {
    var random = RandomConstraints(generator: SeededGenerator(seed: seed))
    var laidOut = 0
    for _ in 0..<20_000 {
      let constraints = random.next()
      guard let layout = try? SlabLayout(constraints) else {
        // Refused for cause: no slots, or one slot fewer would be refused as well until it fits.
        let fit = SlabLayout.slotsThatFit(constraints, in: SlabLayout.addressSpaceBytes)
        #expect(fit < max(1, constraints.slots), "seed \(seed): \(constraints)")
        continue
      }
      laidOut += 1
      if let broken = brokenPromise(layout, constraints) {
        Issue.record("seed \(seed): \(broken): \(layout)")
        return
      }
    }
    #expect(laidOut > 5_000, "seed \(seed)")
  }

  /// What a layout breaks; nil: nothing. Recomputed here with 128 bits.
  private func brokenPromise(_ layout: SlabLayout, _ wanted: SlabConstraints) -> String? {
    let slot = UInt128(layout.slotBytes)
    let count = UInt128(layout.slotCount)
    let stripes = UInt128(layout.stripeCount)
    let reach = UInt128(max(wanted.reservationBytes, wanted.maxMemoryBytes)) + UInt128(wanted.guardBytes)
    let sizes = [layout.preGuardBytes, layout.slotBytes, layout.postGuardBytes, layout.totalBytes]
    if !sizes.allSatisfy({ $0 % Page.size == 0 }) { return "not whole pages" }
    if UInt128(layout.preGuardBytes) + slot * count + UInt128(layout.postGuardBytes) != UInt128(layout.totalBytes) {
      return "the sizes do not add up"
    }
    if layout.totalBytes > (1 << 47) - Page.size { return "beyond 47 bits" }
    if layout.slotCount != wanted.slots { return "another number of slots" }
    if slot < UInt128(wanted.maxMemoryBytes) || layout.slotBytes == 0 { return "the memory exceeds its slot" }
    if slot * stripes < reach { return "a neighbour under the same key is within reach" }
    if slot + UInt128(layout.postGuardBytes) < reach { return "the last slot reaches beyond the slab" }
    if wanted.guardBeforeSlots ? layout.preGuardBytes < wanted.guardBytes : layout.preGuardBytes != 0 {
      return "the guard before the slots"
    }
    return brokenStripes(layout, wanted, reach: reach) ?? brokenReach(layout)
  }

  private func brokenStripes(_ layout: SlabLayout, _ wanted: SlabConstraints, reach: UInt128) -> String? {
    let stripes = layout.stripeCount
    if stripes < 1 || stripes > max(1, wanted.keys) || stripes > wanted.slots { return "too many stripes" }
    if wanted.keys < 2 || wanted.guardBytes == 0 || wanted.maxMemoryBytes == 0 {
      if stripes != 1 || UInt128(layout.slotBytes) < reach { return "something was elided" }
      return nil
    }
    // One stripe less would not do, or would need larger slots.
    if stripes > 1, UInt128(layout.maxMemoryBytes) * UInt128(stripes - 1) >= reach + 2 * UInt128(Page.size) {
      return "more stripes than needed"
    }
    // Address space is not wasted while there are keys and slots left.
    if stripes < min(wanted.keys, wanted.slots), layout.slotBytes > layout.maxMemoryBytes { return "too few stripes" }
    if UInt128(layout.slotBytes) * UInt128(stripes) >= max(reach, UInt128(layout.maxMemoryBytes) * UInt128(stripes))
      + UInt128(stripes + 2) * UInt128(Page.size)
    {
      return "larger slots than needed"
    }
    return nil
  }

  /// Walks slots at both ends: what one reaches is never in a memory of its own stripe.
  private func brokenReach(_ layout: SlabLayout) -> String? {
    let ends = Set([0, 1, layout.slotCount / 2, layout.slotCount - 2, layout.slotCount - 1])
    for index in ends where index >= 0 && index < layout.slotCount {
      let base = layout.offset(ofSlot: index)
      let end = base + layout.faultingBytes
      if end > layout.totalBytes { return "slot \(index) reaches beyond the slab" }
      for other in (index + 1)..<min(max(layout.slotCount, index + 1), index + 40) {
        let start = layout.offset(ofSlot: other)
        if start < base + layout.maxMemoryBytes { return "slots \(index) and \(other) overlap" }
        if start < end, layout.stripe(ofSlot: other) == layout.stripe(ofSlot: index) {
          return "slot \(index) reaches slot \(other)"
        }
      }
      // Backwards: the guard's size before a slot holds no memory of its stripe.
      let previous = index - layout.stripeCount
      if previous >= 0 {
        let gap = base - (layout.offset(ofSlot: previous) + layout.maxMemoryBytes)
        if gap < layout.faultingBytes - layout.maxMemoryBytes || gap < layout.constraints.guardBytes {
          return "slot \(previous) ends within a guard of slot \(index)"
        }
      }
    }
    return nil
  }

  @Test(arguments: [5, 6] as [UInt64])
  func `shrinking is exact and monotonous`(seed: UInt64) throws {
    var random = RandomConstraints(generator: SeededGenerator(seed: seed))
    var shrunk = 0
    for _ in 0..<3_000 {
      let constraints = random.next()
      guard let layout = try? SlabLayout(constraints) else { continue }
      let bytes = layout.totalBytes / UInt64(1 + random.generator.below(40))
      let fit = SlabLayout.slotsThatFit(constraints, in: bytes)
      #expect(fit <= constraints.slots)
      if let smaller = layout.shrunk(to: bytes) {
        shrunk += 1
        #expect(smaller.slotCount == fit && smaller.totalBytes <= bytes, "seed \(seed): \(constraints) in \(bytes)")
      } else {
        #expect(fit == 0, "seed \(seed): \(constraints) in \(bytes)")
      }
      if fit < constraints.slots {
        var more = constraints
        more.slots = fit + 1
        #expect(try SlabLayout(more).totalBytes > bytes, "seed \(seed): \(constraints) in \(bytes)")
      }
    }
    #expect(shrunk > 300, "seed \(seed)")
  }
}
