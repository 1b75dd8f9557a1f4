import AviaryContract
package import AviaryCore
package import AviaryPool
import CAviaryContract
import CAviaryHost
import Synchronization

/// A linear memory that several stores, on several threads, use at a time.
///
/// ```
///  store A ─► MemoryState ─┐
///  store B ─► MemoryState ─┼─► VMSharedMemory ─► cell │ base │ length │   machine code reads it through a pointer
///  a Swift handle ─────────┘         └─► a reservation up to the maximum, of its own
/// ```
/// It lives as long as a store or a handle has it, and never moves. It is no pool's, so nothing of it is ever
/// given to another tenant.
///
/// Invariants: growth happens under the lock, and makes bytes accessible before it publishes the length, which only
/// grows. Whoever has read a length may touch all bytes below it.
@safe
package final class VMSharedMemory: Sendable {
  package let engine: VMEngine
  package let type: MemoryType
  let plan: MemoryPlan
  private let backing: MemoryBacking
  private let growth = Mutex(())
  /// What machine code reads. Written by `grow` alone.
  nonisolated(unsafe) let cell: UnsafeMutablePointer<AviaryMemory>

  /// - Precondition: the type is shared, and has a maximum (both are the validator's rule for a module's).
  /// - Throws: `limit` where the type, or the engine's limits for shared memories, do not allow it; `system`.
  package init(_ engine: VMEngine, _ type: MemoryType) throws(VMError) {
    guard type.isShared, type.limits.maximum != nil else {
      throw .configuration("a shared memory is declared as shared, with a maximum")
    }
    plan = try MemoryPlan(type, tunables: engine.tunables)
    try engine.sharedMemories.admit(plan.initialBytes)
    do throws(VMError) { backing = try MemoryBacking(plan) } catch {
      engine.sharedMemories.leave(plan.initialBytes)
      throw error
    }
    self.engine = engine
    self.type = type
    unsafe cell = .allocate(capacity: 1)
    unsafe cell.initialize(
      to: AviaryMemory(base: UnsafeMutablePointer(bitPattern: backing.base), length: plan.initialBytes))
  }

  deinit {
    engine.sharedMemories.leave(byteCount)
    unsafe cell.deallocate()
  }

  var region: Range<UInt> { backing.region }
  package var base: UInt { backing.base }
  package var byteCount: UInt64 { unsafe aviary_memory_length(cell) }
  package var pageCount: UInt64 { byteCount >> plan.pageSizeLog2 }

  enum Growth { case done, changed, failed }

  /// Grows to so many bytes, if the memory still has `current`.
  /// - Precondition: `bytes` is within the plan's capacity, and not less than `current`.
  func grow(from current: UInt64, to bytes: UInt64) -> Growth {
    growth.withLock { _ in
      guard byteCount == current else { return .changed }
      do throws(VMError) {
        try engine.sharedMemories.grow(by: bytes - current)
        do throws(VMError) { try backing.grow(from: current, to: bytes) } catch {
          engine.sharedMemories.shrink(by: bytes - current)
          throw error
        }
      } catch { return .failed }
      unsafe aviary_memory_publish(cell, bytes)
      return .done
    }
  }

  /// The host's growth, which no store's limiter is asked about: the old number of pages, or nil.
  package func grow(by pages: UInt64) -> UInt64? {
    while true {
      let current = byteCount
      guard let size = plan.size(of: current, grownBy: pages) else { return nil }
      if pages == 0 { return current >> plan.pageSizeLog2 }
      switch grow(from: current, to: size) {
      case .done: return current >> plan.pageSizeLog2
      case .failed: return nil
      case .changed: continue
      }
    }
  }

  /// The address of bytes that lie inside.
  ///
  /// Unsafe contract: they are touched by what `aviary_shared.h` has alone, and not after the memory's end.
  package func address(of offset: UInt64, count: UInt64) -> UnsafeMutableRawPointer? {
    let length = byteCount
    guard offset <= length, count <= length - offset else { return nil }
    return unsafe UnsafeMutableRawPointer(bitPattern: base + UInt(offset))
  }
}

extension MemoryPlan {
  /// The size in bytes after growth by so many pages; nil where that is beyond the maximum.
  func size(of bytes: UInt64, grownBy pages: UInt64) -> UInt64? {
    let old = bytes >> pageSizeLog2
    guard pages <= maximumPages - min(old, maximumPages) else { return nil }
    let sum = old + pages
    guard sum <= capacity >> pageSizeLog2 else { return nil }
    return sum << pageSizeLog2
  }
}

/// How many shared memories an engine has, and how large they are together.
final class SharedMemoryLedger: Sendable {
  private struct Total {
    var count = 0
    var bytes: UInt64 = 0
  }
  private let limits: VMSharedMemoryLimits
  private let total = Mutex(Total())

  init(_ limits: VMSharedMemoryLimits) { self.limits = limits }

  func admit(_ bytes: UInt64) throws(VMError) {
    try total.withLock { total throws(VMError) in
      guard total.count < limits.count else {
        throw .limit("the engine has reached its limit of \(limits.count) shared memories")
      }
      try check(total.bytes, bytes)
      total.count += 1
      total.bytes += bytes
    }
  }

  func grow(by bytes: UInt64) throws(VMError) {
    try total.withLock { total throws(VMError) in
      try check(total.bytes, bytes)
      total.bytes += bytes
    }
  }

  func shrink(by bytes: UInt64) { total.withLock { $0.bytes -= bytes } }

  func leave(_ bytes: UInt64) {
    total.withLock {
      $0.count -= 1
      $0.bytes -= bytes
    }
  }

  private func check(_ old: UInt64, _ more: UInt64) throws(VMError) {
    let (sum, overflow) = old.addingReportingOverflow(more)
    guard !overflow, sum <= limits.bytes else {
      throw .limit("the engine's shared memories have reached their limit of \(limits.bytes) bytes")
    }
  }
}

/// What an engine's shared memories may come to.
package struct VMSharedMemoryLimits: Sendable, Hashable {
  package var count = 1024
  /// Of all together.
  package var bytes = UInt64.max
  package init() {}
}
