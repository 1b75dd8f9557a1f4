import AviaryPool
import AviaryVM

/// Stops a store's guest from any thread.
public struct Interrupter: Sendable {
  let runtime: VMInterrupter

  /// Makes the guest trap with `Trap.Code.interrupted`: now, at its return from a host function, or at
  /// its next entry; with `Interruption.epoch` at its next check. It stays so until `reset`.
  ///
  /// - Returns: whether the guest was inside. A rare moment lets it slip by: while this returns true,
  ///   call again after a pause (deadlines do so by themselves).
  @discardableResult
  public func interrupt() -> Bool { runtime.interrupt() }

  /// Lets the store run again. Call it while no guest of the store runs.
  public func reset() { runtime.clear() }

  /// Whether it was interrupted and not reset.
  public var isInterrupted: Bool { runtime.isInterrupted }
}

extension Store {
  /// What stops this store's guest from other threads.
  /// - Throws: `WasmError.exhausted` where the store could not be made.
  public func interrupter() throws(WasmError) -> Interrupter { Interrupter(runtime: try context.runtime().interrupter) }

  /// Runs `body`, whose guest calls in this store trap with `Trap.Code.interrupted` after some time.
  ///
  /// Deadlines nest. Once one has passed, the store is usable again when this returns, unless an
  /// outer one has passed too. With `Interruption.epoch` and a tick, the guest stops less than two ticks later.
  /// - Throws: what `body` throws; `WasmError.exhausted` where the deadline's thread cannot be started.
  public func withDeadline<Result>(after duration: Duration, _ body: () throws -> Result) throws -> Result {
    if context.countsDeadlines {
      try context.pushDeadline(after: nanoseconds(in: duration))
      defer { context.popDeadline() }
      return try body()
    }
    let interrupter = try context.runtime().interrupter
    let time = deadline(in: duration)
    let token: DeadlineService.Token
    do throws(VMError) {
      token = try context.engine.runtime.deadlines.schedule(interrupter, at: time)
    } catch { throw WasmError(error) }
    context.extras.deadlines.append(time)
    defer {
      context.engine.runtime.deadlines.cancel(token)
      context.extras.deadlines.removeLast()
      // Nothing is cleared that somebody else has set.
      let now = MonotonicClock.now
      if time <= now, !context.extras.deadlines.contains(where: { $0 <= now }) { interrupter.clear() }
    }
    return try body()
  }
}

/// A time of the monotonic clock, in nanoseconds; at most the largest there is.
private func deadline(in duration: Duration) -> UInt64 {
  let (sum, overflow) = MonotonicClock.now.addingReportingOverflow(nanoseconds(in: duration))
  return overflow ? .max : sum
}
