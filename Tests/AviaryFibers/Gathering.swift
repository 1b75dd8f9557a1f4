import Synchronization

/// Where guests wait until all of them have come, and then until they are let go.
final class Gathering: Sendable {
  private struct State {
    var missing: Set<Int>
    var isOpen = false
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var full: CheckedContinuation<Void, Never>?

    /// Who is to be told, where this was the last one.
    mutating func arrive(_ number: Int) -> CheckedContinuation<Void, Never>? {
      missing.remove(number)
      return missing.isEmpty ? full.take() : nil
    }
  }
  private let state: Mutex<State>

  init(_ count: Int) { state = Mutex(State(missing: Set(0..<count))) }

  /// Of one that was stopped before it could come.
  func giveUp(_ number: Int) {
    state.withLock { $0.arrive(number) }?.resume()
  }

  /// Waits to be let go, or for the task's cancellation.
  func wait(_ number: Int) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let (now, full) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
          if state.isOpen || Task.isCancelled { return (true, state.arrive(number)) }
          state.waiting[number] = continuation
          return (false, state.arrive(number))
        }
        full?.resume()
        if now { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiting.removeValue(forKey: number) }?.resume()
    }
  }

  /// Until all are here.
  func full() async {
    await withCheckedContinuation { continuation in
      let isFull = state.withLock { state in
        if state.missing.isEmpty { return true }
        state.full = continuation
        return false
      }
      if isFull { continuation.resume() }
    }
  }

  func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [:] }
      return state.waiting.values.map { $0 }
    }
    for one in waiting { one.resume() }
  }
}
