import AviaryPool
import AviaryVM

extension Engine {
  /// Permits for as many instances as the pool certainly holds, whatever modules they are of.
  static func places(_ allocation: AllocationStrategy, _ runtime: VMEngine) -> PermitQueue? {
    guard case .pooling(let pool) = allocation, let memories = runtime.pool?.configuration.slots else { return nil }
    let limit = min(
      pool.instances, pool.totalStacks, memories / pool.memoriesPerInstance, pool.totalTables / pool.tablesPerInstance)
    return PermitQueue(limit: max(1, limit))
  }
}
