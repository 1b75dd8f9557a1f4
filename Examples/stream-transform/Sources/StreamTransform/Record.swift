/// What flows through a stream.
public struct Record: Sendable, Hashable {
  public var key: [UInt8]
  public var value: [UInt8]

  public init(key: [UInt8], value: [UInt8]) {
    self.key = key
    self.value = value
  }
  public init(key: String, value: String) { self.init(key: Array(key.utf8), value: Array(value.utf8)) }
}

/// Where guests' lookups go: a database, a cache, another service. Called by many tasks at a time.
public protocol Catalogue: Sendable {
  /// nil: there is none.
  func value(for key: [UInt8], tenant: String) async throws -> [UInt8]?
}

/// What became of one record.
public enum Outcome: Sendable {
  /// What the guest emitted for it, in order.
  case transformed([Record])
  /// The guest failed at it: it trapped, or was past its deadline. What it had emitted is dropped, and the tenant
  /// goes on with a fresh guest.
  case failed(Record, reason: String)
}
