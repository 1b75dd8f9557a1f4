import CAviaryHost
import Synchronization

extension MemoryPool {
  /// The end of a lease. Whatever fails, the next tenant finds a clean slot or none.
  func release(_ index: Int) {
    if configuration.faults.contains(.skipsReset) { return releaseDirty(index) }
    if let faults { return releaseFilled(index, faults) }
    guard let group = table.group(index) else { return retire(index) }
    switch strategy.reset {
    case .adaptive, .scan, .automatic: learn(index, group)
    case .keepResident: rewrite(index, group)
    case .decommit:
      counters.count(.decommit, slot: index)
      drop(index, from: 0, resident: 0)
    }
  }

  /// Drops what waits in the decommit queue. The slots can then be taken again.
  package func flush() {
    transit.wrappingAdd(1, ordering: .sequentiallyConsistent)
    if let batch = queue.takeAll() { flush(batch) }
    transit.wrappingSubtract(1, ordering: .sequentiallyConsistent)
  }

  /// Removes the group's images from unused slots, and those in use when they come back.
  package func purge(_ group: AffinityGroup) {
    flush()
    transit.wrappingAdd(1, ordering: .sequentiallyConsistent)
    for index in slots.retire(group) { evict(index) }
    transit.wrappingSubtract(1, ordering: .sequentiallyConsistent)
  }

  /// Drops what waits, and everything that unused slots keep: images, and pages in memory.
  package func trim() {
    flush()
    transit.wrappingAdd(1, ordering: .sequentiallyConsistent)
    // Bounded, should others warm slots as fast as they go here.
    for _ in 0..<layout.slotCount {
      guard let taken = slots.evictionCandidate() else { break }
      evict(taken.index)
    }
    transit.wrappingSubtract(1, ordering: .sequentiallyConsistent)
  }

  /// Nothing is kept of what faults filled.
  private func releaseFilled(_ index: Int, _ faults: FaultService) {
    do {
      try faults.deactivate(index)
    } catch {
      counters.count(.failedReset, slot: index)
      return retire(index)
    }
    counters.count(.decommit, slot: index)
    drop(index, from: 0, resident: 0)
  }

  /// A mistake, for tests.
  @inline(never)
  private func releaseDirty(_ index: Int) {
    try? faults?.deactivate(index)
    finish(index, table.group(index), resident: 0)
  }

  /// Looks at written pages only.
  @inline(__always)
  private func learn(_ index: Int, _ group: AffinityGroup) {
    guard let resetter = unsafe resetter else { preconditionFailure("a strategy without its means") }
    let history = unsafe resetter._withUnsafeGuaranteedRef { table.history(index, $0) }
    HostAccess.allow()
    do {
      let way = unsafe try resetter._withUnsafeGuaranteedRef { (resetter) throws(VMError) in
        unsafe try resetter.reset(table.view(index, base: base(of: index)), history)
      }
      unsafe table.records[index].log = history.isArmed ? history.log : nil
      if way == .decommit {
        counters.count(.decommit, slot: index)
        return drop(index, from: 0, resident: 0)
      }
      counters.count(way == .armed ? .adaptive : .scan, slot: index)
    } catch {
      counters.count(.failedReset, slot: index)
      return retire(index)
    }
    finish(index, group, resident: history.residentBytes)
  }

  private func rewrite(_ index: Int, _ group: AffinityGroup) {
    let accessible = table.accessible(index)
    let kept = min(accessible, configuration.keepResidentBytes & ~(Page.size - 1))
    let image = table.image(index)
    if strategy.copiesImage, let image, image.start + image.count > kept {
      // What is dropped would read as zeros where the copy was: the next use copies all of it.
      counters.count(.decommit, slot: index)
      return drop(index, from: 0, resident: 0)
    }
    counters.count(.keepResident, slot: index)
    unsafe SlotBytes.rewrite(base(of: index), to: kept, image)
    drop(index, from: kept, resident: kept)
  }

  /// Pages of a lent slot go, now or with others'.
  private func drop(_ index: Int, from start: UInt64, resident: UInt64) {
    let end = table.accessible(index)
    if start >= end { return finish(index, table.group(index), resident: resident) }
    var range = AviaryRange(address: base(of: index) + UInt(start), bytes: Int(end - start))
    // Counted before others' slots may become this thread's.
    transit.wrappingAdd(1, ordering: .sequentiallyConsistent)
    defer { transit.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
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
      batch.forEach {
        counters.count(.failedReset, slot: $0.slot)
        retire($0.slot)
      }
      return
    }
    batch.forEach { finish($0.slot, table.group($0.slot), resident: $0.resident) }
  }

  /// A lent slot that was reset goes back, for the next of its group.
  @inline(__always)
  private func finish(_ index: Int, _ group: AffinityGroup?, resident: UInt64) {
    if faults != nil {
      _ = table.recall(index)
      table.put(index, .unmapped)
    } else {
      unsafe aviary_slot_set_accessible(table.records + index, 0)
      if strategy.copiesImage && resident == 0 {
        table.put(index, .ready(table.recall(index).wasDroppedWithImage()))
      } else {
        table.wasReset(index, resident: resident)
      }
    }
    if resident != 0 { residentBytes.add(resident, slot: index) }
    switch slots.giveBack(index, warmFor: faults == nil ? group : nil) {
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
    if faults == nil { unsafe aviary_slot_set_accessible(table.records + index, 0) }
    unmapAndGiveBack(index, extent: used.contents.extent)
  }

  /// An unused slot, taken, of which nothing is to be kept.
  private func evict(_ index: Int) {
    switch table.take(index) {
    case .ready(let slot):
      if slot.resident != 0 { residentBytes.subtract(slot.resident, slot: index) }
      unmapAndGiveBack(index, extent: slot.contents.extent)
    case .unmapped:
      table.put(index, .unmapped)
      slots.giveBack(index, warmFor: nil)
    case .unknown: slots.giveBack(index, warmFor: nil)
    }
  }

  /// - Precondition: the slot's state is `unknown`; where unmapping fails it stays so.
  private func unmapAndGiveBack(_ index: Int, extent: UInt64) {
    do {
      try unmap(index, extent: extent)
      table.put(index, .unmapped)
    } catch {
      counters.count(.failedReset, slot: index)
    }
    slots.giveBack(index, warmFor: nil)
  }

  /// Leaves nothing in [0, extent): contents, image and access are gone, and what was learnt.
  ///
  /// - Precondition: the slot's state is `unknown`, and nothing but reservation is behind the extent.
  func unmap(_ index: Int, extent: UInt64) throws(VMError) {
    counters.count(.clearing, slot: index)
    if let faults {
      // Mapped anew, it would not be registered.
      try faults.deactivate(index)
      try faults.decommit(index, to: layout.slotBytes)
    } else {
      table.forgetHistory(index)
      try operations.clear(base(of: index), to: extent)
    }
  }

  /// The least recently used slots lose what they keep. Bounded: the next release goes on.
  @inline(__always)
  private func keepToBudget() {
    if residentBytes.isOverBudget { evictForBudget() }
  }

  @inline(never)
  private func evictForBudget() {
    for _ in 0..<4 {
      guard residentBytes.isOverBudget else { return }
      guard let taken = slots.evictionCandidate() else { return }
      evict(taken.index)
    }
  }
}
