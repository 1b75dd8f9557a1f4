// Page faults in user space: a slab that is one mapping, whatever its slots hold.
//
//   FaultService    a pool's slab under userfaultfd; what owners of slots tell it
//   FaultThread     fills pages and stops accesses out of bounds, for threads that wait
//   FaultBlock      what a fault's 64 KiB are made of: arithmetic alone
//   FaultSupport    whether this machine permits it, and what to do where not
//
// In signal mode there is no thread: CAviaryHost's slab.c fills 4 KiB in the handler of
// the thread that faults. Both modes read the same records, written here.
//
//   slab (read and write, no reserve, registered once: one mapping)
//   ├─ slot 0 ──────────────────────┬─ slot 1 ────────────────────┬─ ...
//   │ accessible │ out of bounds    │ accessible │ out of bounds  │
//     missing pages are filled      └ nobody's: accessible is 0 while the slot is unused
//
// Invariants:
//   - No page at or beyond a slot's `accessible` is present: pages are filled only below it,
//     and it shrinks only together with a decommit of all that was below.
//   - In thread mode nothing is filled after `deactivate` returned: filling and the change
//     of `accessible` exclude each other by the record's lock. A thread that waited for a
//     page may go on before the whole block is filled, since any signal wakes it.
//   - A guard is recorded before whoever ran into it is woken.
package import CAviaryHost
import Synchronization

