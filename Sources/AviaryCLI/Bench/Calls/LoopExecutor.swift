import Dispatch
import Synchronization

/// Runs the jobs of tasks that prefer it on the thread that calls `run`, one after the other: so what tasks do that wait is
/// measured without threads that wake each other, in one thread's processor time. (An actor's executor would not do:
/// Swift 6.3 resumes what waited on its own threads first.)
final class LoopExecutor: TaskExecutor {
  private let jobs = Mutex<[UnownedJob]>([])

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
  }

  /// Runs a task that prefers this executor to its end. When no job is left, `idle` lets something go on.
  func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value, idle: () -> Void) throws -> Value {
    let outcome = Outcome<Value>()
    Task(executorPreference: self) { await outcome.take(from: body) }
    var batch: [UnownedJob] = []
    while true {
      jobs.withLock { swap(&batch, &$0) }
      if batch.isEmpty {
        if let result = outcome.result { return try result.get() }
        idle()
      }
      for job in batch { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
      batch.removeAll(keepingCapacity: true)
    }
  }

  /// Runs a task that never waits to its end, as most are run: on Swift's own threads.
  static func runOnPool<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
    let outcome = Outcome<Value>()
    let end = DispatchSemaphore(value: 0)
    Task {
      await outcome.take(from: body)
      end.signal()
    }
    end.wait()
    return try outcome.result!.get()
  }

  private final class Outcome<Value: Sendable>: Sendable {
    private let kept = Mutex<Result<Value, any Error>?>(nil)
    var result: Result<Value, any Error>? { kept.withLock { $0 } }

    func take(from body: @Sendable () async throws -> Value) async {
      let result: Result<Value, any Error>
      do { result = .success(try await body()) } catch { result = .failure(error) }
      kept.withLock { $0 = result }
    }
  }
}

/// Who waits until the loop has nothing else to do.
final class Waiting: Sendable {
  @safe private struct Waiter: Sendable {
    let continuation: UnsafeContinuation<Void, Never>
    func resume() { unsafe continuation.resume() }
  }
  private let all = Mutex<[Waiter]>([])

  nonisolated(nonsending) func pass() async {
    unsafe await withUnsafeContinuation { continuation in
      let waiter = unsafe Waiter(continuation: continuation)
      all.withLock { $0.append(waiter) }
    }
  }

  /// Lets all go on that wait.
  func open() {
    var opened: [Waiter] = []
    all.withLock { swap(&opened, &$0) }
    for waiter in opened { waiter.resume() }
  }

  /// Lets the last one go on.
  func openOne() { all.withLock { $0.popLast() }?.resume() }
}
