import CAviaryWASI
import Glibc

/// One call of a function that may have to wait: how it waits, how far it has
/// come, and what it waits for.
///
/// A call of a suspended guest's is made again from its beginning each time that
/// something has happened: descriptor, rights and addresses are looked up anew,
/// and nothing of the guest's is held while it waits. What was done before is
/// kept here.
struct WaitingCall {
  /// Whether the thread waits in the kernel, as in synchronous calls. Else the
  /// call throws `wouldWait` after it has written down for what.
  let blocksThread: Bool
  /// Bytes of a transfer that goes on.
  var transferred = 0
  /// How often it has waited.
  private(set) var rounds = 0
  /// Of `poll_oneoff`, whose timeouts began with its first round.
  var poll: PollWait?

  private var interests: [Interest] = []
  private var time: UInt64?
  private var clock: (clock: WASI.Clock, nanoseconds: UInt64)?
  private var yields = false
  private var isUnwaitable = false

  /// For a thread that waits itself.
  static var blocking: WaitingCall { WaitingCall(blocksThread: true) }

  /// For a guest that can be suspended.
  static func suspending(transferred: Int = 0) -> WaitingCall {
    WaitingCall(blocksThread: false, transferred: transferred)
  }

  private init(blocksThread: Bool, transferred: Int = 0) {
    self.blocksThread = blocksThread
    self.transferred = transferred
  }

  // MARK: For functions

  enum Direction { case read, write }

  /// Does what either is done at once or would have to wait for `handle`.
  mutating func once<R>(
    _ handle: Handle, _ direction: Direction, _ flags: DescriptorFlags, _ body: () throws(Errno) -> R
  ) throws(Errno) -> R {
    do throws(Errno) { return try body() } catch .again where !flags.contains(.nonblocking) {
      // A device that neither waits nor is ready: nobody knows when to ask again.
      if isUnwaitable { throw .again }
      try wait(for: [Interest(handle: handle, events: UInt32(direction == .read ? POLLIN : POLLOUT))])
    }
  }

  /// Transfers the `count` bytes that are left, with as many waits as it takes, or as
  /// much as there is room for where the guest does not want to wait.
  /// - Parameter body: transfers from where `transferred` says.
  mutating func wholly(
    _ count: Int, _ handle: Handle, _ direction: Direction, _ flags: DescriptorFlags, endsAtZero: Bool = false,
    _ body: () throws(Errno) -> UInt32
  ) throws(Errno) -> UInt32 {
    let moved: Int
    do throws(Errno) {
      moved = Int(try once(handle, direction, flags, body))
    } catch where error != .wouldWait && error != .interrupted && transferred > 0 {
      // What went before an error is a success; the error comes again with the next call.
      return UInt32(clamping: transferred)
    }
    transferred += moved
    if moved >= count || flags.contains(.nonblocking) || (endsAtZero && moved == 0)
      || transferred >= Vectors.largestTransfer
    {
      return UInt32(clamping: transferred)
    }
    try wait(for: [Interest(handle: handle, events: UInt32(direction == .read ? POLLIN : POLLOUT))])
  }

  /// Waits for descriptors and until a time of the kernel's monotonic clock.
  mutating func wait(for interests: [Interest], until time: UInt64? = nil) throws(Errno) -> Never {
    self.interests = interests
    self.time = time
    throw .wouldWait
  }

  /// Waits for a while.
  mutating func wait(for nanoseconds: UInt64) throws(Errno) -> Never {
    try wait(for: [], until: Kernel.monotonicTime &+ nanoseconds)
  }

  /// Waits as a clock of the embedder's has it.
  mutating func wait(for nanoseconds: UInt64, of clock: WASI.Clock) throws(Errno) -> Never {
    self.clock = (clock, nanoseconds)
    throw .wouldWait
  }

  /// Lets other tasks have their turn.
  mutating func yield() throws(Errno) -> Never {
    yields = true
    throw .wouldWait
  }

  // MARK: For who makes the call

  /// Suspends the task until the call may be made again.
  /// - Throws: `CancellationError`; `Errno`.
  nonisolated(nonsending)
  mutating func suspend(_ interrupter: Interrupter?) async throws {
    let (interests, time, clock, yields) = (interests, time, clock, yields)
    (self.interests, self.time, self.clock, self.yields) = ([], nil, nil, false)
    rounds += 1
    if yields {
      try Task.checkCancellation()
      return await Task.yield()
    }
    if let clock { return try await clock.clock.suspend(clock.nanoseconds) }
    var all = interests
    if let interrupter { all.append(Interest(handle: interrupter.handle, events: UInt32(POLLIN))) }
    isUnwaitable = try await !Reactor.shared().wait(for: all, until: time)
  }

  /// How long a thread waits before it looks whether a descriptor was closed by another one.
  private static let closingPause: UInt64 = 100_000_000

  /// As `suspend`, for a guest's thread among others: it waits in the kernel, and nobody for it.
  mutating func rest(_ interrupter: Interrupter?) throws(Errno) {
    let (interests, time, clock, yields) = (interests, time, clock, yields)
    (self.interests, self.time, self.clock, self.yields) = ([], nil, nil, false)
    rounds += 1
    if yields {
      try Kernel.check(aviary_wasi_yield())
      return
    }
    if let (clock, nanoseconds) = clock {
      if case .custom(_, let sleep, _) = clock.source, nanoseconds > 0 { sleep(nanoseconds) }
      return
    }
    var requests = interests.map { pollfd(fd: $0.handle.number, events: Int16(truncatingIfNeeded: $0.events), revents: 0) }
    if let interrupter { requests.append(pollfd(fd: interrupter.handle.number, events: Int16(POLLIN), revents: 0)) }
    while true {
      if interests.contains(where: \.handle.isRetired) { return }
      let now = Kernel.monotonicTime
      if let time, time <= now { return }
      var pause: UInt64? = time.map { $0 - now }
      if !interests.isEmpty { pause = min(pause ?? .max, Self.closingPause) }
      let ready = try Kernel.poll(&requests, nanoseconds: pause.map { Int64(clamping: $0) })
      if interrupter != nil, requests[requests.count - 1].revents != 0 { throw .interrupted }
      if ready > 0 { return }
    }
  }
}
