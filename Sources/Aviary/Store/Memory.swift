/// A linear memory of a store.
///
/// A handle: copies name the same memory, and keep its store alive. The methods for reading and
/// writing are those of `LinearMemoryAccess`.
public struct Memory: LinearMemoryAccess {
  public let context: StoreContext
  @usableFromInline let record: UInt
  public let type: MemoryType

  /// - Throws: `WasmError.limit` or `.exhausted`.
  public init<State>(in store: Store<State>, _ type: MemoryType) throws(WasmError) { throw notYet() }

  @inlinable public func memoryRecord() throws(WasmError) -> MemoryRecord { MemoryRecord(address: record) }

  /// In bytes.
  public var byteCount: UInt64 { MemoryView(record: record).count }
  /// In pages.
  public var pageCount: UInt64 { byteCount / UInt64(max(type.pageSize, 1)) }

  /// Grows by a number of pages.
  /// - Returns: the old size in pages.
  /// - Throws: `WasmError.limit` where the type, the store or the limiter forbids it.
  @discardableResult
  public func grow(by pages: UInt64) throws -> UInt64 { throw notYet() }
}
