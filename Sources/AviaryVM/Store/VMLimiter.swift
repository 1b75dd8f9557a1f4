/// Asked before memories and tables are made and grow. It may run on any thread that
/// runs the store, on the native stack, and must not call back into the store.
package protocol VMLimiter: AnyObject {
  /// Sizes in bytes; `current` is 0 for a new memory. False denies: `memory.grow` gives -1,
  /// a new memory fails. A thrown error ends the guest and comes out of the call.
  func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> Bool
  /// The same in elements.
  func tableGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> Bool
}

/// How many objects one store may have: they live as long as it does.
package struct VMStoreLimits: Sendable {
  package var instances = 10_000
  package var memories = 10_000
  package var tables = 10_000
  package init() {}
}
