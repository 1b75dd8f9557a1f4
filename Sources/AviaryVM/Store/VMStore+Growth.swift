import AviaryCore
import AviaryPool
import CAviaryContract
import CAviaryHost

extension VMStore {
  /// Grows a memory; gives the old number of pages, or nil where the maximum, the limiter or the
  /// machine does not allow it.
  func grow(_ memory: MemoryState, by pages: UInt64) throws -> UInt64? {
    let old = memory.pageCount
    guard let size = allowedSize(memory, by: pages) else { return nil }
    if pages == 0 { return old }
    let current = memory.byteCount
    if let limiter {
      guard try limiter.memoryGrowing(from: current, to: size, maximum: memory.declaredCapacity) else { return nil }
      // A limiter that ran the guest may have let it grow: what was agreed on no longer holds.
      guard memory.byteCount == current else { return nil }
    }
    return grow(memory, to: size, old)
  }

  /// After an asynchronous limiter has agreed to growth from `current` bytes: much may have changed meanwhile.
  func growAgreed(_ memory: MemoryState, by pages: UInt64, from current: UInt64) -> UInt64? {
    guard memory.byteCount == current, let size = allowedSize(memory, by: pages) else { return nil }
    return grow(memory, to: size, memory.pageCount)
  }

  /// The size after the growth, where the type and the store's limits allow it.
  func allowedSize(_ memory: MemoryState, by pages: UInt64) -> UInt64? {
    guard let size = memory.size(grownBy: pages), allowsMemory(size - memory.byteCount) else { return nil }
    return size
  }

  private func grow(_ memory: MemoryState, to size: UInt64, _ old: UInt64) -> UInt64? {
    let current = memory.byteCount
    do { try memory.grow(to: size) } catch { return nil }
    memoryBytes += size - current
    return old
  }

  func grow(_ table: TableState, by delta: UInt64, filling value: UInt64) throws -> UInt64? {
    let old = table.count
    guard let count = allowedCount(table, by: delta) else { return nil }
    if delta == 0 { return old }
    if let limiter {
      guard try limiter.tableGrowing(from: old, to: count, maximum: table.type.limits.maximum) else { return nil }
      guard table.count == old else { return nil }
    }
    table.grow(to: count, filling: value)
    return old
  }

  /// As for memories.
  func growAgreed(_ table: TableState, by delta: UInt64, from current: UInt64, filling value: UInt64) -> UInt64? {
    guard table.count == current, let count = allowedCount(table, by: delta) else { return nil }
    table.grow(to: count, filling: value)
    return current
  }

  func allowedCount(_ table: TableState, by delta: UInt64) -> UInt64? {
    guard let count = table.count(grownBy: delta), count <= limits.tableElements else { return nil }
    return count
  }

  /// Whether a guest's growth waits for the limiter: it is asynchronous, and the guest can be suspended.
  func asksLater(_ context: UnsafeMutablePointer<AviaryVMContext>) -> Bool {
    guard let limiter, limiter.isAsynchronous else { return false }
    return unsafe aviary_fiber_current(context.pointee.store) != nil
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
