/// A lease of a slot. It goes back to its pool when the value ends, on every path.
///
/// Used by one thread at a time. It keeps the pool.
package struct MemorySlot: ~Copyable, Sendable {
  let pool: MemoryPool
  package let index: Int
  /// Where linear memory starts.
  package let base: UInt
  /// All addresses that code may touch in this memory's name: a fault there is its guest's.
  package let region: Range<UInt>

  init(pool: MemoryPool, index: Int, base: UInt, region: Range<UInt>) {
    self.pool = pool
    self.index = index
    self.base = base
    self.region = region
  }

  /// Makes the memory's first `bytes` accessible, after growth; they never become fewer.
  ///
  /// - Throws: `limit` beyond the pool's `maxMemoryBytes`; `system`. The memory then has its old size.
  package func grow(to bytes: UInt64) throws(VMError) { try pool.grow(index, to: bytes) }

  /// Whether threads need rights to touch it (`HostAccess.allow`).
  package var isUnderKey: Bool { pool.keys.areEnforced }

  deinit { pool.release(index) }
}
