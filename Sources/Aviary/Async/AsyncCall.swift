import AviaryPool
import AviaryVM
import CAviaryContract

/// An asynchronous call: arguments are written to `slots`, `StoreContext.start` and `finish` run it, results are read there.
///
/// Both lie on the guest's stack. Valid until the store's next call.
@safe @usableFromInline
struct AsyncCall {
  let fiber: VMFiber
  let entry: FunctionEntry
  @usableFromInline let slots: UnsafeMutablePointer<ValueSlot>
}

extension FunctionEntry {
  /// Room for a call on the store's guest stack. Nothing has to be undone where it is not run.
  /// - Throws: `WasmError.host` where the store is in use; `.trap` where the stack has no room.
  @usableFromInline func begin(_ context: StoreContext) throws -> AsyncCall {
    guard context.mayEnter else { throw context.error(.misused) }
    var status: UInt32 = 0
    guard let fiber = function.fiber(slots: slotCount, &status) else { throw context.failure(status) }
    return unsafe AsyncCall(
      fiber: fiber, entry: self, slots: UnsafeMutableRawPointer(fiber.values).assumingMemoryBound(to: ValueSlot.self))
  }
}

extension StoreContext {
  /// Enters the guest of a call that was just begun. Most calls end here, without a frame of an asynchronous function.
  /// - Returns: 0 where the call has ended, else the status for `finish`.
  ///
  /// Unsafe contract: `slotCount` slots of the call are initialised to arguments of the function's types, or to
  /// anything beyond them; nothing was called on the store since it was begun; a task runs.
  @usableFromInline final func start(_ call: AsyncCall) throws -> UInt32 {
    let status = call.entry.function.start(unsafe: call.fiber, call.entry.thunk)
    if status == 0, !usedRuntime.isCancelled { return 0 }
    if status == VMFiber.suspended { return status }
    try settle(status, nil)
    return 0
  }

  /// Does what a suspended guest waits for, and resumes it, until the call has ended. No frame of Swift is on its stack.
  @usableFromInline
  nonisolated(nonsending) final func finish(_ call: AsyncCall, _ status: UInt32, until deadline: UInt64 = .max) async throws {
    let runtime = usedRuntime
    let fiber = call.fiber
    let outer = owner
    // Ended below, on all ways: nothing else is let go in between that the task allocated before.
    let watch = VMTaskWatch(unsafe: runtime)
    let task = VMTask.current
    owner = task
    var status = status
    var failure: (any Error)?
    do {
      while status == VMFiber.suspended {
        do {
          if deadline == .max, let host = fiber.hostCall {
            let slots = unsafe UnsafeMutableRawPointer(host.values).assumingMemoryBound(to: ValueSlot.self)
            try await unsafe AsyncHostFunction.of(host).body(self, host.callerAddress, slots)
            status = fiber.resume(0)
          } else {
            let answer = try await answer(fiber, until: deadline)
            takeBack(task)
            status = fiber.resume(answer.result, trap: answer.trap)
          }
        } catch {
          // An exception that the guest catches is how it goes on.
          guard try runtime.resumes(fiber, with: error) else { throw error }
          takeBack(task)
          status = fiber.resume(0)
        }
      }
    } catch {
      fiber.abandon()
      failure = error
    }
    owner = outer
    watch.end()
    if status == 0, !runtime.isCancelled { return }
    try settle(status, failure)
  }

  /// A deadline's child task had the store meanwhile, and may have taken back what stopped its own calls.
  private final func takeBack(_ task: UInt) {
    owner = task
    let runtime = usedRuntime
    if Task.isCancelled, !runtime.isCancelled { runtime.interrupter(.cancellation).interrupt() }
  }

  /// Runs a call that was just begun to its end, which comes at the deadline at the latest. As `start`.
  @usableFromInline
  nonisolated(nonsending) final func run(_ call: AsyncCall, _ deadline: ContinuousClock.Instant?) async throws {
    guard let deadline else {
      let status = try start(call)
      if status != 0 { try await finish(call, status) }
      return
    }
    let time = monotonicTime(deadline)
    let interrupter = usedRuntime.interrupter(.deadline)
    let token: DeadlineService.Token
    do throws(VMError) { token = try engine.runtime.deadlines.schedule(interrupter, at: time) } catch { throw WasmError(error) }
    let outer = deadlineOfCall
    deadlineOfCall = time
    defer {
      engine.runtime.deadlines.cancel(token)
      interrupter.clear()
      deadlineOfCall = outer
      // A guest that waits for this one may be past its own.
      if outer <= MonotonicClock.now { interrupter.interrupt() }
    }
    let status = try start(call)
    if status != 0 { try await finish(call, status, until: time) }
  }

  /// The end of a call that did not just return: it failed, or its task was cancelled.
  @inline(never)
  private final func settle(_ status: UInt32, _ thrown: (any Error)?) throws {
    let error = thrown ?? (status == 0 ? nil : failure(status))
    let runtime = usedRuntime
    // Where a guest waits for this one, it ends by the same cancellation; unless that was another task's, which a
    // deadline ended.
    if runtime.isCancelled, !runtime.isSuspended || !Task.isCancelled {
      engine.runtime.deadlines.cancel(runtime.interrupter(.cancellation))
    }
    guard let error else { return }
    // The guest's trap is how it was stopped; an error of the host's own is not hidden.
    if Task.isCancelled, case .trap(let trap) = error as? WasmError, trap.code == .interrupted { throw CancellationError() }
    throw error
  }

