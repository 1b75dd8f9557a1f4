import AviaryPool
import AviaryVM

extension PoolingConfiguration {
  /// Everything but memories.
  var runtimeLimits: VMPoolLimits {
    var limits = VMPoolLimits()
    limits.instances = instances
    limits.instanceBytes = instanceSize.bytes
    limits.tables = max(1, totalTables)
    limits.tableElements = UInt64(clamping: tableElements)
    limits.stacks = max(1, totalStacks)
    return limits
  }

  /// The same for the runtime, which takes reservation and guard from the tunables.
  func runtime() -> MemoryPoolConfiguration {
    var pool = MemoryPoolConfiguration()
    pool.slots = totalMemories
    pool.maxMemoryBytes = maxMemory.bytes
    switch memoryInitialization {
    case .copyOnWrite: pool.initialization = .copyOnWrite
    case .userfaultfd(.thread): pool.initialization = .userfaultfdThread
    case .userfaultfd(.signal): pool.initialization = .userfaultfdSignal
    case .eager: pool.initialization = .eager
    case .automatic:
      // Userfaultfd has no other reset than giving all back.
      let resets = reset == .automatic || reset == .decommit
      let isCrowded = totalMemories > MachineLimits.copyOnWriteMemories
      pool.initialization = resets && isCrowded ? .userfaultfdSignal : .copyOnWrite
      pool.fallsBack = true
    }
    pool.reset =
      switch reset {
      case .automatic: .automatic
      case .adaptive: .adaptive
      case .scan: .scan
      case .keepResident: .keepResident
      case .decommit: .decommit
      }
    pool.keys =
      switch protectionKeys {
      case _ where stripesWithoutKeys: .unenforced
      case .automatic: .automatic
      case .required: .required
      case .off: .off
      }
    pool.maximumKeys = maxProtectionKeys
    pool.warmSlots = totalWarmMemories
    pool.keepResidentBytes = keepResident.bytes
    pool.residentBudgetBytes = residentBudget.bytes
    pool.decommitBatch = decommitBatch
    pool.shrinksToFit = shrinksToFit
    return pool
  }
}
