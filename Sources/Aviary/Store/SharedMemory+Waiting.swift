import AviaryPool
import AviaryVM

/// How a wait at an address of a shared memory ended.
public enum WaitResult: Sendable, Hashable {
  /// Somebody notified the address.
  case notified
  /// The value there was not the expected one; nothing was waited for.
  case notEqual
  /// Nobody came in time.
  case timedOut
}

// `memory.atomic.wait` and `memory.atomic.notify` of the host's. Guests and the host wait and notify alike.
extension SharedMemory {
  /// Waits, if the 32 bits at the address are `expected`, until somebody notifies the address. The task is suspended;
  /// no thread is blocked.
  /// - Parameter timeout: nil: none.
  /// - Throws: also `CancellationError`.
  public nonisolated(nonsending) func wait(
    at address: some GuestAddress, expected: UInt32, timeout: Duration? = nil
  ) async throws -> WaitResult {
    try await wait(try aligned(address.guestAddress, UInt32.self), 4, UInt64(expected), timeout)
  }

  /// The same for 64 bits.
  public nonisolated(nonsending) func wait(
    at address: some GuestAddress, expected: UInt64, timeout: Duration? = nil
  ) async throws -> WaitResult {
    try await wait(try aligned(address.guestAddress, UInt64.self), 8, expected, timeout)
  }

  /// The same for 32 bits, and for threads that may sleep: not for those that run tasks.
  public func waitBlocking(
    at address: some GuestAddress, expected: UInt32, timeout: Duration? = nil
  ) throws(WasmError) -> WaitResult {
    try sleep(try aligned(address.guestAddress, UInt32.self), 4, UInt64(expected), timeout)
  }

  /// The same for 64 bits.
  public func waitBlocking(
    at address: some GuestAddress, expected: UInt64, timeout: Duration? = nil
  ) throws(WasmError) -> WaitResult {
    try sleep(try aligned(address.guestAddress, UInt64.self), 8, expected, timeout)
  }

  /// Wakes guests, threads and tasks that wait at the address, those that came first.
  /// - Parameter count: the most that are woken.
  /// - Returns: how many were.
  @discardableResult
  public func notify(at address: some GuestAddress, count: UInt32 = .max) throws(WasmError) -> UInt32 {
    let place = try aligned(address.guestAddress, UInt32.self)
    guard let woken = runtime.notify(at: place, count: count) else { throw outOfBounds(place, 4) }
    return woken
  }

  private func sleep(_ place: UInt64, _ width: UInt32, _ expected: UInt64, _ timeout: Duration?) throws(WasmError) -> WaitResult {
    guard let result = runtime.sleep(at: place, width: width, expected: expected, limit(timeout)) else {
      throw outOfBounds(place, UInt64(width))
    }
    return WaitResult(result)
  }

  private nonisolated(nonsending) func wait(
    _ place: UInt64, _ width: UInt32, _ expected: UInt64, _ timeout: Duration?
  ) async throws -> WaitResult {
    guard let wait = runtime.beginWaiting(at: place, width: width, expected: expected) else {
      throw outOfBounds(place, UInt64(width))
    }
    guard let waiter = wait.waiter else { return .notEqual }
    // Whoever waits has the memory: the address stays.
    guard let result = try await waiter.outcome(limit(timeout), mustStop: { false }) else { throw CancellationError() }
    return withExtendedLifetime(runtime) { WaitResult(result) }
  }

  private func limit(_ timeout: Duration?) -> VMWaitTimeout {
    VMWaitTimeout(timeout.map { Int64(clamping: nanoseconds(in: $0)) } ?? -1)
  }
}

extension WaitResult {
  init(_ result: VMWaitResult) {
    self =
      switch result {
      case .notified: .notified
      case .notEqual: .notEqual
      case .timedOut: .timedOut
      }
  }
}
