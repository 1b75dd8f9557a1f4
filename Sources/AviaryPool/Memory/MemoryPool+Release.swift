import CAviaryHost
import Synchronization

extension MemoryPool {
  /// The end of a lease. Whatever fails, the next tenant finds a clean slot or none.
  func release(_ index: Int) {
    guard let group = table.group(index) else { return retire(index) }
    let accessible = table.accessible(index)
    if strategy.reset == .keepResident {
      let image = table.image(index)
      let kept = keptBytes(of: accessible, image)
      unsafe SlotBytes.rewrite(base(of: index), to: kept, image)
      counters.count(.keepResident, slot: index)
      if kept == accessible { return finish(index, group, resident: kept) }
      drop(index, from: kept, to: accessible, resident: kept)
    } else {
      counters.count(.decommit, slot: index)
      if accessible == 0 { return finish(index, group, resident: 0) }
      drop(index, from: 0, to: accessible, resident: 0)
    }
  }

  /// What is rewritten rather than dropped, from the slot's start on.
  private func keptBytes(of accessible: UInt64, _ image: MemoryImage?) -> UInt64 {
    let kept = min(accessible, configuration.keepResidentBytes & ~(Page.size - 1))
    // Where the image is bytes of the slot's own, half of it can not be kept: dropped, the rest would be zeros.
    if strategy.copiesImage, let image, kept < min(image.start + image.count, accessible) { return 0 }
    return kept
  }

  /// Drops what waits in the decommit queue. The slots can then be taken again.
  package func flush() {
    transit.add(1, ordering: .sequentiallyConsistent)
    if let batch = queue.takeAll() { flush(batch) }
    transit.subtract(1, ordering: .sequentiallyConsistent)
  }

  /// Removes the group's images from unused slots, and those in use when they come back.
  package func purge(_ group: AffinityGroup) {
    flush()
    transit.add(1, ordering: .sequentiallyConsistent)
    for index in slots.retire(group) { evict(index) }
    transit.subtract(1, ordering: .sequentiallyConsistent)
  }

  /// Pages of a lent slot go now or with others'.
  private func drop(_ index: Int, from start: UInt64, to end: UInt64, resident: UInt64) {
    var range = AviaryRange(address: base(of: index) + UInt(start), bytes: Int(end - start))
    // Counted before others' slots may become this thread's.
    transit.add(1, ordering: .sequentiallyConsistent)
    defer { transit.subtract(1, ordering: .sequentiallyConsistent) }
    let batch = unsafe withUnsafePointer(to: &range) {
      unsafe queue.add(
        DecommitQueue.Batch.Entry(slot: index, resident: resident), UnsafeBufferPointer(start: $0, count: 1))
    }
    if let batch { flush(batch) }
  }

  private func flush(_ batch: consuming DecommitQueue.Batch) {
    do {
      try batch.drop()
    } catch {
      batch.forEach { counters.count(.failedReset, slot: $0.slot); retire($0.slot) }
      return
    }
    batch.forEach { finish($0.slot, table.group($0.slot), resident: $0.resident) }
  }

  /// A lent slot that was reset goes back, for the next of its group.
  private func finish(_ index: Int, _ group: AffinityGroup?, resident: UInt64) {
    guard let group else { return retire(index) }
    let used = table.recall(index)
    unsafe aviary_slot_set_accessible(table.records + index, 0)
    if strategy.copiesImage && resident == 0 {
      table.put(index, .ready(used.wasDroppedWithImage()))
    } else {
      table.put(index, .ready(used.wasReset(resident: resident)))
    }
    if resident != 0 { residentBytes.add(resident, ordering: .relaxed) }
    switch slots.giveBack(index, warmFor: group) {
    case .free: if resident != 0 { keepToBudget() }
    case .freeBeyondWarmLimit: if let taken = slots.evictionCandidate() { evict(taken.index) }
    // The module has gone meanwhile.
    case .refused: evict(index)
    }
  }

  /// A lent slot of which nothing is kept.
  @inline(never)
  private func retire(_ index: Int) {
    let used = table.recall(index)
    unsafe aviary_slot_set_accessible(table.records + index, 0)
    clear(index, extent: used.contents.extent)
  }

  /// An unused slot, taken, of which nothing is to be kept.
  private func evict(_ index: Int) {
    switch table.take(index) {
    case .ready(let slot):
      if slot.resident != 0 { residentBytes.subtract(slot.resident, ordering: .relaxed) }
      clear(index, extent: slot.contents.extent)
    case .unmapped:
      table.put(index, .unmapped)
      slots.giveBack(index, warmFor: nil)
    case .unknown: slots.giveBack(index, warmFor: nil)
    }
  }

  /// - Precondition: the slot's state is `unknown`; where clearing fails it stays so.
  private func clear(_ index: Int, extent: UInt64) {
    counters.count(.clearing, slot: index)
    do {
      try operations.clear(base(of: index), to: extent)
      table.put(index, .unmapped)
    } catch {
      counters.count(.failedReset, slot: index)
    }
    slots.giveBack(index, warmFor: nil)
  }

  /// The least recently used slots lose what they keep. Bounded: the next release goes on.
  @inline(never)
  private func keepToBudget() {
    for _ in 0..<4 {
      guard residentBytes.load(ordering: .relaxed) > configuration.residentBudgetBytes else { return }
      guard let taken = slots.evictionCandidate() else { return }
      evict(taken.index)
    }
  }
}
