import AviaryPool
import CAviaryContract
import CAviaryHost
import Synchronization

// The two ways to wait: a thread sleeps, or a suspended guest's task does.

extension VMStore {
  /// Lets the store's thread sleep in its guest's wait; nil where the guest is to trap as interrupted.
  ///
  /// Unsafe contract: as `WaitList.enter`; the guest of this store is in a builtin on this thread.
  func sleep(unsafe address: UInt, _ width: UInt32, _ expected: UInt64, _ timeout: VMWaitTimeout) -> VMWaitResult? {
    let waiter = VMWaiter(address, host)
    guard WaitList.all.enter(unsafe: waiter, width: width, expected: expected) else { return .notEqual }
    unsafe aviary_store_park(raw)
    defer { unsafe aviary_store_unpark(raw) }
    while true {
      let seen = waiter.lookAround()
      if waiter.isNotified { return .notified }
      // Whoever was notified in the same moment is, first of all.
      if mustStop { return WaitList.all.giveUp(waiter) ? nil : .notified }
      if timeout.hasPassed { return WaitList.all.giveUp(waiter) ? .timedOut : .notified }
      waiter.sleep(seen, until: timeout.time)
    }
  }

  /// Whether a guest that waits is to be stopped.
  fileprivate var mustStop: Bool {
    unsafe aviary_interrupt_is_set(raw) || (hasChecks && engine.clock.now >= trapEpoch)
  }
}

extension VMSharedMemory {
  /// Lets the calling thread sleep until somebody notifies the address.
  /// - Precondition: `offset` is a multiple of `width`, which is 4 or 8.
  /// - Returns: nil where the address is not inside.
  package func sleep(at offset: UInt64, width: UInt32, expected: UInt64, _ timeout: VMWaitTimeout) -> VMWaitResult? {
    guard let place = unsafe address(of: offset, count: UInt64(width)) else { return nil }
    let waiter = VMWaiter(UInt(bitPattern: place))
    guard WaitList.all.enter(unsafe: waiter, width: width, expected: expected) else { return .notEqual }
    while true {
      let seen = waiter.lookAround()
      if waiter.isNotified { return .notified }
      if timeout.hasPassed { return WaitList.all.giveUp(waiter) ? .timedOut : .notified }
      waiter.sleep(seen, until: timeout.time)
    }
  }

  /// Wakes up to `count` who wait at the address; nil where it is not inside.
  /// - Precondition: `offset` is a multiple of 4.
  package func notify(at offset: UInt64, count: UInt32) -> UInt32? {
    guard let place = unsafe address(of: offset, count: 4) else { return nil }
    return WaitList.all.notify(UInt(bitPattern: place), count)
  }

  /// The same for a task: begins to wait. nil where the address is not inside.
  package func beginWaiting(at offset: UInt64, width: UInt32, expected: UInt64) -> VMWait? {
    guard let place = unsafe address(of: offset, count: UInt64(width)) else { return nil }
    return VMWait(unsafe: UInt(bitPattern: place), width, expected)
  }
}

/// A wait of a task's: `waiter` is to be paused until it was notified, or `giveUp`.
package struct VMWait: Sendable {
  /// nil: the value was another one.
  package let waiter: VMWaiter?

  /// Unsafe contract: as `WaitList.enter`.
  init(unsafe address: UInt, _ width: UInt32, _ expected: UInt64) {
    let waiter = VMWaiter(address)
    self.waiter = WaitList.all.enter(unsafe: waiter, width: width, expected: expected) ? waiter : nil
  }

  /// Ends the wait; false where it was notified.
  package static func giveUp(_ waiter: VMWaiter) -> Bool { WaitList.all.giveUp(waiter) }
}

/// A suspended guest's wait.
@safe
package struct VMSuspendedWait {
  private let words: UnsafeMutablePointer<AviaryFiber>
  package let timeout: VMWaitTimeout

  init(_ words: UnsafeMutablePointer<AviaryFiber>) {
    unsafe self.words = words
    timeout = VMWaitTimeout(time: unsafe words.pointee.timeout)
  }

  /// Begins to wait: the guest's store has its memories until it has ended.
  package func begin() -> VMWait {
    unsafe VMWait(unsafe: UInt(words.pointee.amount), words.pointee.index, words.pointee.fill)
  }
}

extension VMWaitTimeout {
  init(time: UInt64) { self.time = time }
}

extension VMStore {
  /// Lets interruptions and epochs nudge the waiter of this store's suspended guest, until `endWatching`.
  package func beginWatching(_ waiter: VMWaiter) {
    host.suspended.withLock { $0.append(waiter) }
    if hasChecks, trapEpoch != .max { engine.clock.watch(waiter, trapEpoch) }
    // Those that came before.
    if mustStop { waiter.nudge() }
  }

  package func endWatching(_ waiter: VMWaiter) {
    host.suspended.withLock { list in list.removeAll { $0 === waiter } }
    if hasChecks { engine.clock.forget(waiter) }
  }

  /// Whether a guest that waits is to trap as interrupted.
  package var stopsWaiting: Bool { mustStop }
}
