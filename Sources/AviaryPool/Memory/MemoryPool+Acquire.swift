import CAviaryHost
import Glibc
import Synchronization

extension MemoryPool {
  /// Takes a slot: all of it, as far as its guest reaches, reads as the image and zeros.
  ///
  /// - Throws: `limit` when all slots are taken, or the request is larger than a slot; `system`.
  package func acquire(_ request: borrowing MemoryRequest) throws(VMError) -> MemorySlot {
    let accessible = try admit(request)
    let taken = try take(request)
    let index = taken.index
    counters.count(taken.isAffine ? .affine : taken.hadGroup == nil ? .cold : .evicting, slot: index)
    if let resident = table.lendWarm(index, image: request.image, accessible: accessible, group: request.group) {
      // The way of a warm instance: no system call.
      if resident != 0 { residentBytes.subtract(resident, slot: index) }
    } else {
      let clean = try prepare(index, image: request.image, accessible)
      table.lend(index, clean.lend(), group: request.group)
    }
    if faults == nil { unsafe aviary_slot_set_accessible(table.records + index, accessible) }
    let base = base(of: index)
    return MemorySlot(pool: self, index: index, base: base, region: base..<(base &+ UInt(strategy.reach)))
  }

  /// - Returns: how much is accessible at first.
  @inline(__always)
  private func admit(_ request: borrowing MemoryRequest) throws(VMError) -> UInt64 {
    let most = configuration.maxMemoryBytes
    guard request.initialBytes <= most else {
      throw .limit("a memory of \(request.initialBytes) bytes exceeds the pool's limit of \(most)")
    }
    if let image = request.image, image.count > most || image.start > most - image.count {
      throw .limit("an image of \(image.count) bytes at \(image.start) exceeds the pool's limit of \(most) bytes")
    }
    guard request.stripe >= 0, request.stripe < layout.stripeCount else {
      throw .configuration("stripe \(request.stripe) of a pool of \(layout.stripeCount)")
    }
    return (request.initialBytes &+ (Page.size - 1)) & ~(Page.size - 1)
  }

  @inline(__always)
  private func take(_ request: borrowing MemoryRequest) throws(VMError) -> Taken {
    if let taken = slots.take(group: request.group, stripe: request.stripe) { return taken }
    if let taken = takeElsewhere(request) { return taken }
    // Some may only wait for their pages to be dropped.
    flush()
    if let taken = slots.take(group: request.group, stripe: request.stripe) { return taken }
    if let taken = takeElsewhere(request) ?? awaitTransit(request) { return taken }
    let share = layout.stripeCount == 1 || request.takesAnyStripe ? "" : " of stripe \(request.stripe)"
    throw .limit("all memories\(share) of the pool's \(layout.slotCount) are in use")
  }

  /// Of another stripe, where the request allows it.
  @inline(never)
  private func takeElsewhere(_ request: borrowing MemoryRequest) -> Taken? {
    guard request.takesAnyStripe else { return nil }
    for step in 1..<max(layout.stripeCount, 1) {
      let stripe = (request.stripe + step) % layout.stripeCount
      if let taken = slots.take(group: request.group, stripe: stripe) { return taken }
    }
    return nil
  }

  /// Slots that another thread is just cleaning are free in a moment: whoever counted on them, as they were
  /// released, is not to be refused. Bounded: that thread does nothing but system calls.
  @inline(never)
  private func awaitTransit(_ request: borrowing MemoryRequest) -> Taken? {
    for round in 0..<2000 {
      let wasBusy = transit.load(ordering: .sequentiallyConsistent) > 0
      flush()
      if let taken = slots.take(group: request.group, stripe: request.stripe) ?? takeElsewhere(request) { return taken }
      guard wasBusy else { return nil }
      if round < 100 { sched_yield() } else { usleep(100) }
    }
    return nil
  }

  /// - Precondition: the caller has taken the index; a failure gives it back.
  @inline(never)
  private func prepare(_ index: Int, image: MemoryImage?, _ accessible: UInt64) throws(VMError) -> CleanSlot {
    switch table.take(index) {
    case .ready(let slot):
      if slot.resident != 0 { residentBytes.subtract(slot.resident, slot: index) }
      return try adapt(index, slot, image, accessible)
    case .unmapped: return try build(index, image, accessible)
    case .unknown: return try renew(index, image, accessible)
    }
  }

