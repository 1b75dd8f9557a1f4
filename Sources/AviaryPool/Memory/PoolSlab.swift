import CAviaryHost
import Synchronization

/// A pool's address space, and who answers for faults in it.
///
/// Invariant: they end in this order: handlers stop looking at the slab, it is unmapped, their
/// descriptors are closed. `close` sees to it; the records outlive it.
@safe
final class PoolSlab: @unchecked Sendable {
  /// The first slot.
  let start: UInt
  /// Fills missing pages; nil: the kernel does.
  let faults: FaultService?
  /// Brings slots back; nil: they are dropped or rewritten.
  let resetter: Resetter?
  private let mapping: Mutex<Mapping?>
  /// What the SIGBUS handler knows of it; nil: nothing is write-protected.
  private let watched: UnsafeMutablePointer<AviarySlab>?

  /// - Parameter records: one a slot, zeros; they outlive `close`.
  /// - Throws: `configuration` where userfaultfd is denied; `system`.
  init(
    _ reservation: consuming SlabReservation, _ records: UnsafeMutablePointer<AviarySlotRecord>,
    _ strategy: borrowing PoolStrategy, _ configuration: MemoryPoolConfiguration
  ) throws(VMError) {
    let layout = reservation.layout
    let start = reservation.mapping.address + UInt(layout.offset(ofSlot: 0))
    let bytes = layout.slotBytes * UInt64(layout.slotCount)
    var faults: FaultService?
    if let mode = strategy.faultMode {
      try reservation.mapping.protect(from: layout.offset(ofSlot: 0), count: bytes, .readWrite)
      faults = unsafe try FaultService(
        slotsStart: start, slotBytes: layout.slotBytes, slotCount: layout.slotCount, records: records, mode: mode)
    }
    var resetter: Resetter?
    var watched: UnsafeMutablePointer<AviarySlab>?
    if strategy.reset == .adaptive || strategy.reset == .scan {
      let made = try Resetter(
        arms: strategy.reset == .adaptive, decommits: configuration.reset == .automatic,
        keepResidentBytes: configuration.keepResidentBytes)
      if made.userfaultfd >= 0 {
        unsafe watched = try PoolSlab.watch(start, layout, records, made.userfaultfd)
      }
      resetter = made
    }
    self.start = start
    self.faults = faults
    self.resetter = resetter
    unsafe self.watched = watched
    mapping = Mutex(reservation.takeMapping())
  }

  private static func watch(
    _ start: UInt, _ layout: SlabLayout, _ records: UnsafeMutablePointer<AviarySlotRecord>, _ descriptor: Int32
  ) throws(VMError) -> UnsafeMutablePointer<AviarySlab> {
    let error = aviary_host_install()
    guard error == 0 else { throw Mapping.failure("installing signal handlers", -Int(error), 0) }
    let slab = UnsafeMutablePointer<AviarySlab>.allocate(capacity: 1)
    unsafe slab.initialize(
      to: AviarySlab(
        slots_start: start, slots_end: start + UInt(layout.slotBytes) * UInt(layout.slotCount),
        slot_bytes: layout.slotBytes, records: records, userfaultfd: descriptor,
        mode: UInt32(AVIARY_SLAB_WRITE_PROTECT), faults: 0))
    guard unsafe aviary_slab_register(slab) else {
      unsafe slab.deallocate()
      throw .system(operation: "registering a slab", error: "ENOMEM", bytes: 0)
    }
    return unsafe slab
  }

  /// Pages that were filled or opened by faults.
  var faultCount: UInt64 {
    let opened = unsafe watched.map { unsafe aviary_slab_faults($0) } ?? 0
    return opened &+ (faults?.pagesFilled ?? 0)
  }

  /// Unmaps everything.
  ///
  /// - Precondition: nobody has a slot; once.
  func close() {
    if let watched = unsafe watched {
      unsafe aviary_slab_unregister(watched)
      unsafe watched.deallocate()
    }
    if let faults {
      faults.close { mapping.withLock { $0 = nil } }
    } else {
      mapping.withLock { $0 = nil }
    }
  }
}
