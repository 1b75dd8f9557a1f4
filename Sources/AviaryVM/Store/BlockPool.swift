import AviaryPool
import CAviaryHost
import Synchronization

/// How many instances, tables and stacks a pooling engine has room for, and how large they are.
package struct VMPoolLimits: Sendable, Hashable {
  package var instances = 1024
  /// Bytes of one instance's context.
  package var instanceBytes: UInt64 = 1 << 20
  package var tables = 1024
  /// Elements of one table, at most.
  package var tableElements: UInt64 = 20_000
  package var stacks = 1024
  package init() {}

  /// - Throws: `configuration` that names the number.
  func check() throws(VMError) {
    for (name, count) in [("instances", instances), ("tables", tables), ("stacks", stacks)] where !(1...1 << 24).contains(count) {
      throw .configuration("a pool of \(count) \(name) is not between 1 and \(1 << 24)")
    }
    guard instanceBytes >= 64, instanceBytes <= 1 << 30 else {
      throw .configuration("instances of \(instanceBytes) bytes are not between 64 and \(1 << 30)")
    }
    guard tableElements <= TableState.elementLimit else {
      throw .configuration("tables of \(tableElements) elements exceed the limit of \(TableState.elementLimit)")
    }
  }
}

/// Blocks, cut from reservations: the contexts, or the tables, of a pooling engine.
///
/// ```
///  ├0┤├1┤├2┤ ...                         1 KiB each
///  ├─ 0 ─┤├─ 1 ─┤├─ 2 ─┤ ...             4 KiB, 16 KiB
///  ├──── block 0 ────┤├──── block 1 ──── as large as allowed; what was never touched costs nothing
/// ```
/// Block `n` is the `n`-th of one of these rows, of the first that it fits in. Most contexts take some hundred bytes: in a
/// row of their own, of a page and half a page of page tables each, they would be the larger part of a guest that waits.
///
/// What an earlier user left stands in a block: whoever takes one initialises what it uses.
/// Thread-safe.
final class BlockPool: Sendable {
  /// Of what is taken again, so much may stay resident.
  private static let keptBytes: UInt64 = 64 << 10

  let blockBytes: UInt64
  private let what: String
  private let count: Int
  private let mapping: Mapping
  /// From the narrowest on, and in this order in the mapping; the last has `blockBytes`.
  private let rows: InlineArray<4, Row>
  private let state: Mutex<State>

  private struct Row: BitwiseCopyable {
    var stride: UInt64
    var start: UInt = 0
  }

  private struct State {
    var free: [UInt32] = []
    /// Never taken from here on.
    var next = 0
  }

  /// - Parameter what: the plural, for errors.
  init(_ what: String, count: Int, bytes: UInt64) throws(VMError) {
    guard let size = Page.roundUp(max(bytes, 1)) else { throw .configuration("\(what) of \(bytes) bytes") }
    let (total, overflow) = size.multipliedReportingOverflow(by: UInt64(count))
    guard !overflow, total <= 1 << 46 else {
      throw .configuration("\(count) \(what) of \(size) bytes exceed the address space")
    }
    var rows: InlineArray<4, Row> = [
      Row(stride: 1 << 10), Row(stride: 4 << 10), Row(stride: 16 << 10), Row(stride: size),
    ]
    // Whole pages each: the products are far below the limit above.
    var end: UInt64 = 0
    for row in rows.indices {
      rows[row].start = UInt(end)
      end += (rows[row].stride * UInt64(count) + Page.size - 1) / Page.size * Page.size
    }
    mapping = try Mapping(reserving: end, [.read, .write])
    for row in rows.indices { rows[row].start += mapping.address }
    // A block would cost 2 MiB at its first touch. Where the kernel knows no huge pages, neither does it this.
    _ = aviary_system_small_pages(mapping.address, Int(end))
    self.rows = rows
    self.what = what
    self.count = count
    blockBytes = size
    state = Mutex(State())
  }

  /// - Parameter bytes: at most `blockBytes`.
  /// - Throws: `limit` that names the number.
  func take(_ bytes: UInt64) throws(VMError) -> UnsafeMutableRawPointer {
    assert(bytes <= blockBytes)
    let index: UInt32? = state.withLock { state in
      if let index = state.free.popLast() { return index }
      guard state.next < count else { return nil }
      state.next += 1
      return UInt32(state.next - 1)
    }
    guard let index else { throw .limit("all \(count) \(what) of the pool are in use") }
    var row = 0
    while row < 3 && rows[row].stride < bytes { row += 1 }
    return unsafe UnsafeMutableRawPointer(bitPattern: rows[row].start + UInt(index) * UInt(rows[row].stride))!
  }

  /// - Parameters:
  ///   - block: from `take`, used by nobody.
  ///   - used: so many of its bytes may have been touched.
  func giveBack(_ block: UnsafeMutableRawPointer, used: UInt64) {
    unsafe shed(block, from: BlockPool.keptBytes, used: used)
    let row = unsafe row(of: block)
    let index = UInt32((UInt(bitPattern: block) - row.start) / UInt(row.stride))
    state.withLock { $0.free.append(index) }
  }

  private func row(of block: UnsafeMutableRawPointer) -> Row {
    var row = 3
    while row > 0 && UInt(bitPattern: block) < rows[row].start { row -= 1 }
    return rows[row]
  }

  /// Lets a block's pages behind `from` go: what stood there may be zeros afterwards. The narrow rows' stay.
  ///
  /// - Parameters:
  ///   - block: from `take`, and the caller's.
  ///   - used: as for `giveBack`.
  func shed(_ block: UnsafeMutableRawPointer, from: UInt64, used: UInt64) {
    guard used > from, UInt(bitPattern: block) >= rows[3].start else { return }
    guard let start = Page.roundUp(from), let end = Page.roundUp(min(used, blockBytes)), start < end else { return }
    // A failure costs memory only.
    _ = aviary_system_discard(UInt(bitPattern: block) + UInt(start), Int(end - start))
  }

  /// Blocks that somebody has.
  var used: Int { state.withLock { $0.next - $0.free.count } }
}

extension VMEngine {
  /// Takes something of a pool; where all is taken, resting stores give up theirs first.
  func taking<Taken: ~Copyable>(_ take: () throws(VMError) -> Taken) throws(VMError) -> Taken {
    do {
      return try take()
    } catch {
      guard case .limit = error, caches.drain() > 0 else { throw error }
      return try take()
    }
  }

  /// Memory for an instance's context, uninitialised.
  /// - Throws: `limit` that names the numbers.
  func makeContext(_ bytes: Int) throws(VMError) -> UnsafeMutableRawBufferPointer {
    guard let contexts else { return .allocate(byteCount: bytes, alignment: 16) }
    guard UInt64(bytes) <= contexts.blockBytes else {
      throw .limit("an instance of \(bytes) bytes exceeds the pool's \(contexts.blockBytes)")
    }
    let block = unsafe try taking { () throws(VMError) in unsafe try contexts.take(UInt64(bytes)) }
    return unsafe UnsafeMutableRawBufferPointer(start: block, count: bytes)
  }

  func freeContext(_ context: UnsafeMutableRawBufferPointer) {
    guard let contexts else { return unsafe context.deallocate() }
    unsafe contexts.giveBack(context.baseAddress!, used: UInt64(context.count))
  }
}
