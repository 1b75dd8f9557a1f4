import AviaryContract
import AviaryCore
import AviaryPool
import CAviaryContract
import CAviaryHost

/// A linear memory, owned by its store. It never moves: growth makes more of the
/// reservation accessible.
///
/// Invariants: [base, base + length) is readable and writable; what lies behind it in
/// the reservation faults, up to the end of its last machine page. `cell` is what
/// machine code reads: the memory's own words or those in its instance's context.
///
/// A recycled store's memory is without bytes between two tenants: `detach`, `attach`.
///
/// Of a shared memory this is one store's view: its words are the shared ones, which other threads may change.
@safe
final class MemoryState {
  let type: MemoryType
  let plan: MemoryPlan
  /// What its bytes are taken by from a pool.
  let request: MemoryRequest
  private var backing: MemoryBacking?
  /// The memory itself, where it is shared; then there is no `backing`.
  let shared: VMSharedMemory?
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
    shared = nil
    self.backing = consume backing
  }

  /// A store's view of a shared memory.
  init(_ shared: VMSharedMemory) {
    type = shared.type
    plan = shared.plan
    request = MemoryRequest(initialBytes: shared.plan.initialBytes)
    unsafe cell = shared.cell
    ownsCell = false
    region = shared.region
    isUnderKey = false
    self.shared = shared
    backing = nil
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
  var byteCount: UInt64 { unsafe aviary_memory_length(cell) }
  var pageCount: UInt64 { byteCount >> plan.pageSizeLog2 }


  /// What limiters are told as the maximum, in bytes; nil where the type declares none.
  var declaredCapacity: UInt64? { type.limits.maximum == nil ? nil : plan.capacity }

  /// Grows to `bytes`, if the memory still has `current`: others may have made a shared one grow meanwhile.
  /// - Precondition: `bytes` came from `MemoryPlan.size`, for `current`.
  func grow(from current: UInt64, to bytes: UInt64) -> VMSharedMemory.Growth {
    if let shared { return shared.grow(from: current, to: bytes) }
    guard byteCount == current else { return .changed }
    switch backing {
    case .some(let backing):
      do throws(VMError) { try backing.grow(from: current, to: bytes) } catch { return .failed }
    case nil: return .failed
    }
    unsafe cell.pointee.length = bytes
    return .done
  }

  /// The bytes, where the range lies inside. Those of a shared memory are for `aviary_shared.h` and system calls. They stay there as long as the store lives. For the
  /// calling thread at once: another one, or this code after an `await`, asks again (`HostAccess`).
  @inline(__always)
  func bytes(at offset: UInt64, count: UInt64) -> UnsafeMutableRawBufferPointer? {
    HostAccess.allow()
    let length = byteCount
    guard offset <= length, count <= length - offset else { return nil }
    let start = unsafe UnsafeMutableRawPointer(cell.pointee.base) + Int(offset)
    return unsafe UnsafeMutableRawBufferPointer(start: start, count: Int(count))
  }
}
