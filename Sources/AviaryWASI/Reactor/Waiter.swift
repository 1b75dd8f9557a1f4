/// A descriptor, and for what to wait there: POLLIN, POLLOUT.
struct Interest: Sendable {
  let handle: Handle
  let events: UInt32
}

/// Why a wait ended.
enum WaitOutcome: Sendable {
  /// Something is ready, was closed, or the time has come. Who waited looks for himself.
  case woken
  /// A descriptor is of a kind that never makes wait, as files are.
  case notWaitable
  /// The task was cancelled.
  case cancelled
  /// The kernel refused.
  case failed(Errno)
}

/// Who is suspended. Resumed once: the reactor's phases see to it.
@safe struct Sleeper: Sendable {
  private let continuation: UnsafeContinuation<WaitOutcome, Never>

  init(_ continuation: UnsafeContinuation<WaitOutcome, Never>) { unsafe self.continuation = unsafe continuation }

  func wake(_ outcome: WaitOutcome) { unsafe continuation.resume(returning: outcome) }
}

/// One suspended wait.
///
/// Invariant: all that can change is touched under the reactor's lock alone. A
/// sleeper is woken once: by whoever takes him out of `phase`, after the waiter
/// has left every watch and the timers.
final class Waiter: @unchecked Sendable {
  enum Phase {
    case new
    case waiting(Sleeper)
    case over(WaitOutcome)
  }

  /// Of the monotonic clock; `.max` for none.
  let time: UInt64
  /// Among those with the same time.
  var order: UInt64 = 0
  /// In the timers' heap, or -1.
  var place = -1
  var phase: Phase = .new
  var watches: [Watch] = []

  init(until time: UInt64?) { self.time = time ?? .max }

  func isBefore(_ other: Waiter) -> Bool { (time, order) < (other.time, other.order) }
}

/// What the reactor has registered with the kernel for one handle.
///
/// Invariant: it holds the handle, so that its number cannot stand for another
/// file meanwhile, and leaves the kernel's set before it lets the handle go. A
/// borrowed handle's number may be closed by its owner at any time, so a duplicate
/// of our own is watched. Guarded as a `Waiter`.
final class Watch: @unchecked Sendable {
  let id: UInt64
  let handle: Handle
  let number: Int32
  /// What the kernel is asked for; 0 once it has answered.
  var armed: UInt32
  /// Who waits, and for what.
  var waiters: [ObjectIdentifier: (waiter: Waiter, events: UInt32)] = [:]

  init(id: UInt64, handle: Handle, number: Int32, armed: UInt32) {
    self.id = id
    self.handle = handle
    self.number = number
    self.armed = armed
  }

  var isDuplicate: Bool { number != handle.number }

  var wanted: UInt32 { waiters.values.reduce(0) { $0 | $1.events } }
}
