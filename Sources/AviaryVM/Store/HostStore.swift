import AviaryPool
import CAviaryContract
import CAviaryHost
import Synchronization

/// Owns the words of a store that machine code, the signal handler and interrupting
/// threads read. A class of its own, so that an interrupter can outlive the store.
@safe
final class HostStore: Sendable {
  nonisolated(unsafe) let pointer: UnsafeMutablePointer<AviaryHostStore>
  /// What ends that which suspended guests wait for, and when: outermost first.
  let waiting = Mutex<[(deadline: UInt64, end: @Sendable () -> Void)]>([])
  /// Of suspended guests that wait for a notification: whom interruptions nudge.
  let suspended = Mutex<[VMWaiter]>([])

  /// For a task's cancellation, while the store lives: its engine holds the service. An interrupter that outlives both
  /// does not use it.
  unowned(unsafe) let deadlines: DeadlineService

  init(_ deadlines: DeadlineService) {
    unsafe self.deadlines = deadlines
    unsafe pointer = .allocate(capacity: 1)
    unsafe pointer.initialize(to: AviaryHostStore())
    unsafe pointer.pointee.regions = UnsafePointer(firstRegions)
    unsafe pointer.pointee.watcher = Unmanaged.passUnretained(self).toOpaque()
  }

  /// Room for the regions of nearly all stores, in the store's words.
  private static let firstCapacity = 2
  private var firstRegions: UnsafeMutablePointer<AviaryRegion> {
    let offset = unsafe MemoryLayout<AviaryHostStore>.offset(of: \.first_regions)!
    return unsafe (UnsafeMutableRawPointer(pointer) + offset).assumingMemoryBound(to: AviaryRegion.self)
  }

  deinit {
    if unsafe pointer.pointee.regions != UnsafePointer(firstRegions) { unsafe pointer.pointee.regions.deallocate() }
    unsafe pointer.deallocate()
  }

  /// Makes faults in the range the guest's. On the store's thread, outside of guest code.
  func addRegion(_ range: Range<UInt>) {
    let count = unsafe pointer.pointee.region_count
    let region = AviaryRegion(start: range.lowerBound, end: range.upperBound)
    if count < HostStore.firstCapacity {
      unsafe (firstRegions + count).initialize(to: region)
    } else {
      let old = unsafe pointer.pointee.regions!
      let new = UnsafeMutablePointer<AviaryRegion>.allocate(capacity: count + 1)
      unsafe new.initialize(from: old, count: count)
      unsafe (new + count).initialize(to: region)
      // A signal handler in between sees the new array with the old count.
      unsafe pointer.pointee.regions = UnsafePointer(new)
      if unsafe old != UnsafePointer(firstRegions) { unsafe old.deallocate() }
    }
    unsafe pointer.pointee.region_count = count + 1
  }
}

extension UnsafeMutablePointer<AviaryHostStore> {
  /// Puts another range in the place of one that was added. As `addRegion`.
  func setRegion(_ index: Int, _ range: Range<UInt>) {
    unsafe precondition(index < pointee.region_count)
    unsafe UnsafeMutablePointer<AviaryRegion>(mutating: pointee.regions)[index] = AviaryRegion(
      start: range.lowerBound, end: range.upperBound)
  }
}

/// Stops a store's guest from any thread.
package struct VMInterrupter: Sendable {
  /// Who interrupts. Each clears its own.
  package struct Reason: Sendable, Hashable {
    let bit: UInt32
    /// An embedder's interrupter, or a deadline around synchronous calls.
    package static let embedder = Reason(bit: UInt32(AVIARY_INTERRUPT_EMBEDDER))
    /// Of the task that runs an asynchronous call.
    package static let cancellation = Reason(bit: UInt32(AVIARY_INTERRUPT_CANCELLATION))
    /// Of an asynchronous call.
    package static let deadline = Reason(bit: UInt32(AVIARY_INTERRUPT_DEADLINE))
  }
  let store: HostStore
  let reason: Reason

  /// Makes the guest trap with `interrupted`, now or at its next entry, until `clear`.
  ///
  /// - Returns: whether the guest was still inside. It then stops within microseconds
  ///   if it runs guest code; one that is in a host function stops at the return from it.
  ///   A rare moment lets the guest slip by: call again after a pause while this returns
  ///   true (`DeadlineService` does so by itself).
  @discardableResult
  package func interrupt() -> Bool {
    let isInside = interruptThread()
    nudgeSuspended()
    return isInside
  }

  /// The part of `interrupt` that runs no code of others, for callers that hold a lock: `nudgeSuspended` is to follow.
  func interruptThread() -> Bool { unsafe aviary_interrupt(store.pointer, reason.bit) }

  /// Lets a suspended guest that waits for a notification see that it was interrupted. It may run any executor's code.
  func nudgeSuspended() {
    let waiters = store.suspended.withLock { $0 }
    for waiter in waiters { waiter.nudge() }
  }

  /// Takes back the interruption for this reason. Call while the store is outside of the guest.
  package func clear() { unsafe aviary_interrupt_clear(store.pointer, reason.bit) }

  /// For this reason or another.
  package var isInterrupted: Bool { unsafe aviary_interrupt_is_set(store.pointer) }

  /// Calls `end` when the deadline passes, at once where it has, until `finishWaiting`. They nest.
  package func beginWaiting(until deadline: UInt64, _ end: @escaping @Sendable () -> Void) {
    store.waiting.withLock { $0.append((deadline, end)) }
    if deadline <= MonotonicClock.now { end() }
  }
  package func finishWaiting() { store.waiting.withLock { _ = $0.removeLast() } }

  /// Ends what guests wait for that are past their deadline. After `interrupt`, and under no lock: it may run anything.
  func endWaiting() {
    let now = MonotonicClock.now
    let passed = store.waiting.withLock { $0.filter { $0.deadline <= now } }
    for one in passed { one.end() }
  }
}
