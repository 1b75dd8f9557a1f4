import AviaryPool
import CAviaryContract
import CAviaryHost
import Synchronization

/// Someone who waits at an address of a shared memory: a thread that sleeps on a word, or a suspended guest or
/// task that has left a continuation.
///
/// Being woken has two reasons. A notification takes the waiter out of its list, once. All else that a waiter is to
/// look at, such as interruptions and deadlines, is a nudge: it wakes, looks, and goes on waiting if there is nothing.
@safe
package final class VMWaiter: @unchecked Sendable {
  let address: UInt
  // Guarded by the address's bucket. `next` is its taker's once the waiter was taken out.
  var isQueued = false
  var next: VMWaiter?
  /// Unretained: it is queued too.
  var previous: Unmanaged<VMWaiter>?

  private struct State {
    var isNotified = false
    var isNudged = false
    var continuation: CheckedContinuation<Void, Never>?
  }
  private let state = Mutex(State())

  /// What a thread sleeps on: the store's, whose interruptions change it too, or one of the waiter's own.
  private let word: UnsafeMutablePointer<UInt32>
  private let store: HostStore?

  /// - Parameter store: whose guest waits; nil for the host's own code.
  init(_ address: UInt, _ store: HostStore? = nil) {
    self.address = address
    self.store = store
    if let store {
      unsafe word = store.wakeWord
    } else {
      unsafe word = .allocate(capacity: 1)
      unsafe word.initialize(to: 0)
    }
  }

  deinit { if store == nil { unsafe word.deallocate() } }

  package var isNotified: Bool { state.withLock { $0.isNotified } }

  /// By who took it out of its list.
  func notify() {
    let continuation = state.withLock { state in
      state.isNotified = true
      return state.continuation.take()
    }
    unsafe aviary_word_wake(word)
    continuation?.resume()
  }

  /// Makes it look around. From any thread; it may run an executor's code.
  package func nudge() {
    let continuation = state.withLock { state in
      state.isNudged = true
      return state.continuation.take()
    }
    unsafe aviary_word_wake(word)
    continuation?.resume()
  }

  // MARK: Threads

  /// To be read before the look around that comes before `sleep`.
  func lookAround() -> UInt32 { unsafe aviary_word_read(word) }

  /// Sleeps unless something has come since `lookAround` returned `seen`, until the time on the monotonic clock or
  /// for no reason.
  func sleep(_ seen: UInt32, until time: UInt64) { unsafe aviary_word_wait(word, seen, time) }

  // MARK: Tasks

  /// Suspends the task until a notification or nudge that came since the last time.
  package nonisolated(nonsending) func pause() async {
    await withCheckedContinuation { continuation in
      let isReady = state.withLock { state in
        if state.isNotified || state.isNudged {
          state.isNudged = false
          return true
        }
        state.continuation = continuation
        return false
      }
      if isReady { continuation.resume() }
    }
    state.withLock { $0.isNudged = false }
  }
}

extension HostStore {
  var wakeWord: UnsafeMutablePointer<UInt32> {
    let offset = unsafe MemoryLayout<AviaryHostStore>.offset(of: \.wake)!
    return unsafe (UnsafeMutableRawPointer(pointer) + offset).assumingMemoryBound(to: UInt32.self)
  }
}

/// How a wait ended, by the numbers that guests are given.
package enum VMWaitResult: UInt64, Sendable {
  case notified = 0
  case notEqual = 1
  case timedOut = 2
}

/// When a wait ends that nobody notifies.
package struct VMWaitTimeout: Sendable {
  /// On the monotonic clock; `.max`: never.
  package let time: UInt64
  /// - Parameter nanoseconds: from now; negative is for ever.
  package init(_ nanoseconds: Int64) {
    guard nanoseconds >= 0 else {
      time = .max
      return
    }
    let (sum, overflow) = MonotonicClock.now.addingReportingOverflow(UInt64(nanoseconds))
    time = overflow ? .max : sum
  }
  package var hasPassed: Bool { time != .max && time <= MonotonicClock.now }
}
