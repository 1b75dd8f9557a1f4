import CAviaryHost
import Glibc
import Synchronization

/// The thread that answers for a slab: it knows nothing but a fault's address and the records.
///
/// It ends when the whole slab was unmapped, or when told to. It never touches the slab itself:
/// nobody would answer.
@safe
final class FaultThread: @unchecked Sendable {
  private struct Fault {
    let address: UInt
    let writes: Bool
  }
  private enum Outcome { case settled, later }

  private let slab: UnsafeMutablePointer<AviarySlab>
  private let stop: Int32
  private let ended = ConditionVariable()
  private let hasEnded = Atomic<Bool>(false)
  private let guards = Atomic<UInt64>(0)
  private let failed = Atomic<UInt64>(0)
  private let dropped = Atomic<UInt64>(0)

  /// - Parameter slab: outlives the thread, as does its descriptor.
  init(_ slab: UnsafeMutablePointer<AviarySlab>) throws(VMError) {
    let stop = aviary_userfault_stop_open()
    guard stop >= 0 else { throw Mapping.failure("opening an event counter", stop, 0) }
    unsafe self.slab = slab
    self.stop = Int32(stop)
    let context = unsafe Unmanaged.passRetained(self)
    let error = unsafe aviary_thread_start(
      { context in unsafe Unmanaged<FaultThread>.fromOpaque(context!).takeRetainedValue().run() }, context.toOpaque())
    guard error == 0 else {
      unsafe context.release()
      aviary_system_close(self.stop)
      throw Mapping.failure("starting the fault handler's thread", -Int(error), 0)
    }
  }

  /// Accesses out of bounds.
  var guardFaults: UInt64 { guards.load(ordering: .relaxed) }
  /// Faults for which there was no memory, or no mapping.
  var failures: UInt64 { failed.load(ordering: .relaxed) }
  /// Reports of dropped pages.
  var removals: UInt64 { dropped.load(ordering: .relaxed) }

  /// Once, and not from the thread itself. Returns when it uses nothing any more: neither slab nor
  /// records, nor a descriptor.
  func join() {
    aviary_userfault_stop_signal(stop)
    ended.lock()
    while !hasEnded.load(ordering: .relaxed) { ended.wait(until: nil) }
    ended.unlock()
    aviary_system_close(stop)
  }

  private func run() {
    serve()
    ended.lock()
    hasEnded.store(true, ordering: .relaxed)
    ended.signal()
    ended.unlock()
  }

  // MARK: Events

  private func serve() {
    let descriptor = unsafe slab.pointee.userfaultfd
    let bytes = unsafe UInt64(slab.pointee.slots_end - slab.pointee.slots_start)
    let events = UnsafeMutablePointer<AviaryFaultEvent>.allocate(capacity: Int(AVIARY_FAULT_EVENTS))
    defer { unsafe events.deallocate() }
    // One a thread that waits, at most.
    var waiting: [Fault] = []
    var unmapped: UInt64 = 0
    var rounds = 0
    while unmapped < bytes {
      let ready = aviary_userfault_poll(descriptor, stop, patience(waiting.count, rounds))
      // All is read before any is answered: who unmaps or drops waits for nothing else.
      while true {
        let count = unsafe aviary_userfault_read(descriptor, events)
        if count <= 0 { break }
        for i in 0..<Int(count) { unsafe take(events[i], &waiting, &unmapped) }
        if count < Int(AVIARY_FAULT_EVENTS) { break }
      }
      let before = waiting.count
      waiting.removeAll { settle($0) == .settled }
      rounds = before > 0 && waiting.count == before ? rounds + 1 : 0
      // Who still waits is woken by the descriptor's end, and meets what is left of the slab.
      if ready >= 0 && ready & Int(AVIARY_FAULT_POLL_STOP) != 0 { return }
    }
  }

  /// Milliseconds. A mapping that changes is ready in a moment; memory that ran out is not.
  private func patience(_ waiting: Int, _ rounds: Int) -> Int32 {
    if waiting == 0 { return -1 }
    if rounds < 100 {
      sched_yield()
      return 0
    }
    return 1
  }

  private func take(_ event: AviaryFaultEvent, _ waiting: inout [Fault], _ unmapped: inout UInt64) {
    switch event.kind {
    case UInt32(AVIARY_FAULT_EVENT_PAGE):
      waiting.append(Fault(address: UInt(event.start), writes: event.is_write != 0))
    case UInt32(AVIARY_FAULT_EVENT_UNMAP):
      let start = max(event.start, UInt64(unsafe slab.pointee.slots_start))
      let end = min(event.end, UInt64(unsafe slab.pointee.slots_end))
      if start < end { unmapped += end - start }
    case UInt32(AVIARY_FAULT_EVENT_REMOVE): dropped.add(1, ordering: .relaxed)
    default: break
    }
  }

