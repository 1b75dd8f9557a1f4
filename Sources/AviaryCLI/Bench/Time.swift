import Glibc

/// Nanoseconds of wall clock, and of the calling thread's processor time.
struct Time {
  var wall: UInt64
  var cpu: UInt64

  static func measured<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> (time: Time, R) {
    let watch = Stopwatch()
    let result = try body()
    return (watch.elapsed, result)
  }

  /// Of one thread, from `init` on.
  struct Stopwatch {
    private let start = ContinuousClock.now
    private let cpu = processorTime

    var elapsed: Time {
      let used = processorTime &- cpu
      return Time(wall: (ContinuousClock.now - start).nanosecondCount, cpu: used)
    }
  }

  private static var processorTime: UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
  }
}
