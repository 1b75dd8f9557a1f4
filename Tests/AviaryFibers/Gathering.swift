import Synchronization

/// Where guests wait until all of them have come, and then until they are let go.
final class Gathering: Sendable {
  private struct State {
    var missing: Int
    var isOpen = false
    var next = 0
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var full: CheckedContinuation<Void, Never>?
  }
  private let state: Mutex<State>

  init(_ count: Int) { state = Mutex(State(missing: count)) }

  /// Waits to be let go, or for the task's cancellation.
  func wait() async {
    let number = state.withLock { state in
      state.next += 1
      return state.next
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let (now, full) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
          state.missing -= 1
          if state.isOpen || Task.isCancelled { return (true, state.missing == 0 ? state.full.take() : nil) }
          state.waiting[number] = continuation
          return (false, state.missing == 0 ? state.full.take() : nil)
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
        if state.missing <= 0 { return true }
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