  // MARK: Faults

  /// Answers one fault, so that its thread goes on: to its page, or to a SIGSEGV.
  private func settle(_ fault: Fault) -> Outcome {
    let place = unsafe aviary_slab_locate(slab, fault.address)
    guard place.in_slots else {
      wake(fault.address & ~UInt(Page.size - 1), Page.size)
      return .settled
    }
    let record = unsafe slab.pointee.records + Int(place.slot)
    let base = fault.address - UInt(place.offset)
    unsafe aviary_slot_lock(record)
    defer { unsafe aviary_slot_unlock(record) }
    let accessible = unsafe record.pointee.accessible
    if place.offset >= accessible { return unsafe refuse(base, record, from: accessible, place.offset) }
    let image = unsafe record.pointee.source_start..<record.pointee.source_end
    let block = FaultBlock(offset: place.offset, accessible: accessible, image: image, writes: fault.writes)
    var error = unsafe fill(block, from: block.start, to: block.end, base, record)
    // What its neighbours lack does not concern the page.
    if error != 0 && error != EAGAIN && error != ENOENT {
      error = unsafe fill(block, from: block.fault, to: block.fault + Page.size, base, record)
    }
    switch error {
    case EAGAIN: return .later
    case 0, ENOENT:
      // Unmapped meanwhile: the access says so itself.
      wake(base + UInt(block.start), block.end - block.start)
      return .settled
    default:
      failed.add(1, ordering: .relaxed)
      return unsafe refuse(base, record, from: block.fault, place.offset)
    }
  }

  /// 0, or an errno. Pages that are there already stay as they are.
  private func fill(
    _ block: FaultBlock, from start: UInt64, to end: UInt64, _ base: UInt, _ record: UnsafeMutablePointer<AviarySlotRecord>
  ) -> Int32 {
    let descriptor = unsafe slab.pointee.userfaultfd
    var offset = start
    while offset < end {
      let piece = block.piece(at: offset)
      let address = base + UInt(offset)
      let count = Int(min(piece.end, end) - offset)
      let result =
        switch piece.kind {
        case .image:
          unsafe aviary_userfault_copy(
            descriptor, address, record.pointee.source + Int(offset - record.pointee.source_start), count)
        case .zeros: aviary_userfault_zero(descriptor, address, count)
        case .blank: unsafe aviary_userfault_copy(descriptor, address, aviary_userfault_zeros(), count)
        }
      if result > 0 {
        offset += UInt64(result)
        unsafe aviary_slab_count(slab, UInt64(result) / Page.size)
      } else if result == -Int(EEXIST) {
        offset += Page.size
      } else {
        return result == 0 ? EAGAIN : Int32(-result)
      }
    }
    return 0
  }

  /// Makes the access fail: all of the slot from `start` on has no access until its owner resets
  /// it, so that a guest that goes on so finds the guard without us, and a slot never takes more
  /// than one guard's mappings.
  ///
  /// - Precondition: the record is locked.
  private func refuse(
    _ base: UInt, _ record: UnsafeMutablePointer<AviarySlotRecord>, from start: UInt64, _ offset: UInt64
  ) -> Outcome {
    let page = offset & ~(Page.size - 1)
    let isGuarded = unsafe record.pointee.guard_kind & UInt32(AVIARY_GUARD_PROTECTED) != 0
    if !(unsafe isGuarded && record.pointee.guard_start <= page) {
      // Recorded before it takes effect, and before anybody can know of it.
      let first = unsafe record.pointee.guard_kind == 0 ? start : min(start, record.pointee.guard_start)
      unsafe record.pointee.guard_start = first
      let bytes = unsafe slab.pointee.slot_bytes - first
      if aviary_system_protect(base + UInt(first), Int(bytes), 0) >= 0 {
        unsafe record.pointee.guard_kind |= UInt32(AVIARY_GUARD_PROTECTED)
      } else {
        // No mapping is left to cut the slab with.
        unsafe record.pointee.guard_kind |= UInt32(AVIARY_GUARD_POISONED)
        failed.add(1, ordering: .relaxed)
        let result = aviary_userfault_poison(unsafe slab.pointee.userfaultfd, base + UInt(page), Int(Page.size))
        if result <= 0 && result != -Int(EEXIST) && result != -Int(ENOENT) { return .later }
      }
    }
    unsafe record.pointee.guard_faults &+= 1
    guards.add(1, ordering: .relaxed)
    wake(base + UInt(page), Page.size)
    return .settled
  }

  private func wake(_ address: UInt, _ bytes: UInt64) {
    // Nothing else would wake them.
    while aviary_userfault_wake(unsafe slab.pointee.userfaultfd, address, Int(bytes)) == -Int(EAGAIN) { sched_yield() }
  }
}
