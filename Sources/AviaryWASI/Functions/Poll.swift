import CAviaryWASI
import CAviaryWASI
import Glibc

/// poll_oneoff.
extension System {
  /// The most subscriptions in one call: more than a guest has descriptors,
  /// and few enough that their copy is nothing to the host.
  static let maximumSubscriptions: UInt32 = 8192

  /// Waits until at least one subscription has something to tell.
  ///
  /// All subscriptions are copied before the first event is written: the
  /// guest may let the two arrays overlap.
  func pollOneoff(
    _ memory: GuestMemory, _ input: UInt32, _ output: UInt32, _ count: UInt32, _ result: UInt32
  ) throws(Errno) {
    guard count > 0, count <= Self.maximumSubscriptions else { throw .invalid }
    let slot = try memory.slot(at: result, size: 4)
    let source = try memory.array(at: input, count: count, stride: Subscription.size)
    let target = try memory.array(at: output, count: count, stride: Event.size)
    var wait = Wait()
    for index in 0..<Int(count) {
      let part = source.part(at: index * Subscription.size, size: Subscription.size)
      add(try Subscription(in: part), to: &wait)
    }
    try wait.run(interrupter)
    // One event a subscription at most.
    for (index, event) in wait.events.prefix(Int(count)).enumerated() {
      event.store(in: target.part(at: index * Event.size, size: Event.size))
    }
    slot.store(UInt32(min(wait.events.count, Int(count))))
  }

  private func add(_ subscription: Subscription, to wait: inout Wait) {
    do throws(Errno) {
      switch subscription.kind {
      case .clock(let id, let timeout, let isAbsolute):
        let clock = try clock(id)
        // Processor time stands still while its thread waits.
        guard id < 2 else { throw .notSupported }
        wait.add(clock, timeout, isAbsolute: isAbsolute, subscription)
      case .read(let fd):
        let descriptor = try pollable(fd, .read)
        if let handle = descriptor.handle {
          wait.add(handle, Int16(POLLIN), descriptor, subscription)
        } else if case .input(let buffer) = descriptor.body {
          wait.report(subscription, bytes: UInt64(buffer.available))
        } else {
          wait.report(subscription)
        }
      case .write(let fd):
        let descriptor = try pollable(fd, .write)
        if let handle = descriptor.handle {
          wait.add(handle, Int16(POLLOUT), descriptor, subscription)
        } else {
          wait.report(subscription)
        }
      }
    } catch {
      wait.report(subscription, error)
    }
  }

  /// What can't be waited for is an event of its own, not the call's failure.
  private func pollable(_ fd: UInt32, _ right: Rights) throws(Errno) -> Descriptor {
    let descriptor = try descriptor(fd)
    guard descriptor.rights.contains(.poll) else { throw .notCapable }
    guard !descriptor.isDirectory, descriptor.rights.contains(right) else { throw .badDescriptor }
    return descriptor
  }
}

/// One wait: what is waited for, and what came of it.
private struct Wait {
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
    if let interrupter {
      requests.append(pollfd(fd: interrupter.handle.number, events: Int16(POLLIN), revents: 0))
    }
    while true {
      let next = events.isEmpty ? nextDeadline() : (clock: nil, remaining: 0)
      if let clock = next?.clock, case .custom(_, let sleep) = clock.source {
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
      guard ready != 0 else { continue }
      if ready & POLLNVAL != 0 {
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
