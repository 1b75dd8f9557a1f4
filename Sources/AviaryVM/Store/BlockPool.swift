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

/// Blocks of one size, cut from one reservation: the contexts, or the tables, of a pooling engine.
///
/// ```
///  ├ block 0 ┤├ block 1 ┤ ...      one mapping; what was never touched costs nothing
/// ```
/// What an earlier user left stands in a block: whoever takes one initialises what it uses.
/// Thread-safe.
final class BlockPool: Sendable {
  /// Of what is taken again, so much may stay resident.
  private static let keptBytes: UInt64 = 64 << 10

  let blockBytes: UInt64
  private let what: String
  private let count: Int
  private let slab: Mapping
  private let state: Mutex<State>

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
    slab = try Mapping(reserving: total, [.read, .write])
    // A block would cost 2 MiB at its first touch. Where the kernel knows no huge pages, neither does it this.
    _ = aviary_system_small_pages(slab.address, Int(total))
    self.what = what
    self.count = count
    blockBytes = size
    state = Mutex(State())
  }

  /// - Throws: `limit` that names the number.
  func take() throws(VMError) -> UnsafeMutableRawPointer {
    let index: UInt32? = state.withLock { state in
      if let index = state.free.popLast() { return index }
      guard state.next < count else { return nil }
      state.next += 1
      return UInt32(state.next - 1)
    }
    guard let index else { throw .limit("all \(count) \(what) of the pool are in use") }
    return unsafe UnsafeMutableRawPointer(bitPattern: slab.address + UInt(index) * UInt(blockBytes))!
  }

  /// - Parameters:
  ///   - block: from `take`, used by nobody.
  ///   - used: so many of its bytes may have been touched.
  func giveBack(_ block: UnsafeMutableRawPointer, used: UInt64) {
    unsafe shed(block, from: BlockPool.keptBytes, used: used)
    let index = UInt32((UInt(bitPattern: block) - slab.address) / UInt(blockBytes))
    state.withLock { $0.free.append(index) }
  }

  /// Lets a block's pages behind `from` go: what stood there may be zeros afterwards.
  ///
  /// - Parameters:
  ///   - block: from `take`, and the caller's.
  ///   - used: as for `giveBack`.
  func shed(_ block: UnsafeMutableRawPointer, from: UInt64, used: UInt64) {
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
    let block = unsafe try taking { () throws(VMError) in unsafe try contexts.take() }
    return unsafe UnsafeMutableRawBufferPointer(start: block, count: bytes)
  }

  func freeContext(_ context: UnsafeMutableRawBufferPointer) {
    guard let contexts else { return unsafe context.deallocate() }
    unsafe contexts.giveBack(context.baseAddress!, used: UInt64(context.count))
  }
}
