// What contradicts itself is found here, before anything is reserved. What the machine does not grant is the
// pool's business.
extension PoolingConfiguration {
  /// The largest counts that are taken: beyond any address space, far from any overflow.
  static let countLimit = 1 << 22

  /// - Throws: `WasmError.limit` that names both numbers and the way out.
  func check(maxMemoryReservation: ByteCount) throws(WasmError) {
    let counts: [(String, Int, Int)] = [
      ("instances", instances, Self.countLimit), ("memoriesPerInstance", memoriesPerInstance, 1000),
      ("tablesPerInstance", tablesPerInstance, 1000), ("tableElements", tableElements, 10_000_000),
      ("maxProtectionKeys", maxProtectionKeys, 15), ("decommitBatch", decommitBatch, 1024),
      ("memories", totalMemories, Self.countLimit), ("tables", totalTables, Self.countLimit),
      ("stacks", totalStacks, Self.countLimit),
    ]
    for (name, value, limit) in counts where value < 1 || value > limit {
      throw .limit("the pool's \(name) is \(value), and has to be between 1 and \(limit)")
    }
    if let warmMemories, warmMemories < 0 {
      throw .limit("the pool's warmMemories is \(warmMemories); it has to be at least 0, or nil for all memories")
    }
    try checkTotals()
    try checkSizes(maxMemoryReservation)
    try checkReset()
  }

  private func checkTotals() throws(WasmError) {
    for (total, value, each, limit) in [
      ("memories", totalMemories, "memoriesPerInstance", memoriesPerInstance),
      ("tables", totalTables, "tablesPerInstance", tablesPerInstance),
    ] where value < limit {
      throw .limit(
        "the pool has \(value) \(total) in all, fewer than the \(limit) that one instance may define; "
          + "raise \(total) or lower \(each)")
    }
  }

  private func checkSizes(_ reservation: ByteCount) throws(WasmError) {
    guard maxMemory.bytes > 0, maxMemory.bytes % (64 << 10) == 0 else {
      throw .limit("the pool's maxMemory is \(maxMemory), and has to be a multiple of 64 KiB")
    }
    guard maxMemory <= reservation else {
      throw .limit(
        "the pool's maxMemory is \(maxMemory), more than the \(reservation) that any memory can grow to; "
          + "lower it, or raise memoryReservation or memory64Reservation")
    }
    guard instanceSize >= .kibibytes(1), instanceSize <= .gibibytes(1) else {
      throw .limit("the pool's instanceSize is \(instanceSize), and has to be between 1 KiB and 1 GiB")
    }
  }

  private func checkReset() throws(WasmError) {
    guard case .userfaultfd = memoryInitialization else { return }
    switch reset {
    case .automatic, .decommit: return
    case .adaptive, .scan, .keepResident:
      throw .limit(
        "the pool's reset is by \(reset), which memories filled by userfaultfd do not have; "
          + "choose .automatic or .decommit, or another memoryInitialization")
    }
  }
}
