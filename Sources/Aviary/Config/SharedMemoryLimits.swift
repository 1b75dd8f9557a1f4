import AviaryVM

/// Bounds for all shared memories of an engine together. Growth beyond them fails as at a memory's maximum; what a
/// store may have is bounded by its `StoreLimits` and limiter as well.
public struct SharedMemoryLimits: Sendable, Hashable {
  /// The most shared memories at a time. Each takes the address space of its maximum and guards, 6 GiB by default where
  /// it is a 32-bit one.
  public var count = 1024
  /// The most bytes that they have together; nil: as many as the machine gives.
  public var totalBytes: ByteCount?

  /// 1,024 memories of any size.
  public init() {}

  var runtime: VMSharedMemoryLimits {
    var limits = VMSharedMemoryLimits()
    limits.count = max(0, count)
    limits.bytes = totalBytes?.bytes ?? .max
    return limits
  }
}
