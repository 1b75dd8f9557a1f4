import AviaryCore
import AviaryPool

extension VMStore {
  /// Grows a memory; gives the old number of pages, or nil where the maximum, the limiter or the
  /// machine does not allow it.
  func grow(_ memory: MemoryState, by pages: UInt64) throws -> UInt64? {
    let old = memory.pageCount
    guard let size = memory.size(grownBy: pages) else { return nil }
    if pages == 0 { return old }
    let current = memory.byteCount
    guard allowsMemory(size - current) else { return nil }
    if let limiter {
      let maximum = memory.type.limits.maximum == nil ? nil : memory.plan.capacity
      guard try limiter.memoryGrowing(from: current, to: size, maximum: maximum) else { return nil }
      // A limiter that ran the guest may have let it grow: what was agreed on no longer holds.
      guard memory.byteCount == current else { return nil }
    }
    do { try memory.grow(to: size) } catch { return nil }
    memoryBytes += size - current
    return old
  }

  func grow(_ table: TableState, by delta: UInt64, filling value: UInt64) throws -> UInt64? {
    let old = table.count
    guard let count = table.count(grownBy: delta) else { return nil }
    if delta == 0 { return old }
    guard count <= limits.tableElements else { return nil }
    if let limiter {
      guard try limiter.tableGrowing(from: old, to: count, maximum: table.type.limits.maximum) else { return nil }
      guard table.count == old else { return nil }
    }
    table.grow(to: count, filling: value)
    return old
  }

  // MARK: New memories and tables

  private func allowsMemory(_ bytes: UInt64) -> Bool {
    let (total, overflow) = memoryBytes.addingReportingOverflow(bytes)
    return !overflow && total <= limits.memoryBytes
  }

  /// Whether a memory of the plan may be made: counts it.
  func admit(_ plan: MemoryPlan, _ type: MemoryType) throws(VMError) {
    guard allowsMemory(plan.initialBytes) else { throw VMStore.denied }
    if let limiter {
      let maximum = type.limits.maximum == nil ? nil : plan.capacity
      try VMStore.ask { try limiter.memoryGrowing(from: 0, to: plan.initialBytes, maximum: maximum) }
    }
    memoryBytes += plan.initialBytes
  }

  func admit(_ table: TableType) throws(VMError) {
    guard table.limits.minimum <= limits.tableElements else { throw VMStore.denied }
    guard let limiter else { return }
    try VMStore.ask {
      try limiter.tableGrowing(from: 0, to: table.limits.minimum, maximum: table.limits.maximum)
    }
  }

  private static let denied = VMError.limit("the limiter denied a new memory or table")

  private static func ask(_ limiter: () throws -> Bool) throws(VMError) {
    do {
      if try limiter() { return }
    } catch {
      throw .limit("the limiter failed: \(error)")
    }
    throw denied
  }
}
