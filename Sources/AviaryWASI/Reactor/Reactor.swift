import CAviaryWASI
import Glibc
import Synchronization

/// Waits for descriptors and times on behalf of suspended guests.
///
/// ```
///   tasks ── wait ──► lock ─ watches ─ timers ──► epoll_ctl, timerfd_settime
///                                │
///   tasks ◄─ resume ─────────────┴◄── one thread in epoll_wait
/// ```
///
/// One thread a process, started when it is first needed; it does nothing but
/// wake. Registering needs no word to it: the kernel notices a new descriptor or
/// an earlier time while the thread waits. A wait ends once, by whatever comes
/// first, and leaves nothing registered. Safe from any thread.
///
/// Lock order: a guest's `System`, then this. No continuation is resumed under it.
final class Reactor: Sendable {
  private struct State {
    var watches: [UInt64: Watch] = [:]
    var byHandle: [ObjectIdentifier: Watch] = [:]
    var timers = TimerHeap()
    /// What the kernel's timer is set to; `.max` for never.
    var armed = UInt64.max
    /// Of watches and waiters. The timer is 0.
    var lastID: UInt64 = 0
    /// Waits that ended under the lock, to be resumed after it.
    var ended: [(sleeper: Sleeper, outcome: WaitOutcome)] = []
  }

  private let state = Mutex(State())
  private let epoll: Handle
  private let timer: Handle

  private static let instance = Mutex<Reactor?>(nil)

  /// The process's.
  /// - Throws: what the kernel says where it has no descriptor or thread to give;
  ///   another attempt may succeed.
  static func shared() throws(Errno) -> Reactor {
    try instance.withLock { (instance) throws(Errno) in
      if let instance { return instance }
      let reactor = try Reactor()
      try reactor.start()
      instance = reactor
      return reactor
    }
  }

  private init() throws(Errno) {
    epoll = Handle(owning: try Kernel.check(aviary_wasi_epoll()))
    timer = Handle(owning: try Kernel.check(aviary_wasi_timer()))
    try Kernel.check(aviary_wasi_epoll_add_timer(epoll.number, timer.number, 0))
  }

  /// The thread keeps the reactor for good.
  private func start() throws(Errno) {
    let this = unsafe Unmanaged.passRetained(self)
    let error = unsafe aviary_wasi_start_thread(
      "aviary-reactor",
      { argument in
        guard let argument = unsafe argument else { return }
        unsafe Unmanaged<Reactor>.fromOpaque(argument)._withUnsafeGuaranteedRef { $0.run() }
      }, this.toOpaque())
    if error != 0 { unsafe this.release() }
    try Kernel.check(error)
  }

  // MARK: Waiting

  /// Suspends the task until one of `interests` is ready or closed, or the monotonic
  /// clock shows `time` (in nanoseconds).
  /// - Throws: `CancellationError` as soon as the task is cancelled; `Errno` where the
  ///   kernel can watch no more.
  /// - Returns: false where a descriptor never makes wait.
  nonisolated(nonsending)
  func wait(for interests: [Interest], until time: UInt64? = nil) async throws -> Bool {
    let waiter = Waiter(until: time)
    let outcome = await withTaskCancellationHandler {
      await unsafe withUnsafeContinuation { begin(waiter, interests, unsafe Sleeper($0)) }
    } onCancel: {
      cancel(waiter)
    }
    switch outcome {
    case .woken: return true
    case .notWaitable: return false
    case .cancelled: throw CancellationError()
    case .failed(let error): throw error
    }
  }

  private func begin(_ waiter: Waiter, _ interests: [Interest], _ sleeper: Sleeper) {
    locked { state in
      if case .over(let outcome) = waiter.phase {
        state.ended.append((sleeper, outcome))
        return
      }
      waiter.phase = .waiting(sleeper)
      guard waiter.time != .max else { return }
      state.lastID += 1
      waiter.order = state.lastID
      state.timers.insert(waiter)
      armTimer(&state)
    }
    // A few at a time: one guest's thousand descriptors must not keep all others waiting. It may be woken in between.
    var next = 0
    while next < interests.count {
      let part = interests[next..<min(next + Self.attachedAtOnce, interests.count)]
      next = part.endIndex
      locked { state in
        for interest in part {
          guard case .waiting = waiter.phase else { return }
          if let outcome = attach(waiter, interest, &state) { return end(waiter, outcome, &state) }
        }
      }
    }
  }

  private static let attachedAtOnce = 64

  private func cancel(_ waiter: Waiter) {
    locked { end(waiter, .cancelled, &$0) }
  }

  /// Wakes who waits for a handle that a guest has closed; see `Handle.retire`.
  static func retired(_ handle: Handle) {
    guard let reactor = instance.withLock({ $0 }) else { return }
    reactor.locked { state in
      guard let watch = state.byHandle[ObjectIdentifier(handle)] else { return }
      for (waiter, _) in watch.waiters.values { reactor.end(waiter, .woken, &state) }
    }
  }

  /// How many watched descriptors and waits with a time there are.
  var counts: (watches: Int, timers: Int) {
    state.withLock { ($0.watches.count, $0.timers.count) }
  }

  /// How many waits there are for a handle.
  func waiterCount(of handle: Handle) -> Int {
    state.withLock { $0.byHandle[ObjectIdentifier(handle)]?.waiters.count ?? 0 }
  }

