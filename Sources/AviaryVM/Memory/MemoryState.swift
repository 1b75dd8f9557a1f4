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
///
/// A recycled store's memory is without bytes between two tenants: `detach`, `attach`.
@safe
final class MemoryState {
  let type: MemoryType
  let plan: MemoryPlan
  /// What its bytes are taken by from a pool.
  let request: MemoryRequest
  private var backing: MemoryBacking?
  /// All addresses that code may touch in this memory's name.
  private(set) var region: Range<UInt>
  /// Whether threads need rights to touch it (`HostAccess.allow`).
  private(set) var isUnderKey: Bool
  let cell: UnsafeMutablePointer<AviaryMemory>
  private let ownsCell: Bool

  /// - Parameters:
  ///   - request: of the plan's initial size.
  ///   - backing: what it was given for.
  ///   - cell: where machine code expects the memory; nil for one of the host's making.
  ///     Unsafe contract: it outlives this object and is written by nobody else.
  init(
    _ type: MemoryType, _ plan: MemoryPlan, _ request: MemoryRequest, _ backing: consuming MemoryBacking,
    cell: UnsafeMutablePointer<AviaryMemory>?
  ) {
    self.type = type
    self.plan = plan
    self.request = request
    unsafe self.cell = cell ?? .allocate(capacity: 1)
    ownsCell = unsafe cell == nil
    unsafe self.cell.initialize(
      to: AviaryMemory(base: UnsafeMutablePointer(bitPattern: backing.base), length: plan.initialBytes))
    region = backing.region
    isUnderKey = backing.isUnderKey
    self.backing = consume backing
  }

  /// Gives the bytes back: the memory has none, and no code may run on it.
  func detach() {
    unsafe cell.pointee = AviaryMemory(base: nil, length: 0)
    region = 0..<0
    backing = nil
  }

  /// Gives it bytes again: of the plan's initial size, with initial contents.
  func attach(_ backing: consuming MemoryBacking) {
    unsafe cell.pointee = AviaryMemory(base: UnsafeMutablePointer(bitPattern: backing.base), length: plan.initialBytes)
    region = backing.region
    isUnderKey = backing.isUnderKey
    self.backing = consume backing
  }

  deinit { if ownsCell { unsafe cell.deallocate() } }

  var base: UInt { unsafe UInt(bitPattern: cell.pointee.base) }
  var byteCount: UInt64 { unsafe cell.pointee.length }
  var pageCount: UInt64 { byteCount >> plan.pageSizeLog2 }

  /// The size in bytes after growth by so many pages; nil where that is beyond the maximum.
  func size(grownBy pages: UInt64) -> UInt64? {
    guard pages <= plan.maximumPages - min(pageCount, plan.maximumPages) else { return nil }
    let sum = pageCount + pages
    guard sum <= plan.capacity >> plan.pageSizeLog2 else { return nil }
    return sum << plan.pageSizeLog2
  }

  /// What limiters are told as the maximum, in bytes; nil where the type declares none.
  var declaredCapacity: UInt64? { type.limits.maximum == nil ? nil : plan.capacity }

  /// - Precondition: `bytes` came from `size(grownBy:)`.
  func grow(to bytes: UInt64) throws(VMError) {
    let old = byteCount
    switch backing {
    case .some(let backing): try backing.grow(from: old, to: bytes)
    case nil: throw .limit("the memory has no bytes")
    }
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
