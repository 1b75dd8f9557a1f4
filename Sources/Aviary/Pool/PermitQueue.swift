import Synchronization

/// A number of permits; who finds none waits without blocking a thread, first come, first served.
///
/// ```
///            acquire                release                 resumed
///  (none) ───────────► announced ───────────► granted ─────────────► holds a permit
///                          │ suspends
///                          ▼        release
///                       waiting ────────────────────────────────────► holds a permit
///                          │ the task is cancelled: the ticket goes, the permit stays
///                          ▼
///                     CancellationError
/// ```
/// Invariants: free permits, granted ones, and `Permit` values together are `limit`; while somebody waits there
/// is no free permit.
final class PermitQueue: Sendable {
  fileprivate enum Entry {
    /// In the queue, not yet suspended.
    case announced
    case waiting(CheckedContinuation<Void, any Error>)
    /// Has a permit and does not know it yet.
    case granted
  }

  fileprivate struct State {
    var free: Int
    /// By ticket. A cancelled ticket has none.
    var entries: [UInt64: Entry] = [:]
    /// Tickets in order, cancelled ones too, from `head` on.
    var queue: [UInt64] = []
    var head = 0
    var lastTicket: UInt64 = 0
    /// Tickets that are announced or waiting.
    var waiting = 0
    var waits: UInt64 = 0
  }

  let limit: Int
  private let state: Mutex<State>

  /// - Precondition: `limit` is at least 1.
  init(limit: Int) {
    precondition(limit >= 1)
    self.limit = limit
    state = Mutex(State(free: limit))
  }

  /// How many tasks wait now, and how often one has had to.
  var waits: (now: Int, total: UInt64) { state.withLock { ($0.waiting, $0.waits) } }
  /// Permits that are held.
  var used: Int { state.withLock { limit - $0.free } }

  /// - Throws: `CancellationError` where the task is cancelled before it has a permit.
  nonisolated(nonsending) func acquire() async throws -> Permit {
    try Task.checkCancellation()
    guard let ticket = takeOrAnnounce() else { return Permit(self) }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { suspend(ticket, $0) }
    } onCancel: {
      cancel(ticket)
    }
    return Permit(self)
  }

  /// A permit if one is free.
  func tryAcquire() -> Permit? {
    let taken = state.withLock { state in
      guard state.free > 0 else { return false }
      state.free -= 1
      return true
    }
    return taken ? Permit(self) : nil
  }

  /// nil: a permit was free, and is the caller's.
  private func takeOrAnnounce() -> UInt64? {
    state.withLock { state in
      if state.free > 0 {
        state.free -= 1
        return nil
      }
      state.lastTicket += 1
      state.entries[state.lastTicket] = .announced
      state.queue.append(state.lastTicket)
      state.waiting += 1
      state.waits += 1
      return state.lastTicket
    }
  }

  private func suspend(_ ticket: UInt64, _ continuation: CheckedContinuation<Void, any Error>) {
    // nil: suspended. Resuming is done without the lock: it may run the task.
    let outcome: Result<Void, any Error>? = state.withLock { state in
      switch state.entries[ticket] {
      case .announced:
        state.entries[ticket] = .waiting(continuation)
        return nil
      case .granted:
        state.entries[ticket] = nil
        return .success(())
      case .waiting, nil: return .failure(CancellationError())
      }
    }
    if let outcome { continuation.resume(with: outcome) }
  }

  private func cancel(_ ticket: UInt64) {
    let continuation: CheckedContinuation<Void, any Error>? = state.withLock { state in
      switch state.entries[ticket] {
      case .granted, nil: return nil
      case .announced:
        state.withdraw(ticket)
        return nil
      case .waiting(let continuation):
        state.withdraw(ticket)
        return continuation
      }
    }
    continuation?.resume(throwing: CancellationError())
  }

  fileprivate func release() {
    let continuation: CheckedContinuation<Void, any Error>? = state.withLock { state in
      guard let ticket = state.next() else {
        state.free += 1
        return nil
      }
      guard case .waiting(let continuation)? = state.entries[ticket] else {
        state.entries[ticket] = .granted
        return nil
      }
      state.entries[ticket] = nil
      return continuation
    }
    continuation?.resume()
  }
}

extension PermitQueue.State {
  /// The first ticket that still waits; it does no more.
  fileprivate mutating func next() -> UInt64? {
    guard waiting > 0 else { return nil }
    while head < queue.count {
      let ticket = queue[head]
      head += 1
      if head == queue.count { compact() }
      if entries[ticket] != nil {
        waiting -= 1
        return ticket
      }
    }
    return nil
  }

  fileprivate mutating func withdraw(_ ticket: UInt64) {
    entries[ticket] = nil
    waiting -= 1
    // Withdrawn tickets stay in the queue, but never outnumber the others by much.
    if queue.count - head > 2 * waiting + 16 || head > 1024 { compact() }
  }

  private mutating func compact() {
    queue = queue[head...].filter { entries[$0] != nil }
    head = 0
  }
}

/// One permit. It goes back when the value ends, on every path.
struct Permit: ~Copyable, Sendable {
  private let queue: PermitQueue
  fileprivate init(_ queue: PermitQueue) { self.queue = queue }
  deinit { queue.release() }
}
