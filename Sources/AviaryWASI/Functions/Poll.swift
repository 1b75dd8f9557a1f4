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
  /// guest may let the two arrays overlap. They are looked at once: timeouts
  /// begin with the call, however often it is woken.
  func pollOneoff(
    _ memory: GuestMemory, _ call: inout WaitingCall, _ input: UInt32, _ output: UInt32, _ count: UInt32,
    _ result: UInt32
  ) throws(Errno) {
    guard count > 0, count <= Self.maximumSubscriptions else { throw .invalid }
    let slot = try memory.slot(at: result, size: 4)
    let source = try memory.array(at: input, count: count, stride: Subscription.size)
    let target = try memory.array(at: output, count: count, stride: Event.size)
    var wait: PollWait
    if let begun = call.poll {
      wait = begun
    } else {
      wait = PollWait()
      for index in 0..<Int(count) {
        let part = source.part(at: index * Subscription.size, size: Subscription.size)
        add(try Subscription(in: part), to: &wait)
      }
    }
    if call.blocksThread {
      try wait.run(interrupter)
    } else if try !wait.look(interrupter) {
      call.poll = wait
      try wait.rest(&call)
    }
    // One event a subscription at most.
    for (index, event) in wait.events.prefix(Int(count)).enumerated() {
      event.store(in: target.part(at: index * Event.size, size: Event.size))
    }
    slot.store(UInt32(min(wait.events.count, Int(count))))
  }

  private func add(_ subscription: Subscription, to wait: inout PollWait) {
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

