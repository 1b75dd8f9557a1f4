import AviaryPool
import CAviaryHost
import Synchronization

/// An engine's epoch, and the thread that counts it up: of the system's, so that guests which keep all of the
/// process's own threads busy do not keep it from running.
///
/// The thread starts with the first guest that has a deadline, and ends with the clock.
@safe
package final class EpochClock: Sendable {
  private let shared: Shared

  /// - Parameter tick: nanoseconds; nil: only `advance` counts.
  init(tick: UInt64?) { shared = Shared(tick: tick) }
  deinit { shared.stop() }

  /// Where machine code's runtime reads the epoch: stays as long as the clock.
  var cell: UnsafeMutablePointer<UInt64> { unsafe shared.cell }
  package var now: UInt64 { shared.now }
  /// Nanoseconds between two epochs, where time counts them.
  package var tick: UInt64? { shared.tick }

  /// Counts up, and makes guests notice whose deadline has come. Any thread.
  package func advance(by count: UInt64 = 1) { shared.advance(by: count) }

  /// Nudges the waiter of a suspended guest when the epoch has begun, until `forget`.
  func watch(_ waiter: VMWaiter, _ epoch: UInt64) {
    shared.watched.withLock { $0[ObjectIdentifier(waiter)] = (waiter, epoch) }
    if now >= epoch { waiter.nudge() }
  }
  func forget(_ waiter: VMWaiter) { shared.watched.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(waiter)) } }

  /// The epoch that has not begun before the time is over, and begins less than two ticks after it.
  package func epoch(after nanoseconds: UInt64) -> UInt64 {
    guard let tick else { return .max }
    let ticks = nanoseconds / tick + (nanoseconds % tick == 0 ? 1 : 2)
    let (epoch, overflow) = now.addingReportingOverflow(ticks)
    return overflow ? .max : epoch
  }

  /// Makes sure that time counts, if it is to.
  func start() throws(VMError) {
    if tick != nil, !shared.isStarted.load(ordering: .relaxed) { try shared.start() }
  }

  /// What the clock and its thread share.
  @safe
  private final class Shared: @unchecked Sendable {
    let tick: UInt64?
    nonisolated(unsafe) let cell: UnsafeMutablePointer<UInt64>
    let isStarted = Atomic<Bool>(false)
    let watched = Mutex<[ObjectIdentifier: (waiter: VMWaiter, epoch: UInt64)]>([:])
    /// Guards `isStopped`, and starting.
    private let condition = ConditionVariable()
    private var isStopped = false

    init(tick: UInt64?) {
      self.tick = tick
      unsafe cell = .allocate(capacity: 1)
      unsafe cell.initialize(to: 0)
    }

    deinit { unsafe cell.deallocate() }

    var now: UInt64 { unsafe aviary_epoch_now(cell) }

    func advance(by count: UInt64) {
      unsafe aviary_epoch_increment(cell, count)
      let epoch = now
      let due = watched.withLock { watched in watched.isEmpty ? [] : watched.values.filter { $0.epoch <= epoch } }
      for one in due { one.waiter.nudge() }
    }

    func start() throws(VMError) {
      condition.lock()
      defer { condition.unlock() }
      if isStarted.load(ordering: .relaxed) { return }
      let context = unsafe Unmanaged.passRetained(self)
      let error = unsafe aviary_thread_start(
        { unsafe Unmanaged<Shared>.fromOpaque($0!).takeRetainedValue().run() }, context.toOpaque())
      guard error == 0 else {
        unsafe context.release()
        throw Mapping.failure("starting the epoch thread", -Int(error), 0)
      }
      isStarted.store(true, ordering: .relaxed)
    }

    func stop() {
      condition.lock()
      isStopped = true
      condition.signal()
      condition.unlock()
    }

    /// Ticks are points in time, not pauses: what one takes is not added to the next.
    private func run() {
      guard let tick else { return }
      aviary_thread_be_punctual()
      var next = MonotonicClock.now &+ tick
      condition.lock()
      while !isStopped {
        let now = MonotonicClock.now
        if now < next {
          condition.wait(until: next)
          continue
        }
        // The machine may have slept, or have been busy.
        let count = (now &- next) / tick &+ 1
        condition.unlock()
        advance(by: count)
        next = next &+ count &* tick
        condition.lock()
      }
      condition.unlock()
    }
  }
}
