import AviaryCore

extension VMStore {
  /// Grows a memory; gives the old number of pages, or nil where the maximum, the limiter or the
  /// machine does not allow it.
  func grow(_ memory: MemoryState, by pages: UInt64) throws -> UInt64? {
    let old = memory.pageCount
    guard let size = memory.size(grownBy: pages) else { return nil }
    if pages == 0 { return old }
    if let limiter {
      let maximum = memory.type.limits.maximum == nil ? nil : memory.plan.capacity
      let current = memory.byteCount
      guard try limiter.memoryGrowing(from: current, to: size, maximum: maximum) else { return nil }
      // A limiter that ran the guest may have let it grow: what was agreed on no longer holds.
      guard memory.byteCount == current else { return nil }
    }
    do { try memory.grow(to: size) } catch { return nil }
    return old
  }

  func grow(_ table: TableState, by delta: UInt64, filling value: UInt64) throws -> UInt64? {
    let old = table.count
    guard let count = table.count(grownBy: delta) else { return nil }
    if delta == 0 { return old }
    if let limiter {
      guard try limiter.tableGrowing(from: old, to: count, maximum: table.type.limits.maximum) else { return nil }
      guard table.count == old else { return nil }
    }
    table.grow(to: count, filling: value)
    return old
  }
}