/// Fills the pages of a slab on demand.
///
/// Thread-safe, except that what concerns one slot is done by the slot's owner.
@safe
package final class FaultService: @unchecked Sendable {
  package enum Mode: UInt8, Sendable, CaseIterable {
    /// The thread that faults fills the page, in a SIGBUS handler. System calls that meet a
    /// missing page fail with EFAULT.
    case signal
    /// A thread of ours fills pages; system calls wait for it too.
    case thread
  }

  package let mode: Mode
  private let slab: UnsafeMutablePointer<AviarySlab>
  private let server: FaultThread?
  private let isClosed = Atomic<Bool>(false)

  /// Registers [start, start + slotBytes * slotCount), which is mapped readable and writable.
  ///
  /// - Parameters:
  ///   - records: one a slot, zeros; they outlive the service.
  ///   - reportsRemovals: for pages that others than slots' owners drop: in thread mode they wait for the
  ///     thread.
  /// - Precondition: all sizes are whole pages; nothing in the range is present.
  /// - Throws: `configuration` where userfaultfd is not to be had, naming the way out; `system`.
  package init(
    slotsStart start: UInt, slotBytes: UInt64, slotCount: Int, records: UnsafeMutablePointer<AviarySlotRecord>,
    mode: Mode, reportsRemovals: Bool = false
  ) throws(VMError) {
    precondition(start % UInt(Page.size) == 0 && slotBytes % Page.size == 0 && slotBytes > 0 && slotCount > 0)
    let bytes = slotBytes * UInt64(slotCount)
    let descriptor = try FaultSupport.open(mode, reportsRemovals: reportsRemovals)
    do {
      try FaultService.register(descriptor, start, bytes)
    } catch {
      aviary_system_close(descriptor)
      throw error
    }
    let slab = UnsafeMutablePointer<AviarySlab>.allocate(capacity: 1)
    unsafe slab.initialize(
      to: AviarySlab(
        slots_start: start, slots_end: start + UInt(bytes), slot_bytes: slotBytes, records: records,
        userfaultfd: descriptor,
        mode: UInt32(mode == .signal ? AVIARY_SLAB_MISSING_SIGNAL : AVIARY_SLAB_MISSING_THREAD), faults: 0))
    do {
      switch mode {
      case .signal:
        server = nil
        try unsafe FaultService.announce(slab)
      case .thread: unsafe server = try FaultThread(slab)
      }
    } catch {
      aviary_system_close(descriptor)
      unsafe slab.deallocate()
      throw error
    }
    self.mode = mode
    unsafe self.slab = slab
    try joinMappings()
  }

  private static func register(_ descriptor: Int32, _ start: UInt, _ bytes: UInt64) throws(VMError) {
    let result = aviary_userfault_register(descriptor, start, Int(bytes), UInt64(AVIARY_FAULTFD_REGISTER_MISSING))
    guard result >= 0 else { throw Mapping.failure("registering memory with userfaultfd", result, bytes) }
  }

  private static func announce(_ slab: UnsafeMutablePointer<AviarySlab>) throws(VMError) {
    let error = aviary_host_install()
    guard error == 0 else { throw Mapping.failure("installing signal handlers", -Int(error), 0) }
    guard unsafe aviary_slab_register(slab) else {
      throw .system(operation: "registering a slab", error: "ENOMEM", bytes: unsafe UInt64(MemoryLayout<AviarySlab>.size))
    }
  }

  /// Gives the mapping its anonymous pages' owner (the kernel's anon_vma) while it is one piece:
  /// pieces that a guard cuts it into then share it, and become one again. Pieces that got owners
  /// of their own would stay apart for ever.
  private func joinMappings() throws(VMError) {
    let start = unsafe slab.pointee.slots_start
    let zeros = [UInt8](repeating: 0, count: Int(Page.size))
    let copied = unsafe zeros.withUnsafeBytes {
      unsafe aviary_userfault_copy(slab.pointee.userfaultfd, start, $0.baseAddress, $0.count)
    }
    guard copied >= 0 else { throw Mapping.failure("filling a page", copied, Page.size) }
    let dropped = aviary_system_discard(start, Int(Page.size))
    guard dropped >= 0 else { throw Mapping.failure("discarding pages", dropped, Page.size) }
  }

  deinit {
    close {}
    unsafe slab.deallocate()
  }

  // MARK: Slots

  /// Lets the slot's first `accessible` bytes be filled: from the image where it lies, else with
  /// zeros.
  ///
  /// - Parameters:
  ///   - image: stays alive until `deactivate`.
  ///   - key: the slot's protection key, always the same one; -1: none.
  /// - Precondition: the caller owns the slot; none of its pages is present; whole pages.
  /// - Throws: `system` where an old guard cannot be reset, or there is no mapping left for a slot with a
  ///   key; the slot is then as before.
  package func activate(_ slot: Int, image: MemoryImage?, accessible: UInt64, key: Int32 = -1) throws(VMError) {
    let record = unsafe record(slot)
    unsafe aviary_slot_lock(record)
    defer { unsafe aviary_slot_unlock(record) }
    try unsafe resetGuard(slot, record)
    if key >= 0 { try unsafe colour(slot, record, key) }
    unsafe record.pointee.source = image.flatMap { unsafe UnsafePointer(bitPattern: $0.source) }
    unsafe record.pointee.source_start = image?.start ?? 0
    unsafe record.pointee.source_end = image.map { $0.start + $0.count } ?? 0
    unsafe record.pointee.guard_faults = 0
    unsafe aviary_slot_publish(record, accessible)
  }

  /// Growth: no page is touched.
  ///
  /// - Precondition: the caller owns the slot, which is active; not less than now; whole pages.
  /// - Throws: `system` where a guard that an access out of bounds left cannot be reset; the slot
  ///   then has its old size.
  package func setAccessible(_ slot: Int, to accessible: UInt64) throws(VMError) {
    let record = unsafe record(slot)
    unsafe aviary_slot_lock(record)
    defer { unsafe aviary_slot_unlock(record) }
    try unsafe resetGuard(slot, record)
    unsafe aviary_slot_publish(record, accessible)
  }

  /// From here on nothing of the slot is filled. Its contents stay until they are decommitted.
  ///
  /// - Precondition: the caller owns the slot, and no guest runs in it.
  /// - Throws: `system` where a guard cannot be reset; `activate` tries again.
  package func deactivate(_ slot: Int) throws(VMError) {
    let record = unsafe record(slot)
    unsafe aviary_slot_lock(record)
    unsafe aviary_slot_publish(record, 0)
    unsafe record.pointee.source = nil
    unsafe record.pointee.source_start = 0
    unsafe record.pointee.source_end = 0
    let isPoisoned = unsafe record.pointee.guard_kind & UInt32(AVIARY_GUARD_POISONED) != 0
    let start = unsafe record.pointee.guard_start
    let faults = unsafe record.pointee.guard_faults
    unsafe aviary_slot_unlock(record)
    // Dropping waits for the thread, which may wait for the lock.
    if isPoisoned { try decommit(slot, from: start, to: unsafe slab.pointee.slot_bytes) }
    unsafe aviary_slot_lock(record)
    defer { unsafe aviary_slot_unlock(record) }
    if isPoisoned, unsafe record.pointee.guard_faults == faults {
      unsafe record.pointee.guard_kind &= ~UInt32(AVIARY_GUARD_POISONED)
    }
    try unsafe resetGuard(slot, record)
  }

  /// Drops pages: they are missing again. Where several slots' are due, one system call may drop all.
  ///
  /// - Precondition: the caller owns the slot; whole pages.
  package func decommit(_ slot: Int, from start: UInt64 = 0, to end: UInt64) throws(VMError) {
    if start >= end { return }
    let result = aviary_system_discard(base(slot) + UInt(start), Int(end - start))
    guard result >= 0 else { throw Mapping.failure("discarding pages", result, end - start) }
  }

  /// Guards that accesses out of bounds left go, so that the slab is one mapping again.
  ///
  /// - Precondition: the record is locked.
  private func resetGuard(_ slot: Int, _ record: UnsafeMutablePointer<AviarySlotRecord>) throws(VMError) {
    if unsafe record.pointee.guard_kind == UInt32(AVIARY_GUARD_NONE) { return }
    let start = unsafe record.pointee.guard_start
    let bytes = unsafe slab.pointee.slot_bytes - start
    // There were no mappings left to make a guard from: so there are none to grow into.
    if unsafe record.pointee.guard_kind & UInt32(AVIARY_GUARD_POISONED) != 0 {
      throw .system(operation: "resetting a poisoned page", error: "ENOMEM", bytes: bytes)
    }
    let result = aviary_system_protect(base(slot) + UInt(start), Int(bytes), Protection([.read, .write]).rawValue)
    guard result >= 0 else { throw Mapping.failure("resetting guard pages", result, bytes) }
    unsafe record.pointee.guard_kind = UInt32(AVIARY_GUARD_NONE)
  }

  /// Once: whatever changes the protection later keeps the key, as does dropping pages, and the registration
  /// stays through all of it. A slot without its key has no pages and is out of bounds, so who reaches it
  /// under key 0 finds nothing.
  ///
  /// - Precondition: the record is locked; the slot has no guard.
  private func colour(_ slot: Int, _ record: UnsafeMutablePointer<AviarySlotRecord>, _ key: Int32) throws(VMError) {
    if unsafe record.pointee.colour == UInt32(key) + 1 { return }
    let bytes = unsafe slab.pointee.slot_bytes
    let result = aviary_system_protect_key(base(slot), Int(bytes), Protection([.read, .write]).rawValue, key)
    guard result >= 0 else { throw Mapping.failure("giving a slot its protection key", result, bytes) }
    unsafe record.pointee.colour = UInt32(key) + 1
  }

  private func base(_ slot: Int) -> UInt { unsafe slab.pointee.slots_start + UInt(slot) * UInt(slab.pointee.slot_bytes) }

  private func record(_ slot: Int) -> UnsafeMutablePointer<AviarySlotRecord> {
    unsafe precondition(UInt64(slot) < (UInt64(slab.pointee.slots_end) - UInt64(slab.pointee.slots_start)) / slab.pointee.slot_bytes)
    return unsafe slab.pointee.records + slot
  }

  // MARK: Counters

  /// Pages filled since the start.
  package var pagesFilled: UInt64 { unsafe aviary_slab_faults(slab) }
  /// Dropped ranges that were reported to the thread.
  package var removals: UInt64 { server?.removals ?? 0 }
  /// Accesses out of bounds that the thread stopped.
  package var guardFaults: UInt64 { server?.guardFaults ?? 0 }
  /// Faults that could be neither filled nor guarded at once, for want of memory or mappings.
  package var failures: UInt64 { server?.failures ?? 0 }
  /// Whether the slot has a guard that is to be reset.
  package func isGuarded(_ slot: Int) -> Bool {
    let record = unsafe record(slot)
    unsafe aviary_slot_lock(record)
    defer { unsafe aviary_slot_unlock(record) }
    return unsafe record.pointee.guard_kind != UInt32(AVIARY_GUARD_NONE)
  }

  // MARK: The end

  /// Ends the service once, with the slab.
  ///
  /// `unmap` unmaps the whole slab. In thread mode it waits inside of the kernel until the thread
  /// has read of it; then the thread ends, and is waited for. Where unmapping fails, memory that is
  /// left is ordinary memory: nobody waits for a page for ever.
  ///
  /// - Precondition: all slots are deactivated; nobody uses the slab.
  package func close(_ unmap: () -> Void) {
    if isClosed.exchange(true, ordering: .relaxed) { return }
    switch mode {
    case .signal:
      // Afterwards a stray access ends the process, as any other does.
      unsafe aviary_slab_unregister(slab)
      unmap()
    case .thread:
      unmap()
      server?.join()
    }
    aviary_system_close(unsafe slab.pointee.userfaultfd)
  }
}
