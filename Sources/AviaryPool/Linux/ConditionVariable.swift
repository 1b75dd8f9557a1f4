import Glibc

/// A mutex with a timed wait on the monotonic clock.
@safe
package final class ConditionVariable: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  package init() {
    unsafe pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(condition, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  package func lock() { unsafe pthread_mutex_lock(mutex) }
  package func unlock() { unsafe pthread_mutex_unlock(mutex) }
  package func signal() { unsafe pthread_cond_signal(condition) }
  package func broadcast() { unsafe pthread_cond_broadcast(condition) }

  /// Waits, unlocked meanwhile, for a signal or until the time; spurious returns happen.
  package func wait(until nanoseconds: UInt64?) {
    guard let nanoseconds else {
      unsafe pthread_cond_wait(condition, mutex)
      return
    }
    var time = timespec(
      tv_sec: Int(clamping: nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    unsafe pthread_cond_timedwait(condition, mutex, &time)
  }
}

/// Nanoseconds of the monotonic clock.
package enum MonotonicClock {
  package static var now: UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}
