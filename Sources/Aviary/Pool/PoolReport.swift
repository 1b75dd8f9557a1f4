/// What a pooling engine got of what it was configured for. Fixed when the engine is made.
public struct PoolReport: Sendable, Hashable {
  /// Instances of one memory each that can be alive at a time.
  public var instances: Int
  /// Linear memories alive at a time; fewer than asked for where the machine's address space ends.
  public var memories: Int
  /// What one memory can grow to.
  public var maxMemory: ByteCount
  /// From one memory's start to the next one's.
  public var memoryStride: ByteCount
  /// Reserved for memories. It costs no memory until it is used.
  public var reservedAddressSpace: ByteCount
  /// Groups of memories under a protection key each; 1 without keys.
  public var stripes: Int
  /// Never `.automatic`.
  public var memoryInitialization: PoolingConfiguration.MemoryInitialization
  /// `.automatic` where it is chosen for each module.
  public var reset: PoolingConfiguration.Reset
  /// What this machine did not grant, and what stands in for it: a sentence each.
  public var notices: [String]
}

extension PoolReport: CustomStringConvertible {
  public var description: String {
    let keys = stripes > 1 ? "\(stripes) stripes" : "no stripes"
    let lines = [
      "\(memories) memories of up to \(maxMemory), \(memoryStride) apart, \(keys), for \(instances) instances",
      "\(reservedAddressSpace) of address space; memories by \(memoryInitialization), reset by \(reset)",
    ]
    return (lines + notices.map { "note: \($0)" }).joined(separator: "\n")
  }
}

extension PoolingConfiguration.MemoryInitialization: CustomStringConvertible {
  public var description: String {
    switch self {
    case .automatic: "automatic choice"
    case .copyOnWrite: "copy-on-write"
    case .userfaultfd(.thread): "userfaultfd, in a thread"
    case .userfaultfd(.signal): "userfaultfd, by signals"
    case .eager: "eager copies"
    }
  }
}

extension PoolingConfiguration.Reset: CustomStringConvertible {
  public var description: String {
    switch self {
    case .automatic: "what suits each module"
    case .adaptive: "adaptive write protection"
    case .scan: "page scans"
    case .keepResident: "copies of the first part"
    case .decommit: "decommitting"
    }
  }
}
