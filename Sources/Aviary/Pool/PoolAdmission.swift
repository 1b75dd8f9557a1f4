import AviaryContract
import AviaryCore
import AviaryVM

// Which modules a pool takes: checked once, when a module is linked, so that an instantiation can only fail for
// want of a free place. Not when it is compiled: artifacts may be made for other pools.
extension PoolingConfiguration {
  /// - Parameter stateSize: bytes of one instance's state.
  /// - Throws: `WasmError.limit` that names both numbers and the setting.
  func admit(_ info: ModuleInfo, stateSize: Int) throws(WasmError) {
    // Shared ones are no pool's.
    let memories = info.memories[info.importedMemoryCount...].filter { !$0.isShared }
    let tables = info.tables[info.importedTableCount...]
    try admit(memories.count, memoriesPerInstance, "memories", "memoriesPerInstance")
    try admit(tables.count, tablesPerInstance, "tables", "tablesPerInstance")
    for memory in memories {
      let (bytes, overflow) = memory.limits.minimum.multipliedReportingOverflow(by: 1 << UInt64(memory.pageSizeLog2))
      guard !overflow, bytes <= maxMemory.bytes else {
        throw .limit(
          "the module declares a memory of at least \(overflow ? "2^64 bytes" : "\(ByteCount(bytes: bytes))"), and the "
            + "pool's are of at most \(maxMemory); raise PoolingConfiguration.maxMemory")
      }
    }
    for table in tables where table.type.limits.minimum > UInt64(tableElements) {
      throw .limit(
        "the module declares a table of at least \(table.type.limits.minimum) elements, and the pool's are of at most "
          + "\(tableElements); raise PoolingConfiguration.tableElements")
    }
    guard stateSize <= instanceSize.bytes else {
      throw .limit(
        "an instance of the module has \(ByteCount(bytes: UInt64(stateSize))) of state, and the pool's have at most "
          + "\(instanceSize); raise PoolingConfiguration.instanceSize")
    }
  }

  private func admit(_ count: Int, _ limit: Int, _ what: String, _ setting: String) throws(WasmError) {
    guard count > limit else { return }
    throw .limit("the module defines \(count) \(what), and the pool takes \(limit); raise PoolingConfiguration.\(setting)")
  }
}

extension Module {
  /// Bytes of one instance's state.
  var stateSize: Int { runtime.layout.size }
}
