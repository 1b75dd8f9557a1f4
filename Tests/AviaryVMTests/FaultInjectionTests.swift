import AviaryContract
import AviaryCore
import AviaryPool
@testable import AviaryVM
import CAviaryHost
import Glibc
import Synchronization
import Testing

/// Which calls fail, of this thread alone: other threads' tests go on unharmed. For tests in extensions of
/// `FaultInjectionTests`, which run one by one.
struct Injection {
  static let countdown = Mutex<(thread: pthread_t, left: Int)?>(nil)

  /// Runs the body while the n-th system call of this thread fails with ENOMEM. True when it was met.
  static func failing<R>(call number: Int, _ body: () -> R) -> (R, Bool) {
    countdown.withLock { $0 = (pthread_self(), number) }
    aviary_system_set_injector { _ in
      Injection.countdown.withLock { state in
        guard let current = state, pthread_equal(current.thread, pthread_self()) != 0, current.left >= 0 else { return 0 }
        state?.left -= 1
        return current.left == 0 ? ENOMEM : 0
      }
    }
    let result = body()
    aviary_system_set_injector(nil)
    let met = countdown.withLock { state in
      defer { state = nil }
      return (state?.left ?? 0) < 0
    }
    return (result, met)
  }

  static let operations = Mutex<(thread: pthread_t, numbers: [Int32])?>(nil)

  /// Runs the body while every system call of these numbers fails with ENOMEM on this thread.
  static func failing<R>(operations numbers: [Int], _ body: () throws -> R) rethrows -> R {
    operations.withLock { $0 = (pthread_self(), numbers.map { Int32($0) }) }
    aviary_system_set_injector { operation in
      Injection.operations.withLock { state in
        guard let state, pthread_equal(state.thread, pthread_self()) != 0 else { return 0 }
        return state.numbers.contains(operation) ? ENOMEM : 0
      }
    }
    defer {
      aviary_system_set_injector(nil)
      operations.withLock { $0 = nil }
    }
    return try body()
  }
}

@Suite(.serialized) struct FaultInjectionTests {
  private let memory = MemoryType(limits: SizeLimits(minimum: 1, maximum: 3))

  /// Every system call of building a world fails in turn; each failure is a typed error, and
  /// nothing is left behind that harms the next attempt.
  @Test func everyCallOfSettingUpMayFail() throws {
    var failures = 0
    for number in 0..<100 {
      let (error, met) = Injection.failing(call: number) { () -> (any Error)? in
        do {
          let world = try World([.init(.add), .init(.grow)], .init(memories: [memory]))
          guard try world.call(0, 1, 2) == 3 else { return VMError.wrongStore }
          return nil
        } catch { return error }
      }
      if !met { break }
      if let error {
        failures += 1
        guard case VMError.system(_, "ENOMEM", _) = error else {
          Issue.record("call \(number) failed with \(error)")
          continue
        }
      }
    }
    // Stack, code twice over, thunks, memory: each reserves and protects or maps.
    #expect(failures >= 8)
    #expect(try World([.init(.add)]).call(0, 1, 2) == 3)
  }

  @Test func growthThatFailsIsMinusOne() throws {
    let world = try World([.init(.grow)], .init(memories: [memory]))
    let (result, met) = Injection.failing(call: 0) { try? world.call(0, 1) }
    #expect(met)
    #expect(result == .max)
    #expect(world.instance.memory(0).pageCount == 1)
    #expect(try world.call(0, 1) == 1)
  }
}
