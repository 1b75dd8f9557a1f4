package import AviaryPool
import CAviaryHost

/// Interrupts stores at points in time, from a thread of its own that starts with the
/// first deadline and ends with the service.
package final class DeadlineService: Sendable {
  /// Names one deadline.
  package struct Token: Hashable, Sendable {
    let number: UInt64
  }
  private let shared = Shared()

  init() {}
  deinit { shared.stop() }

  /// Interrupts the store at the time (of `MonotonicClock`), again and again until it
  /// is out of the guest. The interruption stays set until it is cleared.
  package func schedule(_ interrupter: VMInterrupter, at time: UInt64) throws(VMError) -> Token {
    try shared.schedule(interrupter, at: time)
  }

  /// Forgets a deadline. When this returns, it interrupts no more; one that had come before
  /// stays set.
  package func cancel(_ token: Token) { shared.cancel(token) }

  /// Interrupts the store at once, and again and again until it is out of the guest or `cancel` is called.
  package func interruptNow(_ interrupter: VMInterrupter) {
    // Where the thread cannot be started, the one attempt has to do: it fails in a rare moment only.
    if interrupter.interrupt() { try? shared.repeatedly(interrupter) }
  }

  /// Takes back `interruptNow`. Call it where that cannot be running any more.
  package func cancel(_ interrupter: VMInterrupter) {
    shared.cancel(interrupter)
    interrupter.clear()
  }

  /// What the service and its thread share.
  private final class Shared: @unchecked Sendable {
    private struct Entry {
      let interrupter: VMInterrupter
      /// When to interrupt next.
      var time: UInt64
      /// Between attempts; grows, since a guest in a long host function cannot stop sooner.
      var pause: UInt64 = 1_000_000
    }
    /// Guards all that follows.
    private let condition = ConditionVariable()
    private var entries: [UInt64: Entry] = [:]
    /// Of `interruptNow`: their numbers by store.
    private var immediate: [ObjectIdentifier: UInt64] = [:]
    private var next: UInt64 = 0
    /// Until when the thread sleeps; nil is without end.
    private var wakeTime: UInt64?
    private var isRunning = false
    private var isStopped = false

    func schedule(_ interrupter: VMInterrupter, at time: UInt64) throws(VMError) -> Token {
      condition.lock()
      defer { condition.unlock() }
      return try add(interrupter, at: time)
    }

    func repeatedly(_ interrupter: VMInterrupter) throws(VMError) {
      condition.lock()
      defer { condition.unlock() }
      let key = ObjectIdentifier(interrupter.store)
      guard immediate[key] == nil else { return }
      immediate[key] = try add(interrupter, at: MonotonicClock.now &+ 100_000).number
    }

    func cancel(_ interrupter: VMInterrupter) {
      condition.lock()
      if let number = immediate.removeValue(forKey: ObjectIdentifier(interrupter.store)) { entries[number] = nil }
      condition.unlock()
    }

    /// With the lock.
    private func add(_ interrupter: VMInterrupter, at time: UInt64) throws(VMError) -> Token {
      if !isRunning {
        let context = unsafe Unmanaged.passRetained(self)
        let error = unsafe aviary_thread_start(
          { unsafe Unmanaged<Shared>.fromOpaque($0!).takeRetainedValue().run() }, context.toOpaque())
        guard error == 0 else {
          unsafe context.release()
          throw Mapping.failure("starting the deadline thread", -Int(error), 0)
        }
        isRunning = true
      }
      next += 1
      entries[next] = Entry(interrupter: interrupter, time: time)
      // Most deadlines are later than one that is known: no need to wake a thread for each.
      if time < wakeTime ?? .max { condition.signal() }
      return Token(number: next)
    }

    func cancel(_ token: Token) {
      // The thread may wake in vain once.
      condition.lock()
      entries[token.number] = nil
      condition.unlock()
    }

    func stop() {
      condition.lock()
      isStopped = true
      condition.signal()
      condition.unlock()
    }

    private func run() {
      condition.lock()
      while !isStopped {
        let now = MonotonicClock.now
        var passed: [VMInterrupter] = []
        for (number, entry) in entries where entry.time <= now {
          passed.append(entry.interrupter)
          // Under the lock, so that `cancel` has its meaning. It waits for nothing.
          if entry.interrupter.interruptThread() {
            entries[number]!.time = now &+ entry.pause
            entries[number]!.pause = min(entry.pause &* 2, 50_000_000)
          } else {
            entries[number] = nil
          }
        }
        if !passed.isEmpty {
          // What a guest waits for is ended by code that may come here again.
          condition.unlock()
          for interrupter in passed {
            interrupter.nudgeSuspended()
            if interrupter.reason == .deadline { interrupter.endWaiting() }
          }
          condition.lock()
          if isStopped { break }
        }
        wakeTime = entries.values.lazy.map(\.time).min()
        condition.wait(until: wakeTime)
      }
      condition.unlock()
    }
  }
}
