import AviaryPool
import AviaryVM

extension Engine {
  /// What the engine's pool got; nil where memories are made on demand.
  public var poolReport: PoolReport? {
    guard let pool = runtime.pool, case .pooling(let asked) = configuration.allocation else { return nil }
    return PoolReport(
      instances: min(asked.instances, pool.grantedSlots), memories: pool.grantedSlots, maxMemory: .bytes(pool.layout.maxMemoryBytes),
      memoryStride: .bytes(pool.layout.slotBytes), reservedAddressSpace: .bytes(pool.layout.totalBytes),
      stripes: pool.stripeCount, memoryInitialization: .init(pool.initialization), reset: .init(pool.reset),
      notices: pool.notes)
  }

  /// How the engine's pool stands; nil where memories are made on demand.
  public var poolStatistics: PoolStatistics? { runtime.pool.map { PoolStatistics($0.statistics, places) } }

  /// Gives back what is kept for later instances and not in use: resident pages, images in unused memories, idle
  /// stores. For times of memory pressure; the next instances are slower to come. Instances in use are not touched.
  ///
  /// Thread-safe; other threads may go on instantiating meanwhile.
  public func purgePool() { runtime.releaseIdle() }

  /// A drawing of the engine's pool, as text and as SVG; nil where memories are made on demand.
  public var poolPicture: (text: String, svg: String)? { runtime.pool.map { ($0.picture.text, $0.picture.svg) } }

  /// Permits for as many instances as the pool certainly holds, whatever modules they are of.
  static func places(_ allocation: AllocationStrategy, _ runtime: VMEngine) -> PermitQueue? {
    guard case .pooling(let pool) = allocation, let memories = runtime.pool?.grantedSlots else { return nil }
    let limit = min(
      pool.instances, pool.totalStacks, memories / pool.memoriesPerInstance, pool.totalTables / pool.tablesPerInstance)
    return PermitQueue(limit: max(1, limit))
  }
}

extension PoolingConfiguration.MemoryInitialization {
  fileprivate init(_ runtime: MemoryPoolConfiguration.Initialization) {
    self =
      switch runtime {
      case .copyOnWrite: .copyOnWrite
      case .userfaultfdThread: .userfaultfd(.thread)
      case .userfaultfdSignal: .userfaultfd(.signal)
      case .eager: .eager
      }
  }
}

extension PoolingConfiguration.Reset {
  fileprivate init(_ runtime: MemoryPoolConfiguration.Reset) {
    self =
      switch runtime {
      case .automatic: .automatic
      case .adaptive: .adaptive
      case .scan: .scan
      case .keepResident: .keepResident
      case .decommit: .decommit
      }
  }
}
