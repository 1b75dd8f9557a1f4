import AviaryPool
import AviaryVM

extension StoreContext {
  /// Waits for the notification that a suspended guest waits for; nil where the guest is to trap as interrupted.
  /// No thread is blocked.
  /// - Throws: `CancellationError`.
  nonisolated(nonsending) final func wait(_ wait: VMSuspendedWait, until deadline: UInt64) async throws -> VMWaitResult? {
    guard let waiter = wait.begin().waiter else { return .notEqual }
    let runtime = usedRuntime
    runtime.beginWatching(waiter)
    let interrupter = runtime.interrupter(.deadline)
    interrupter.beginWaiting(until: deadline) { waiter.nudge() }
    defer {
      interrupter.finishWaiting()
      runtime.endWatching(waiter)
    }
    return try await waiter.outcome(wait.timeout) { deadline <= MonotonicClock.now || runtime.stopsWaiting }
  }
}

extension VMWaiter {
  /// Waits for what comes first: a notification, the timeout, the task's cancellation, or that `mustStop` is true
  /// when something has nudged the waiter (nil).
  /// - Throws: `CancellationError`.
  nonisolated(nonsending) func outcome(_ timeout: VMWaitTimeout, mustStop: () -> Bool) async throws -> VMWaitResult? {
    let alarm = timeout.time == .max ? nil : Alarm(timeout, self)
    defer { alarm?.cancel() }
    return try await withTaskCancellationHandler {
      while true {
        if isNotified { return .notified }
        // Whoever was notified in the same moment is, first of all.
        if Task.isCancelled {
          if VMWait.giveUp(self) { throw CancellationError() }
          return .notified
        }
        if mustStop() { return VMWait.giveUp(self) ? nil : .notified }
        if timeout.hasPassed { return VMWait.giveUp(self) ? .timedOut : .notified }
        await pause()
      }
    } onCancel: {
      nudge()
    }
  }
}

/// Nudges a waiter at a time.
private struct Alarm {
  private let task: Task<Void, Never>

  init(_ timeout: VMWaitTimeout, _ waiter: VMWaiter) {
    task = Task.detached {
      while !timeout.hasPassed {
        // A far end is come to in steps: sums of times must not overflow.
        let left = min(timeout.time - min(MonotonicClock.now, timeout.time), 1 << 50)
        do { try await Task.sleep(for: .nanoseconds(Int64(left)), clock: .continuous) } catch { return }
      }
      waiter.nudge()
    }
  }

  func cancel() { task.cancel() }
}
