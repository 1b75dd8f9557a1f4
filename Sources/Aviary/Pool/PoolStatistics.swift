import AviaryPool

/// How an engine's pool of linear memories stands, and what it has done since the engine was made.
///
/// A snapshot: numbers that are read while others use the pool belong to slightly different moments. Counts that
/// are `UInt64` only ever rise.
public struct PoolStatistics: Sendable, Hashable {
  /// Memories in use or being cleaned.
  public var live = 0
  /// Unused memories that are prepared for the module that used them last.
  public var warm = 0
  /// Unused memories that hold nothing.
  public var cold = 0
  /// Memories that could not be cleaned; they are never used again.
  public var quarantined = 0
  /// What unused memories keep of the machine's: an estimate.
  public var residentBytes: ByteCount = .bytes(0)

  /// Memories that were taken by the module that had used them before: the fast way.
  public var affineAcquisitions: UInt64 = 0
  /// Memories that were taken while they held nothing.
  public var coldAcquisitions: UInt64 = 0
  /// Memories that were taken from another module.
  public var evictingAcquisitions: UInt64 = 0

  /// Resets by their kind.
  public var adaptiveResets: UInt64 = 0
  public var scanResets: UInt64 = 0
  public var keepResidentResets: UInt64 = 0
  public var decommitResets: UInt64 = 0
  /// Memories of which everything was unmapped.
  public var clearings: UInt64 = 0
  /// Resets that the kernel refused; the memory was cleared or put in quarantine instead.
  public var failedResets: UInt64 = 0
  /// Page faults that the pool handled itself.
  public var faults: UInt64 = 0

  /// Tasks that wait in `InstancePool`s of the engine now.
  public var waiting = 0
  /// How often one has had to wait.
  public var waits: UInt64 = 0

  public init() {}

  init(_ memories: MemoryPoolStatistics, _ places: PermitQueue?) {
    live = memories.live
    warm = memories.warm
    cold = memories.cold
    quarantined = memories.quarantined
    residentBytes = .bytes(memories.residentBytes)
    affineAcquisitions = memories.affineAcquisitions
    coldAcquisitions = memories.coldAcquisitions
    evictingAcquisitions = memories.evictingAcquisitions
    adaptiveResets = memories.adaptiveResets
    scanResets = memories.scanResets
    keepResidentResets = memories.keepResidentResets
    decommitResets = memories.decommitResets
    clearings = memories.clearings
    failedResets = memories.failedResets
    faults = memories.faults
    if let places { (waiting, waits) = places.waits }
  }
}
