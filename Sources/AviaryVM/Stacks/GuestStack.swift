import AviaryPool

/// A stack for guests.
///
/// ```
///  address            low                          high
///  ├──── guard ────────┼────── usable ──────────────┤
///  │ no access         │ read, write                │ the first frame is here
/// ```
/// Invariant: a pushed-past stack meets the guard: frames larger than it are checked
/// by their prologue (docs/abi.md).
struct GuestStack: ~Copyable, Sendable {
  private let mapping: Mapping
  private let guardBytes: UInt64

  var guardLow: UInt { mapping.address }
  var low: UInt { mapping.address + UInt(guardBytes) }
  var high: UInt { mapping.address + UInt(mapping.count) }

  /// - Precondition: both are multiples of a page, their sum far below 2^63.
  init(usableBytes: UInt64, guardBytes: UInt64) throws(VMError) {
    let mapping = try Mapping(reserving: usableBytes + guardBytes)
    try mapping.protect(from: guardBytes, count: usableBytes, [.read, .write])
    self.mapping = mapping
    self.guardBytes = guardBytes
  }

  /// Makes all of it read as zeros: nobody sees what an earlier guest left.
  func reset() throws(VMError) {
    try mapping.discard(from: guardBytes, count: mapping.count - guardBytes)
  }
}
