import CAviaryWASI
import Glibc

/// One wait: what is waited for, and what came of it.
struct PollWait {
  private struct Deadline {
    var clock: WASI.Clock
    var time: UInt64
    var subscription: Subscription
  }

  private(set) var events: [Event] = []
  private var deadlines: [Deadline] = []
  /// Parallel to `watched`.
  private var requests: [pollfd] = []
  private var watched: [(handle: Handle, isFile: Bool, subscription: Subscription)] = []

  mutating func add(
    _ clock: WASI.Clock, _ timeout: UInt64, isAbsolute: Bool, _ subscription: Subscription
  ) {
    var time = timeout
    if !isAbsolute {
      let (sum, overflow) = clock.now.addingReportingOverflow(timeout)
      time = overflow ? .max : sum
    }
    deadlines.append(Deadline(clock: clock, time: time, subscription: subscription))
  }

  mutating func add(
    _ handle: Handle, _ events: Int16, _ descriptor: Descriptor, _ subscription: Subscription
  ) {
    var isFile = false
    if case .file = descriptor.body { isFile = true }
    requests.append(pollfd(fd: handle.number, events: events, revents: 0))
    watched.append((handle, isFile, subscription))
  }

  mutating func report(
    _ subscription: Subscription, _ error: Errno = .success, bytes: UInt64 = 0,
    hangup: Bool = false
  ) {
    events.append(
      Event(
        userData: subscription.userData, error: error, type: subscription.eventType, bytes: bytes,
        hangup: hangup))
  }

  /// Waits. What was reported before ends the wait at once, but what is ready
  /// as well is still told.
  mutating func run(_ interrupter: Interrupter?) throws(Errno) {
    include(interrupter)
    while true {
      let next = events.isEmpty ? nextDeadline() : (clock: nil, remaining: 0)
      if let clock = next?.clock, case .custom(_, let sleep, _) = clock.source {
        // Its time is not the kernel's: look once, then let the clock wait.
        _ = try Kernel.poll(&requests, nanoseconds: 0)
        try collectReady(interrupter)
        if events.isEmpty, let remaining = next?.remaining, remaining > 0 { sleep(remaining) }
      } else {
        _ = try Kernel.poll(&requests, nanoseconds: next.map { Int64(clamping: $0.remaining) })
        try collectReady(interrupter)
      }
      collectExpired()
      if !events.isEmpty { return }
    }
  }

  /// Looks without waiting.
  /// - Returns: whether there is something to tell.
  mutating func look(_ interrupter: Interrupter?) throws(Errno) -> Bool {
    include(interrupter)
    if !requests.isEmpty {
      _ = try Kernel.poll(&requests, nanoseconds: 0)
      try collectReady(interrupter)
    }
    collectExpired()
    return !events.isEmpty
  }

  /// Waits for what `look` did not find.
  func rest(_ call: inout WaitingCall) throws(Errno) -> Never {
    let next = nextDeadline()
    if let next, let clock = next.clock, case .custom = clock.source {
      try call.wait(for: next.remaining, of: clock)
    }
    // A guest may name the same descriptor thousands of times.
    var merged: [ObjectIdentifier: Interest] = [:]
    for (index, watch) in watched.enumerated() {
      let known = merged[ObjectIdentifier(watch.handle)]?.events ?? 0
      merged[ObjectIdentifier(watch.handle)] = Interest(
        handle: watch.handle, events: known | UInt32(UInt16(bitPattern: requests[index].events)))
    }
    let interests = Array(merged.values)
    var time: UInt64?
    if let next {
      let (sum, overflow) = Kernel.monotonicTime.addingReportingOverflow(next.remaining)
      time = overflow ? .max : sum
    }
    try call.wait(for: interests, until: time)
  }

  /// Makes the interrupter the last request.
  private mutating func include(_ interrupter: Interrupter?) {
    guard let interrupter, requests.count == watched.count else { return }
    requests.append(pollfd(fd: interrupter.handle.number, events: Int16(POLLIN), revents: 0))
  }

  /// The deadline that comes first, and how long it is until then.
  private func nextDeadline() -> (clock: WASI.Clock?, remaining: UInt64)? {
    var first: (clock: WASI.Clock?, remaining: UInt64)?
    for deadline in deadlines {
      let (left, isPast) = deadline.time.subtractingReportingOverflow(deadline.clock.now)
      let remaining = isPast ? 0 : left
      if first == nil || remaining < first!.remaining { first = (deadline.clock, remaining) }
    }
    return first
  }

  private mutating func collectExpired() {
    for deadline in deadlines where deadline.clock.now >= deadline.time {
      report(deadline.subscription)
    }
  }

  private mutating func collectReady(_ interrupter: Interrupter?) throws(Errno) {
    if interrupter != nil, requests[watched.count].revents != 0 { throw .interrupted }
    for (index, watch) in watched.enumerated() {
      let ready = Int32(requests[index].revents)
      // Closed by another guest of the same WASI while this one waits.
      let isRetired = watch.handle.isRetired
      guard ready != 0 || isRetired else { continue }
      if ready & POLLNVAL != 0 || isRetired {
        report(watch.subscription, .badDescriptor)
        continue
      }
      report(
        watch.subscription, bytes: bytes(of: watch), hangup: ready & (POLLHUP | POLLERR) != 0)
    }
  }

  /// How much can be read. For writing, nobody knows.
  private func bytes(of watch: (handle: Handle, isFile: Bool, subscription: Subscription)) -> UInt64 {
    guard case .read = watch.subscription.kind else { return 0 }
    guard watch.isFile else { return watch.handle.available }
    do throws(Errno) {
      let size = try Kernel.stat(watch.handle).length
      let position = try watch.handle.seek(0, SEEK_CUR)
      return size > position ? size - position : 0
    } catch { return 0 }
  }
}