  // MARK: Under the lock

  /// Runs `body` under the lock, and then resumes whose wait it ended.
  private func locked(_ body: (inout State) -> Void) {
    let ended = state.withLock { state in
      body(&state)
      defer { state.ended = [] }
      return state.ended
    }
    for (sleeper, outcome) in ended { sleeper.wake(outcome) }
  }

  private func end(_ waiter: Waiter, _ outcome: WaitOutcome, _ state: inout State) {
    let phase = waiter.phase
    if case .over = phase { return }
    for watch in waiter.watches { detach(waiter, watch, &state) }
    waiter.watches = []
    state.timers.remove(waiter)
    waiter.phase = .over(outcome)
    if case .waiting(let sleeper) = phase { state.ended.append((sleeper, outcome)) }
  }

  /// Registers one interest; what ends the wait at once, if anything does.
  private func attach(_ waiter: Waiter, _ interest: Interest, _ state: inout State) -> WaitOutcome? {
    guard interest.handle.markWatched() else { return .woken }
    let watch: Watch
    do throws(Errno) {
      if let known = state.byHandle[ObjectIdentifier(interest.handle)] {
        watch = known
        if interest.events & ~watch.armed != 0 { try arm(watch, watch.wanted | interest.events) }
      } else {
        guard let made = try makeWatch(interest, &state) else { return .notWaitable }
        watch = made
      }
    } catch .badDescriptor {
      // The next attempt finds out too, and says it to the guest.
      return .woken
    } catch {
      return .failed(error)
    }
    if let known = watch.waiters[ObjectIdentifier(waiter)] {
      watch.waiters[ObjectIdentifier(waiter)] = (waiter, known.events | interest.events)
    } else {
      watch.waiters[ObjectIdentifier(waiter)] = (waiter, interest.events)
      waiter.watches.append(watch)
    }
    return nil
  }

  /// nil for a descriptor that cannot be waited for, as it is always ready.
  private func makeWatch(_ interest: Interest, _ state: inout State) throws(Errno) -> Watch? {
    let handle = interest.handle
    state.lastID += 1
    let id = state.lastID
    var number = handle.number
    var error = -EEXIST
    if handle.isOwned { error = aviary_wasi_epoll_add(epoll.number, number, interest.events, id) }
    if error == -EEXIST {
      number = try Kernel.check(aviary_wasi_duplicate(handle.number))
      error = aviary_wasi_epoll_add(epoll.number, number, interest.events, id)
      if error < 0 { _ = aviary_wasi_close(number) }
    }
    if error == -EPERM { return nil }
    try Kernel.check(error)
    let watch = Watch(id: id, handle: handle, number: number, armed: interest.events)
    state.watches[id] = watch
    state.byHandle[ObjectIdentifier(handle)] = watch
    return watch
  }

  private func arm(_ watch: Watch, _ events: UInt32) throws(Errno) {
    try Kernel.check(aviary_wasi_epoll_change(epoll.number, watch.number, events, watch.id))
    watch.armed = events
  }

  private func detach(_ waiter: Waiter, _ watch: Watch, _ state: inout State) {
    watch.waiters[ObjectIdentifier(waiter)] = nil
    guard watch.waiters.isEmpty else { return }
    _ = aviary_wasi_epoll_remove(epoll.number, watch.number)
    if watch.isDuplicate { _ = aviary_wasi_close(watch.number) }
    state.watches[watch.id] = nil
    state.byHandle[ObjectIdentifier(watch.handle)] = nil
  }

  private func armTimer(_ state: inout State) {
    let next = state.timers.first?.time ?? .max
    guard next != state.armed else { return }
    let time = next == .max ? -1 : Int64(clamping: next)
    if aviary_wasi_timer_set(timer.number, time) == 0 { state.armed = next }
  }

  // MARK: The thread

  private func run() {
    var ready = [aviary_wasi_ready](repeating: aviary_wasi_ready(), count: 256)
    while true {
      let count = unsafe ready.withUnsafeMutableBufferPointer {
        unsafe aviary_wasi_epoll_wait(epoll.number, $0.baseAddress, Int32($0.count))
      }
      // Only a descriptor that someone else closed under us makes it fail.
      guard count >= 0 else { fatalError("the reactor's descriptor was closed by the host") }
      locked { state in
        for index in 0..<Int(count) { react(ready[index], &state) }
        armTimer(&state)
      }
    }
  }

  private func react(_ ready: aviary_wasi_ready, _ state: inout State) {
    guard ready.id != 0 else { return expire(&state) }
    // An id that is not there any more was waited for when the thread woke up.
    guard let watch = state.watches[ready.id] else { return }
    watch.armed = 0
    let fired = ready.events
    let always = UInt32(POLLERR | POLLHUP)
    for (waiter, events) in watch.waiters.values where fired & (events | always) != 0 {
      end(waiter, .woken, &state)
    }
    let wanted = watch.wanted
    guard wanted != 0 else { return }
    do throws(Errno) { try arm(watch, wanted) } catch {
      for (waiter, _) in watch.waiters.values { end(waiter, .failed(error), &state) }
    }
  }

  private func expire(_ state: inout State) {
    let now = Kernel.monotonicTime
    while let first = state.timers.first, first.time <= now { end(first, .woken, &state) }
    // The timer stays expired, and the thread awake, until it is set anew.
    state.armed = 0
  }
}
