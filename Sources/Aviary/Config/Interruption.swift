/// How guests are stopped that run too long: by deadlines, `Interrupter` and cancelled tasks.
///
/// Whatever is chosen, an operation on memory or a table is done as a whole or not at all: a guest is stopped before
/// or after `memory.fill` and the like.
public enum Interruption: Sendable, Hashable {
  /// By a signal to the thread that runs the guest. It costs nothing until it happens, stops a guest within
  /// microseconds, and is as precise as the clock. A guest that was stopped has trapped: it cannot go on.
  case signals
  /// By checks in the code: at every loop's head, and in functions that call. They look at a word that is set when
  /// the engine's epoch, a number that counts up, has reached the store's deadline. About 1 to 3 % slower, and no
  /// signal is sent. Guests can be suspended at the checks, so that many share few threads.
  ///
  /// - Parameters:
  ///   - tick: how often the epoch counts up by itself, 100 µs to an hour; `.zero`: only `Engine.incrementEpoch` does.
  ///     A guest stops within two ticks of its deadline.
  ///   - action: what a guest does at each epoch.
  case epoch(tick: Duration, action: EpochAction)

  /// What a guest does when the epoch reaches its store's deadline.
  public enum EpochAction: Sendable, Hashable {
    /// It traps with `Trap.Code.interrupted`. Stores have no deadline until one is set
    /// (`Store.setEpochDeadline`, `Store.withDeadline`, `async(deadline:)`).
    case trap
    /// It is suspended, other tasks have their turn, and it goes on: with one epoch to itself each time. Only a guest
    /// that was called with `async` can be suspended; a synchronous call goes on at once. It traps at a deadline of
    /// `Store.withDeadline` or `async(deadline:)`.
    case yield
  }

  /// Nanoseconds; nil: time does not count epochs.
  var tick: UInt64? {
    guard case .epoch(let tick, _) = self, tick != .zero else { return nil }
    return nanoseconds(in: tick)
  }
  var isEpoch: Bool { if case .epoch = self { true } else { false } }
  var yields: Bool { if case .epoch(_, .yield) = self { true } else { false } }

  func check() throws(WasmError) {
    guard case .epoch(let tick, _) = self, tick != .zero else { return }
    guard tick >= .microseconds(100), tick <= .seconds(3600) else {
      throw .limit("interruption has a tick of \(tick), and it has to be zero or between 100 microseconds and an hour")
    }
  }
}

/// As many as fit; 0 for what is negative.
func nanoseconds(in duration: Duration) -> UInt64 {
  let (seconds, attoseconds) = duration.components
  guard seconds >= 0, attoseconds >= 0 else { return 0 }
  let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
  let (sum, over) = whole.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000))
  return overflow || over ? .max : sum
}
