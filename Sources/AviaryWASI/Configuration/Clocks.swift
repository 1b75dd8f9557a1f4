import CAviaryWASI
import Glibc
import Synchronization

extension WASI {
  /// The clocks that a guest reads and waits by.
  public struct Clocks: Sendable {
    /// Nanoseconds since 1970.
    public var realtime: Clock
    /// Nanoseconds that never go back; since when, is nobody's business.
    public var monotonic: Clock

    /// The system's.
    public init() {
      realtime = .system
      monotonic = .monotonic
    }

    public init(realtime: Clock, monotonic: Clock) {
      self.realtime = realtime
      self.monotonic = monotonic
    }

    /// Time that stands still but for the guest's own waiting, which takes no
    /// time and moves both clocks on: two runs see the same times.
    /// - Parameter start: nanoseconds since 1970.
    public static func virtual(from start: UInt64 = 0) -> Clocks {
      let time = VirtualTime()
      let sleep: @Sendable (UInt64) -> Void = { time.advance(by: $0) }
      return Clocks(
        realtime: Clock(resolution: 1, now: { start &+ time.elapsed }, sleep: sleep),
        monotonic: Clock(resolution: 1, now: { time.elapsed }, sleep: sleep))
    }
  }

  public struct Clock: Sendable {
    enum Source: Sendable {
      /// A clock of Linux's, less an origin.
      case system(Int32, origin: UInt64)
      case custom(
        now: @Sendable () -> UInt64, sleep: @Sendable (UInt64) -> Void,
        suspend: (@Sendable (UInt64) async throws -> Void)?)
    }

    let source: Source
    private let customResolution: UInt64

    /// A clock of your own.
    /// - Parameters:
    ///   - resolution: in nanoseconds.
    ///   - now: the time in nanoseconds.
    ///   - sleep: waits for so many nanoseconds of this clock.
    ///   - suspend: the same for guests that are suspended while they wait; an error that it
    ///     throws ends the guest's call. Without it they wait by `sleep`, on a thread.
    public init(
      resolution: UInt64, now: @escaping @Sendable () -> UInt64,
      sleep: @escaping @Sendable (UInt64) -> Void,
      suspend: (@Sendable (UInt64) async throws -> Void)? = nil
    ) {
      source = .custom(now: now, sleep: sleep, suspend: suspend)
      customResolution = max(1, resolution)
    }

    private init(_ source: Source) {
      self.source = source
      customResolution = 1
    }

    /// The system's wall clock.
    public static let system = Clock(.system(CLOCK_REALTIME, origin: 0))

    /// The system's monotonic clock, from now on: the host's uptime stays its own.
    public static var monotonic: Clock {
      Clock(.system(CLOCK_MONOTONIC, origin: UInt64(clamping: aviary_wasi_clock(CLOCK_MONOTONIC))))
    }

    /// The processor time of the thread that runs the guest.
    static let processor = Clock(.system(CLOCK_THREAD_CPUTIME_ID, origin: 0))

    var now: UInt64 {
      switch source {
      case .system(let number, let origin):
        let (time, underflow) = UInt64(clamping: aviary_wasi_clock(number))
          .subtractingReportingOverflow(origin)
        return underflow ? 0 : time
      case .custom(let now, _, _): return now()
      }
    }

    /// Waits as a clock of the embedder's has it.
    nonisolated(nonsending)
    func suspend(_ nanoseconds: UInt64) async throws {
      guard case .custom(_, let sleep, let suspend) = source, nanoseconds > 0 else { return }
      if let suspend { try await suspend(nanoseconds) } else { sleep(nanoseconds) }
    }

    var resolution: UInt64 {
      guard case .system(let number, _) = source else { return customResolution }
      return max(1, UInt64(clamping: aviary_wasi_clock_resolution(number)))
    }
  }

  /// Where a guest's random bytes come from.
  public enum Random: Sendable {
    /// The kernel's.
    case system
    /// Always the same bytes for the same seed. Not for secrets.
    case seeded(UInt64)
    /// A generator of your own.
    case generator(any RandomNumberGenerator & Sendable)
  }
}

private final class VirtualTime: Sendable {
  private let nanoseconds = Atomic<UInt64>(0)

  var elapsed: UInt64 { nanoseconds.load(ordering: .relaxed) }

  func advance(by amount: UInt64) {
    nanoseconds.wrappingAdd(amount, ordering: .relaxed)
  }
}

/// SplitMix64: small, and good enough for repeatable runs.
struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