  @inline(never)
  private func adapt(
    _ index: Int, _ slot: consuming CleanSlot, _ image: MemoryImage?, _ accessible: UInt64
  ) throws(VMError) -> CleanSlot {
    let base = base(of: index)
    let old = slot.contents.accessible
    // An image that is a copy in memory ends where the memory ended.
    let isWhole = !strategy.copiesImage || accessible <= old || (image.map { $0.start + $0.count } ?? 0) <= old
    do {
      if slot.contents.image === image, isWhole {
        // The grown tail of the one before is hidden again, whoever that was.
        try operations.hide(base, from: accessible, to: old)
        try operations.open(base, from: old, to: accessible, key: key(of: index))
        let extent = max(slot.contents.extent, accessible)
        return CleanSlot(
          SlotContents(image: image, accessible: accessible, extent: extent), resident: slot.resident)
      }
      // What it held goes as a whole: image, pages, access.
      try unmap(index, extent: slot.contents.extent)
    } catch {
      slots.giveBack(index, warmFor: nil)
      throw error
    }
    return try build(index, image, accessible)
  }

  /// A slot after a failure.
  @inline(never)
  private func renew(_ index: Int, _ image: MemoryImage?, _ accessible: UInt64) throws(VMError) -> CleanSlot {
    do {
      try unmap(index, extent: layout.slotBytes)
    } catch {
      // Too many mappings pass by; for anything else there is no remedy.
      if error.isShortage { slots.giveBack(index, warmFor: nil) } else { slots.quarantine(index) }
      throw error
    }
    return try build(index, image, accessible)
  }

  /// - Precondition: the slot is unmapped, and the caller has taken the index; a failure gives it back.
  @inline(never)
  private func build(_ index: Int, _ image: MemoryImage?, _ accessible: UInt64) throws(VMError) -> CleanSlot {
    let base = base(of: index)
    let key = key(of: index)
    var extent = accessible
    do {
      if let faults {
        try faults.activate(index, image: image, accessible: accessible, key: key)
        return CleanSlot(SlotContents(image: image, accessible: accessible, extent: accessible), resident: 0)
      }
      try operations.open(base, from: 0, to: accessible, key: key)
      if let image {
        if strategy.copiesImage {
          unsafe SlotBytes.copy(image, to: base, below: accessible)
        } else {
          try operations.map(image, base, accessible: accessible, key: key)
          extent = max(extent, image.start + image.count)
        }
      }
    } catch {
      slots.giveBack(index, warmFor: nil)
      throw error
    }
    return CleanSlot(SlotContents(image: image, accessible: accessible, extent: extent), resident: 0)
  }

  /// - Precondition: the caller has the lease. `bytes` may be anything: beyond the limit it is refused.
  func grow(_ index: Int, to bytes: UInt64) throws(VMError) {
    guard bytes <= configuration.maxMemoryBytes, let new = Page.roundUp(bytes) else {
      throw .limit("a memory of \(bytes) bytes exceeds the pool's limit of \(configuration.maxMemoryBytes)")
    }
    let old = table.accessible(index)
    if new <= old { return }
    if let faults {
      try faults.setAccessible(index, to: new)
    } else {
      do {
        try operations.open(base(of: index), from: old, to: new, key: key(of: index))
      } catch {
        hideAgain(index, from: old, to: new)
        throw error
      }
      unsafe aviary_slot_set_accessible(table.records + index, new)
    }
    table.grew(index, to: new)
  }

  /// The kernel may have opened a part before it gave up, for want of mappings: a guest could write there,
  /// and no reset would look. Where it stays open, nothing of the slot is kept after this tenant.
  @inline(never)
  private func hideAgain(_ index: Int, from old: UInt64, to new: UInt64) {
    do {
      try operations.hide(base(of: index), from: old, to: new)
    } catch {
      table.spoil(index, extent: new)
    }
  }
}

extension VMError {
  /// Whether trying again later may help.
  var isShortage: Bool {
    if case .system(_, "ENOMEM", _) = self { true } else { false }
  }
}
