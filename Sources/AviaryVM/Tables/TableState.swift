import AviaryCore
import AviaryPool
import CAviaryContract

/// A table, owned by its store. Elements are 64-bit references, null = 0.
///
/// Invariants: `cell.base` holds `cell.length` initialised elements and room for
/// `capacity`; `length <= limit <= TableState.elementLimit`.
@safe
final class TableState {
  /// What one table may hold: 80 MB.
  static let elementLimit: UInt64 = 10_000_000

  let element: VMValueType
  let type: TableType
  let cell: UnsafeMutablePointer<AviaryTable>
  private let ownsCell: Bool
  private var capacity: Int
  /// Whose block `base` is; it does not grow beyond that, and never moves. nil: on the heap.
  private let pool: BlockPool?
  /// What the table may grow to, by its type and by the pool.
  private let limit: UInt64
  /// What `cell.base` says too: the cell may be gone before this object is.
  private var base: UnsafeMutablePointer<UInt64>
  /// Elements that were ever in bounds.
  private var used: Int
  /// The elements that a new tenant finds.
  private var snapshot: UnsafeMutableBufferPointer<UInt64>?

  /// - Parameter cell: as for `MemoryState`.
  /// - Throws: `limit` that names the numbers.
  init(
    _ type: TableType, element: VMValueType, initial: UInt64, cell: UnsafeMutablePointer<AviaryTable>?,
    _ engine: VMEngine
  ) throws(VMError) {
    let largest = engine.options.limits?.tableElements ?? TableState.elementLimit
    guard type.limits.minimum <= largest else {
      throw .limit("a table of \(type.limits.minimum) elements exceeds the limit of \(largest)")
    }
    let count = Int(type.limits.minimum)
    let limit = min(type.limits.maximum ?? largest, largest)
    if let pool = engine.tables {
      let block = unsafe try engine.taking { () throws(VMError) in unsafe try pool.take(8 * limit) }
      unsafe base = block.bindMemory(to: UInt64.self, capacity: Int(limit))
      capacity = Int(limit)
    } else {
      capacity = count
      unsafe base = .allocate(capacity: max(capacity, 1))
    }
    pool = engine.tables
    self.limit = limit
    self.type = type
    self.element = element
    unsafe self.cell = cell ?? .allocate(capacity: 1)
    ownsCell = unsafe cell == nil
    unsafe base.initialize(repeating: initial, count: count)
    unsafe self.cell.initialize(to: AviaryTable(base: base, length: UInt64(count)))
    used = count
  }

  deinit {
    if let snapshot = unsafe snapshot { unsafe snapshot.deallocate() }
    if let pool {
      unsafe pool.giveBack(UnsafeMutableRawPointer(base), used: UInt64(8 * used))
    } else {
      unsafe base.deallocate()
    }
    if ownsCell { unsafe cell.deallocate() }
  }

  var count: UInt64 { unsafe cell.pointee.length }

  /// The count after growth; nil where that is beyond the maximum.
  func count(grownBy delta: UInt64) -> UInt64? {
    guard count <= limit, delta <= limit - count else { return nil }
    return count + delta
  }

  /// Moves the elements where there is no room; machine code reloads the base after a call.
  /// - Precondition: `newCount` came from `count(grownBy:)`.
  func grow(to newCount: UInt64, filling value: UInt64) {
    let old = Int(count)
    let new = Int(newCount)
    if new > capacity {
      let room = min(max(new, 2 * capacity), Int(TableState.elementLimit))
      let larger = UnsafeMutablePointer<UInt64>.allocate(capacity: room)
      unsafe larger.moveInitialize(from: base, count: old)
      unsafe base.deallocate()
      unsafe base = larger
      unsafe cell.pointee.base = larger
      capacity = room
    }
    unsafe (cell.pointee.base + old).initialize(repeating: value, count: new - old)
    unsafe cell.pointee.length = newCount
    used = max(used, new)
  }

  /// Room that a table keeps for its next tenant, where that one did not have it at first: 64 KiB.
  private static let keptElements = 8192

  /// Between two tenants, before `restoreSnapshot`: gives back what one that grew the table far left behind.
  func shed() {
    guard let snapshot = unsafe snapshot else { return }
    let kept = max(snapshot.count, TableState.keptElements)
    if let pool {
      guard used > kept else { return }
      unsafe pool.shed(UnsafeMutableRawPointer(base), from: UInt64(8 * kept), used: UInt64(8 * used))
      used = kept
    } else {
      guard capacity > kept else { return }
      unsafe base.deallocate()
      capacity = snapshot.count
      unsafe base = .allocate(capacity: max(capacity, 1))
      used = capacity
    }
    unsafe cell.pointee = AviaryTable(base: base, length: 0)
  }

  /// Elements that there is room for in memory, or was: for tests.
  var residentElements: Int { pool == nil ? capacity : used }

  func takeSnapshot() {
    let copy = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: Int(count))
    _ = unsafe copy.initialize(from: UnsafeBufferPointer(start: base, count: Int(count)))
    unsafe snapshot = copy
  }

  /// Elements and count as `takeSnapshot` saw them. What stands behind them is out of bounds, and is
  /// written before it comes in again.
  func restoreSnapshot() {
    guard let snapshot = unsafe snapshot else { preconditionFailure("a table of a sealed store has a snapshot") }
    if let source = snapshot.baseAddress { unsafe base.update(from: source, count: snapshot.count) }
    unsafe cell.pointee = AviaryTable(base: base, length: UInt64(snapshot.count))
  }

  /// The elements, where the range lies inside. Valid until the table grows.
  func elements(at start: UInt64, count: UInt64) -> UnsafeMutableBufferPointer<UInt64>? {
    guard start <= self.count, count <= self.count - start else { return nil }
    return unsafe UnsafeMutableBufferPointer(start: cell.pointee.base + Int(start), count: Int(count))
  }
}
