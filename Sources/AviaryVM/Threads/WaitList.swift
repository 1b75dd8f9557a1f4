import CAviaryHost
import Synchronization

/// Who waits at which addresses of shared memories: one a process, hashed by address.
///
/// ```
///  bucket ─► waiter ⇄ waiter ⇄ waiter      in the order of their coming, of all addresses that hash alike
/// ```
/// A bucket's lock orders those who come (they compare the value under it) and those who notify: a notification
/// after the value was changed finds every waiter that saw the old value. A waiter leaves its bucket once: `notify`
/// takes it out, and counts it, or it gives up and takes itself out. So numbers are exact.
final class WaitList: Sendable {
  static let all = WaitList()
  private static let bucketBits = 8

  private final class Bucket: Sendable {
    let queue = Mutex(Queue())
  }
  private let buckets = (0..<1 << WaitList.bucketBits).map { _ in Bucket() }

  private func bucket(_ address: UInt) -> Bucket {
    // The product's highest bits depend on all of the address.
    let hash = (address &>> 2) &* 0x9E37_79B9_7F4A_7C15
    return buckets[Int(hash &>> (64 - UInt(WaitList.bucketBits)))]
  }

  /// Queues the waiter, if the value at its address is the expected one.
  ///
  /// Unsafe contract: the address is that of `width` bytes (4 or 8), aligned, of a shared memory that lives until
  /// the waiter has left.
  func enter(unsafe waiter: VMWaiter, width: UInt32, expected: UInt64) -> Bool {
    bucket(waiter.address).queue.withLock { queue in
      let place = unsafe UnsafeRawPointer(bitPattern: waiter.address).unsafelyUnwrapped
      guard unsafe aviary_shared_load(place, width) == expected else { return false }
      queue.append(waiter)
      return true
    }
  }

  /// Takes the waiter out. False where somebody notified it.
  func giveUp(_ waiter: VMWaiter) -> Bool {
    bucket(waiter.address).queue.withLock { queue in
      guard waiter.isQueued else { return false }
      queue.remove(waiter)
      return true
    }
  }

  /// Wakes up to `count` waiters of the address, those that came first; says how many.
  func notify(_ address: UInt, _ count: UInt32) -> UInt32 {
    guard count > 0 else { return 0 }
    let (first, woken) = bucket(address).queue.withLock { queue in queue.take(address, count) }
    // Outside of the lock: waking runs an executor's code. They are linked, and nobody else knows them.
    var next = first
    while let waiter = next {
      next = waiter.next
      waiter.next = nil
      waiter.notify()
    }
    return woken
  }

  /// A doubly linked list through the waiters themselves.
  private struct Queue {
    var first: VMWaiter?
    private var last: VMWaiter?

    mutating func append(_ waiter: VMWaiter) {
      waiter.isQueued = true
      unsafe waiter.previous = last.map { unsafe .passUnretained($0) }
      if let last { last.next = waiter } else { first = waiter }
      last = waiter
    }

    mutating func remove(_ waiter: VMWaiter) {
      let next = waiter.next
      let previous = unsafe waiter.previous?.takeUnretainedValue()
      if let previous { previous.next = next } else { first = next }
      if let next { unsafe next.previous = waiter.previous } else { last = previous }
      waiter.isQueued = false
      waiter.next = nil
      unsafe waiter.previous = nil
    }

    /// Takes out up to `count` waiters of the address, linked by `next`.
    mutating func take(_ address: UInt, _ count: UInt32) -> (first: VMWaiter?, count: UInt32) {
      var taken: UInt32 = 0
      var firstTaken: VMWaiter?
      var lastTaken: VMWaiter?
      var next = first
      while let waiter = next, taken < count {
        next = waiter.next
        guard waiter.address == address else { continue }
        remove(waiter)
        if let lastTaken { lastTaken.next = waiter } else { firstTaken = waiter }
        lastTaken = waiter
        taken += 1
      }
      return (firstTaken, taken)
    }
  }
}
