import Aviary
import AviaryPool

/// The threads of one process: who they are, and how it ends.
///
/// ```
///   main ──────────── _start ─────────── leaves, waits for the others ── outcome
///     └─ spawn ─► 1 ── wasi_thread_start ── leaves
///          └─ spawn ─► 2 ── trap: end ── interrupts all others until they have left ── leaves
/// ```
/// The first end is the process's: `_start` returns, a thread exits, or traps. Whoever ends it interrupts the others,
/// in guest code, in waits at addresses and in system calls, again and again until they are out.
///
/// Thread-safe. All that is stored is guarded by `condition`.
final class ThreadGroup: @unchecked Sendable {
  enum Outcome {
    case exit(UInt32)
    case failure(any Error)
  }
  private enum Member {
    /// Its store is being made.
    case starting
    case running(Aviary.Interrupter)
  }
  static let main: UInt32 = 0
  /// Ids are from 1 to this: the proposal keeps the upper bits for locks.
  static let largestID: UInt32 = 0x1FFF_FFFF

  private let condition = ConditionVariable()
  private let wasi: WASI
  private let maximum: Int
  private var members: [UInt32: Member] = [:]
  private var nextID: UInt32 = 1
  private var ended: Outcome?

  init(_ wasi: WASI, maximum: Int) {
    self.wasi = wasi
    self.maximum = maximum
  }

  /// How it ended, once somebody has ended it.
  var outcome: Outcome? { locked { ended } }

  /// An id for a thread to be, or nil where there may be no more.
  func admit() -> UInt32? {
    locked {
      guard ended == nil, members.count - (members[ThreadGroup.main] == nil ? 0 : 1) < maximum else { return nil }
      // There are fewer members than ids.
      while members[nextID] != nil { advance() }
      let id = nextID
      advance()
      members[id] = .starting
      return id
    }
  }

  private func advance() { nextID = nextID == ThreadGroup.largestID ? 1 : nextID + 1 }

  /// - Precondition: nobody has entered as the main thread.
  func admitMain() { locked { members[ThreadGroup.main] = .starting } }

  /// From here on the process's end interrupts the thread; false where it has ended already.
  func enter(_ id: UInt32, _ interrupter: Aviary.Interrupter) -> Bool {
    locked {
      members[id] = .running(interrupter)
      return ended == nil
    }
  }

  /// The last thing that a thread does.
  func leave(_ id: UInt32) {
    locked {
      members[id] = nil
      condition.broadcast()
    }
  }

  /// Ends the process, if nobody has, and returns when all other threads have left.
  /// - Parameter id: who ends it; nil: none of them.
  func end(_ outcome: Outcome, by id: UInt32?) {
    condition.lock()
    guard ended == nil else { return condition.unlock() }
    ended = outcome
    var pause: UInt64 = 100_000
    while true {
      let others = members.filter { $0.key != id }
      if others.isEmpty { break }
      condition.unlock()
      wasi.interrupt()
      for case .running(let interrupter) in others.values { interrupter.interrupt() }
      condition.lock()
      // A rare moment lets a guest slip by, and one in a host function stops behind it.
      if members.contains(where: { $0.key != id }) { condition.wait(until: MonotonicClock.now &+ pause) }
      pause = min(pause &* 2, 50_000_000)
    }
    condition.unlock()
  }

  /// Returns when all threads have left.
  func join() {
    condition.lock()
    while !members.isEmpty { condition.wait(until: nil) }
    condition.unlock()
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    condition.lock()
    defer { condition.unlock() }
    return body()
  }
}
