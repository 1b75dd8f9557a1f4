import AviaryPool
import Synchronization

/// Stacks at rest, reset, for the next store.
final class StackPool: Sendable {
  private let usableBytes: UInt64
  private let guardBytes: UInt64
  private let keep: Int
  /// A one-element box each: arrays cannot hold noncopyable values.
  private final class Box: Sendable {
    let stack: Mutex<GuestStack?>
    init(_ stack: consuming GuestStack) { self.stack = Mutex(stack) }
  }
  private let free = Mutex<[Box]>([])

  init(usableBytes: UInt64, guardBytes: UInt64, keep: Int) {
    self.usableBytes = usableBytes
    self.guardBytes = guardBytes
    self.keep = keep
  }

  func take() throws(VMError) -> GuestStack {
    if let box = free.withLock({ $0.popLast() }), let stack = box.stack.withLock({ $0.take() }) { return stack }
    return try GuestStack(usableBytes: usableBytes, guardBytes: guardBytes)
  }

  /// A stack that cannot be reset is unmapped instead: it is never handed out dirty.
  func giveBack(_ stack: consuming GuestStack) {
    guard free.withLock({ $0.count < keep }) else { return }
    do { try stack.reset() } catch { return }
    let box = Box(stack)
    free.withLock { $0.append(box) }
  }
}
