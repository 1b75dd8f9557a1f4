import Dispatch
import Foundation
import Synchronization

/// A result that another thread brings.
final class Outcome: Sendable {
  private let done = DispatchSemaphore(value: 0)
  private let result = Mutex<Result<Void, any Error>?>(nil)

  func set(_ value: Result<Void, any Error>) {
    result.withLock { $0 = value }
    done.signal()
  }

  func wait() throws {
    done.wait()
    try result.withLock { $0 }?.get()
  }
}

/// A thread with a stack of a size.
enum NativeThread {
  static func start(stackBytes: Int, _ body: @escaping @Sendable () -> Void) {
    let thread = Thread(block: body)
    thread.stackSize = stackBytes
    thread.start()
  }
}
