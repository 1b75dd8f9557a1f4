import CAviaryHost
import Synchronization

/// What a memory is to be.
package struct MemoryRequest: Sendable {
  /// nil: no module's; nothing is kept for a next one.
  package var group: AffinityGroup?
  /// The store's stripe: all its memories are under one key.
  package var stripe = 0
  /// Where the stripe is full, another one will do: the store has no memory yet, and moves there.
  package var takesAnyStripe = false
  /// nil: zeros. Lies inside of `maxMemoryBytes`, and may end behind `initialBytes` by less than
  /// 64 KiB; zeros are there.
  package var image: MemoryImage?
  /// Rounded up to machine pages.
  package var initialBytes: UInt64
  package init(group: AffinityGroup? = nil, stripe: Int = 0, image: MemoryImage? = nil, initialBytes: UInt64) {
    self.group = group
    self.stripe = stripe
    self.image = image
    self.initialBytes = initialBytes
  }
}

/// Linear memories, allocated in advance: one reservation that is cut into slots. Thread-safe.
///
/// A slot belongs to whoever holds its index: a lease (`MemorySlot`), the decommit queue, or a
/// routine of the pool between the allocator's `take` and `giveBack`. Only the allocator, the queue
/// and the counters are shared.
///
/// Invariant: a slot is lent only after it was seen to be clean; see SlotContents.swift for how a
/// failure keeps that up.
@safe
package final class MemoryPool: Sendable {
  /// As asked for.
  package let configuration: MemoryPoolConfiguration
  /// What the machine made of it: what was not granted, and what stands in for it. Told once, here.
  package let notes: [String]
  /// The reservation that was granted.
  package let layout: SlabLayout

  let strategy: PoolStrategy
  /// The slab's: it keeps it. Counting references to it would be a cache line that all threads write.
  let resetter: Unmanaged<Resetter>?
  let faults: FaultService?
  let operations: SlotMapping
  let slots: SlotAllocator
  let table: SlotTable
  let queue: DecommitQueue
  let counters = PoolCounters()
  /// Threads that clean slots which were released before: these are in nobody's use and not free yet.
  let transit = Atomic<Int>(0)
  /// Of unused slots.
  let residentBytes: ResidentBytes
  private let slab: PoolSlab
  private let slotsStart: UInt
  /// Goes after `deinit` has unmapped the slab: a key that is freed may be another's at once.
  package let keys: ProtectionKeys

  /// - Throws: `configuration` that names the numbers; `system` where nothing can be reserved.
  package init(_ configuration: MemoryPoolConfiguration) throws(VMError) {
    aviary_system_keep_spare_mappings()
    var strategy = try PoolStrategy(configuration)
    let available = try strategy.takeKeys(configuration)
    let reservation = try SlabReservation(
      strategy.constraints(configuration), strategy.protection, shrinks: configuration.shrinksToFit)
    let layout = reservation.layout
    self.configuration = configuration
    self.strategy = strategy
    self.layout = layout
    notes = strategy.notes + PoolStrategy.notes(on: layout, strategy, asked: configuration)
    residentBytes = ResidentBytes(budget: configuration.residentBudgetBytes)
    table = try SlotTable(slots: layout.slotCount)
    keys = available.first(layout.stripeCount)
    operations = SlotMapping(hasKeys: keys.areEnforced, faults: configuration.faults)
    slots = try SlotAllocator(
      slots: layout.slotCount, stripes: layout.stripeCount, warmLimit: configuration.warmSlots, shards: 0)
    queue = DecommitQueue(rangeLimit: configuration.decommitBatch, byteLimit: configuration.residentBudgetBytes)
    slab = unsafe try PoolSlab(
      reservation, table.records, strategy, configuration)
    slotsStart = slab.start
    unsafe resetter = slab.resetter.map { unsafe Unmanaged.passUnretained($0) }
    faults = slab.faults
  }

  // Leases keep the pool, so none is left.
  deinit { slab.close() }

  /// How many memories there can be at a time.
  package var grantedSlots: Int { layout.slotCount }

  /// How many stripes, each under a key of its own; 1 without keys.
  package var stripeCount: Int { layout.stripeCount }

  /// The stripe of a slot.
  package func stripe(ofSlot index: Int) -> Int { layout.stripe(ofSlot: index) }

  /// Whether resets write-protect pages: those of anonymous memory and of sealed images can be.
  package var writeProtects: Bool { slab.resetter.map { $0.userfaultfd >= 0 } ?? false }

  /// A number for a module's memory. Give it back with `purge` when the module goes.
  package func makeGroup() -> AffinityGroup { slots.makeGroup() }

  @inline(__always)
  func base(of index: Int) -> UInt { slotsStart &+ UInt(bitPattern: index) &* UInt(layout.slotBytes) }

  /// A slot's protection key; -1: none.
  func key(of index: Int) -> Int32 {
    keys.areEnforced ? keys.key(ofStripe: layout.stripe(ofSlot: index)) : -1
  }

  /// PKRU for guests of stores that take their memories from the stripe; 0: the register is left alone.
  package func guestRights(ofStripe stripe: Int) -> UInt32 { keys.guestRights(ofStripe: stripe) }

  package var statistics: MemoryPoolStatistics {
    let counts = slots.counts
    var result = MemoryPoolStatistics()
    result.live = counts.live
    result.warm = counts.warm
    result.cold = counts.cold
    result.quarantined = counts.quarantined
    result.residentBytes = residentBytes.value
    result.affineAcquisitions = counters.total(.affine)
    result.coldAcquisitions = counters.total(.cold)
    result.evictingAcquisitions = counters.total(.evicting)
    result.adaptiveResets = counters.total(.adaptive)
    result.scanResets = counters.total(.scan)
    result.keepResidentResets = counters.total(.keepResident)
    result.decommitResets = counters.total(.decommit)
    result.clearings = counters.total(.clearing)
    result.failedResets = counters.total(.failedReset)
    result.faults = slab.faultCount
    return result
  }
}