  /// What a suspended guest goes on with.
  private struct Answer {
    var result: UInt64 = 0
    var trap: UInt32 = 0
  }

  private nonisolated(nonsending) final func answer(_ fiber: VMFiber, until deadline: UInt64) async throws -> Answer {
    switch fiber.request {
    case .hostCall(let call):
      let decision = try await awaiting(Awaited(self, .call(call)), until: deadline)
      return decision == nil ? Answer(trap: VMFiber.interrupted) : Answer()
    case .growth(var growth):
      while true {
        var decision: GrowthDecision? = .allow
        if let limiter = asyncLimiter { decision = try await awaiting(Awaited(self, .growth(growth, limiter)), until: deadline) }
        guard let decision else { return Answer(trap: VMFiber.interrupted) }
        if decision == .trap { throw WasmError.trap(Trap(.growthDenied)) }
        if let result = growth.finish(isAllowed: decision == .allow) { return Answer(result: result) }
        // A shared memory has another size meanwhile.
        guard case .growth(let again) = fiber.request else { return Answer(result: .max) }
        growth = again
      }
    case .wait(let wait):
      guard let result = try await self.wait(wait, until: deadline) else { return Answer(trap: VMFiber.interrupted) }
      return Answer(result: result.rawValue)
    case .yield:
      await Task.yield()
      return Answer()
    }
  }

  /// Runs what the guest waits for; nil: the deadline passed.
  private nonisolated(nonsending) final func awaiting(_ awaited: Awaited, until deadline: UInt64) async throws -> GrowthDecision? {
    deadline == .max ? try await awaited.run() : try await within(deadline, awaited)
  }

  /// Waits in a task of its own, so that it is cancelled at the deadline; nil: it passed.
  private nonisolated(nonsending) final func within(_ deadline: UInt64, _ awaited: Awaited) async throws -> GrowthDecision? {
    let body = awaited.start()
    let interrupter = usedRuntime.interrupter(.deadline)
    interrupter.beginWaiting(until: deadline) { body.cancel() }
    defer { interrupter.finishWaiting() }
    do {
      return try await withTaskCancellationHandler { try await body.value } onCancel: { body.cancel() }
    } catch {
      // Whatever the body makes of its cancellation.
      if deadline <= MonotonicClock.now, !Task.isCancelled { return nil }
      throw error
    }
  }

  /// Whether a call may enter: no guest is suspended here, or the task that runs it enters again,
  /// from within the host function that it waits for.
  final var mayEnter: Bool { !usedRuntime.isSuspended || isSuspendedForCaller }

  /// Whether the store's guest is suspended, and the current task is the one that it waits for.
  final var isSuspendedForCaller: Bool {
    guard usedRuntime.isSuspended else { return false }
    let current = VMTask.current
    return current != 0 && current == owner
  }

}

/// What of the host's a suspended guest waits for. It may be given to a child task: the one that has the store waits for that.
@safe
private struct Awaited: @unchecked Sendable {
  @safe enum Request {
    case call(VMSuspendedCall)
    case growth(VMSuspendedGrowth, any AsyncResourceLimiter)
  }
  private unowned(unsafe) let context: StoreContext
  let request: Request

  init(_ context: StoreContext, _ request: Request) {
    unsafe self.context = context
    self.request = request
  }

  /// What the limiter says; `.allow` where none is asked.
  nonisolated(nonsending) func run() async throws -> GrowthDecision {
    switch request {
    case .call(let call):
      let slots = unsafe UnsafeMutableRawPointer(call.values).assumingMemoryBound(to: ValueSlot.self)
      try await unsafe AsyncHostFunction.of(call).body(context, call.callerAddress, slots)
      return .allow
    case .growth(let growth, let limiter):
      return growth.isMemory
        ? try await limiter.memoryGrowing(from: growth.current, to: growth.desired, maximum: growth.maximum)
        : try await limiter.tableGrowing(from: growth.current, to: growth.desired, maximum: growth.maximum)
    }
  }

  /// The same in a task of its own that has the store meanwhile. It runs where the caller does: what an actor
  /// keeps from others stays its own.
  func start(isolation: isolated (any Actor)? = #isolation) -> Task<GrowthDecision, any Error> {
    Task {
      // The task is isolated to what it captures.
      _ = isolation
      unsafe context.owner = VMTask.current
      return try await run()
    }
  }
}

/// The point of `MonotonicClock` that is as far away.
private func monotonicTime(_ instant: ContinuousClock.Instant) -> UInt64 {
  let (seconds, attoseconds) = (instant - .now).components
  let now = MonotonicClock.now
  guard seconds >= 0, attoseconds >= 0 else { return now }
  let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
  let (sum, over) = now.addingReportingOverflow(overflow ? .max : whole)
  // `.max` stands for no deadline.
  return over ? .max - 1 : min(sum.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000)).partialValue, .max - 1)
}
