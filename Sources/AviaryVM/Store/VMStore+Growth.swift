import AviaryCore
import AviaryPool
import CAviaryContract
import CAviaryHost

extension VMStore {
  /// Grows a memory; gives the old number of pages, or nil where the maximum, the limiter or the
  /// machine does not allow it.
  func grow(_ memory: MemoryState, by pages: UInt64) throws -> UInt64? {
    while true {
      let current = memory.byteCount
      guard let size = allowedSize(memory, of: current, by: pages) else { return nil }
      if pages == 0 { return current >> memory.plan.pageSizeLog2 }
      if let limiter {
        guard try limiter.memoryGrowing(from: current, to: size, maximum: memory.declaredCapacity) else { return nil }
      }
      switch grow(memory, from: current, to: size) {
      case .done: return current >> memory.plan.pageSizeLog2
      case .failed: return nil
      case .changed:
        // A limiter that ran the guest may have let it grow: what was agreed on no longer holds. Where it was
        // another thread, that has come further: it is for us to ask again.
        if memory.shared == nil { return nil }
      }
    }
  }

  /// After an asynchronous limiter has agreed to growth from `current` bytes: much may have changed meanwhile.
  func growAgreed(_ memory: MemoryState, by pages: UInt64, from current: UInt64) -> VMSharedMemory.Growth {
    guard memory.byteCount == current else { return .changed }
    guard let size = allowedSize(memory, of: current, by: pages) else { return .failed }
    return grow(memory, from: current, to: size)
  }

  /// The size after growth from `current` bytes, where the type and the store's limits allow it.
  func allowedSize(_ memory: MemoryState, of current: UInt64, by pages: UInt64) -> UInt64? {
    guard let size = memory.plan.size(of: current, grownBy: pages), allowsMemory(size - current) else { return nil }
    return size
  }

  private func grow(_ memory: MemoryState, from current: UInt64, to size: UInt64) -> VMSharedMemory.Growth {
    let growth = memory.grow(from: current, to: size)
    if case .done = growth, memory.shared == nil { memoryBytes += size - current }
    return growth
  }

  func grow(_ table: TableState, by delta: UInt64, filling value: UInt64) throws -> UInt64? {
    let old = table.count
    guard let count = allowedCount(table, by: delta) else { return nil }
    if delta == 0 { return old }
    if let limiter {
      // It may run guests, which collect what nothing refers to.
      let isException = table.type.element.isException
      if isException { hold(unsafe: value) }
      defer { if isException { letGo(unsafe: value) } }
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

  /// Shared memories count as they are at this moment, whoever made them grow.
  private func allowsMemory(_ bytes: UInt64) -> Bool {
    var total = memoryBytes
    for memory in sharedMemories {
      // Address space bounds each, and the store's limit their number.
      total = total.addingReportingOverflow(memory.byteCount).partialValue
    }
    let (sum, overflow) = total.addingReportingOverflow(bytes)
    return !overflow && sum <= limits.memoryBytes
  }

  /// Whether a memory of the plan may be made: counts it, unless it is shared.
  func admit(_ plan: MemoryPlan, _ type: MemoryType) throws(VMError) {
    guard allowsMemory(plan.initialBytes) else { throw VMStore.denied }
    if let limiter {
      let maximum = type.limits.maximum == nil ? nil : plan.capacity
      try VMStore.ask { try limiter.memoryGrowing(from: 0, to: plan.initialBytes, maximum: maximum) }
    }
    if !type.isShared { memoryBytes += plan.initialBytes }
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
