import AviaryContract
import AviaryCore
import AviaryPool
import CAviaryContract

/// A linear memory, owned by its store. It never moves: growth makes more of the
/// reservation accessible.
///
/// Invariants: [base, base + length) is readable and writable; what lies behind it in
/// the reservation faults, up to the end of its last machine page. `cell` is what
/// machine code reads: the memory's own words or those in its instance's context.
@safe
final class MemoryState {
  let type: MemoryType
  let plan: MemoryPlan
  private let backing: MemoryBacking
  let cell: UnsafeMutablePointer<AviaryMemory>
  private let ownsCell: Bool

  /// - Parameters:
  ///   - backing: of the plan's initial size.
  ///   - cell: where machine code expects the memory; nil for one of the host's making.
  ///     Unsafe contract: it outlives this object and is written by nobody else.
  init(
    _ type: MemoryType, _ plan: MemoryPlan, _ backing: consuming MemoryBacking,
    cell: UnsafeMutablePointer<AviaryMemory>?
  ) {
    self.type = type
    self.plan = plan
    unsafe self.cell = cell ?? .allocate(capacity: 1)
    ownsCell = unsafe cell == nil
    unsafe self.cell.initialize(
      to: AviaryMemory(base: UnsafeMutablePointer(bitPattern: backing.base), length: plan.initialBytes))
    self.backing = backing
  }

  deinit { if ownsCell { unsafe cell.deallocate() } }

  var base: UInt { backing.base }
  /// All addresses that code may touch in this memory's name.
  var region: Range<UInt> { backing.region }
  var isUnderKey: Bool { backing.isUnderKey }
  var byteCount: UInt64 { unsafe cell.pointee.length }
  var pageCount: UInt64 { byteCount >> plan.pageSizeLog2 }

  /// The size in bytes after growth by so many pages; nil where that is beyond the maximum.
  func size(grownBy pages: UInt64) -> UInt64? {
    guard pages <= plan.maximumPages - min(pageCount, plan.maximumPages) else { return nil }
    let sum = pageCount + pages
    guard sum <= plan.capacity >> plan.pageSizeLog2 else { return nil }
    return sum << plan.pageSizeLog2
  }

  /// - Precondition: `bytes` came from `size(grownBy:)`.
  func grow(to bytes: UInt64) throws(VMError) {
    try backing.grow(from: byteCount, to: bytes)
    unsafe cell.pointee.length = bytes
  }

  /// The bytes, where the range lies inside; they stay there as long as the store lives. For the
  /// calling thread at once: another one, or this code after an `await`, asks again (`HostAccess`).
  @inline(__always)
  func bytes(at offset: UInt64, count: UInt64) -> UnsafeMutableRawBufferPointer? {
    HostAccess.allow()
    let length = unsafe cell.pointee.length
    guard offset <= length, count <= length - offset else { return nil }
    let start = unsafe UnsafeMutableRawPointer(cell.pointee.base) + Int(offset)
    return unsafe UnsafeMutableRawBufferPointer(start: start, count: Int(count))
  }
}
