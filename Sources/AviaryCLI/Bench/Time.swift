import Glibc

/// Nanoseconds of wall clock, and of the calling thread's processor time.
struct Time {
  var wall: UInt64
  var cpu: UInt64

  static func measured<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> (time: Time, R) {
    let start = ContinuousClock.now
    let cpu = processorTime
    let result = try body()
    let used = processorTime &- cpu
    return (Time(wall: (ContinuousClock.now - start).nanosecondCount, cpu: used), result)
  }

  /// The same for what stays on one thread.
  static func measured(_ body: nonisolated(nonsending) () async throws -> Void) async rethrows -> Time {
    let start = ContinuousClock.now
    let cpu = processorTime
    try await body()
    let used = processorTime &- cpu
    return Time(wall: (ContinuousClock.now - start).nanosecondCount, cpu: used)
  }

  private static var processorTime: UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
  }
}
