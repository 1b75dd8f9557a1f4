/// What the emitter knows of one local of the function in hand.
struct LocalInfo: BitwiseCopyable {
  static var unpinned: UInt8 { 0xFF }

  /// Uses, each weighted by its loops; saturates.
  var weight: UInt32 = 0
  /// Offset from rbp, where the local has a home in memory; else 0.
  var home: Int32 = 0
  var type: ValueClass
  /// Hardware number of the register that holds the local all the time, or `unpinned`.
  var pin: UInt8 = LocalInfo.unpinned
  /// Entries of the operand stack that stand for this local; at most the lazy window's size.
  var aliases: UInt8 = 0
  /// Assigned before it is read, on every path: needs no zero.
  var startsAssigned = false
  /// A reference to an exception: never pinned, so that all of them are on the guest's stack where anything may collect
  /// them (docs/exceptions.md).
  var isException = false
  /// Seen by the scan.
  var isSeen = false

  @inline(__always) init(type: ValueClass) { self.type = type }
  @inline(__always) var isPinned: Bool { pin != LocalInfo.unpinned }
}
