/// Asked before memories and tables are made and grow. It may run on any thread that
/// runs the store, on the native stack, and must not call back into the store.
package protocol VMLimiter: AnyObject {
  /// Whether guests are suspended to ask it: then the methods below are asked about new memories and
  /// tables only, and about growth where a guest cannot be suspended.
  var isAsynchronous: Bool { get }
  /// Sizes in bytes; `current` is 0 for a new memory. False denies: `memory.grow` gives -1,
  /// a new memory fails. A thrown error ends the guest and comes out of the call.
  func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> Bool
  /// The same in elements.
  func tableGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> Bool
}

extension VMLimiter {
  package var isAsynchronous: Bool { false }
}

/// How many objects one store may have, which live as long as it does, and how large. Checked before the
/// limiter is asked.
package struct VMStoreLimits: Sendable {
  package var instances = 10_000
  package var memories = 10_000
  package var tables = 10_000
  /// Bytes of all memories together.
  package var memoryBytes = UInt64.max
  /// Elements of each table.
  package var tableElements = UInt64.max
  package init() {}
}
