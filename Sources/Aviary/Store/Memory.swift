import AviaryPool
import AviaryVM

/// A linear memory of a store.
///
/// A handle: copies name the same memory, and keep its store alive. The methods for reading and
/// writing are those of `LinearMemoryAccess`.
public struct Memory: LinearMemoryAccess {
  /// The store's identity.
  public let context: StoreContext
  let runtime: VMMemory
  /// See `MemoryRecord`.
  @usableFromInline let record: UInt

  init(_ context: StoreContext, _ runtime: VMMemory) {
    self.context = context
    self.runtime = runtime
    record = runtime.recordAddress | (runtime.isUnderKey ? 1 : 0) | (runtime.shared != nil ? 2 : 0)
  }

  /// Makes a memory of the host's, to be imported.
  /// - Throws: `WasmError.limit` or `.exhausted`.
  public init<State>(in store: Store<State>, _ type: MemoryType) throws(WasmError) {
    let runtime = try store.context.runtime()
    guard let core = type.core else { throw .limit("a page size of \(type.pageSize) bytes, neither 1 nor 65536") }
    if let maximum = type.maximum, maximum < type.minimum {
      throw .limit("a memory of at least \(type.minimum) and at most \(maximum) pages")
    }
    do throws(VMError) {
      self.init(store.context, try VMMemory(runtime, core))
    } catch { throw WasmError(error) }
  }

  @inlinable public func memoryRecord() throws(WasmError) -> MemoryRecord { unsafe MemoryRecord(address: record) }

  /// The memory itself, for other stores and threads, where it is a shared one.
  public var shared: SharedMemory? { runtime.shared.map { SharedMemory(context.engine, $0) } }

  /// As declared: the minimum is that of the type, not the present size.
  public var type: MemoryType { MemoryType(runtime.type) }
  /// In bytes.
  public var byteCount: UInt64 { runtime.byteCount }
  /// Bytes of a page: 65,536, or 1 with custom page sizes.
  public var pageSize: Int { type.pageSize }
  /// In pages.
  public var pageCount: UInt64 { runtime.pageCount }

  /// Grows by a number of pages.
  /// - Returns: the old size in pages.
  /// - Throws: `WasmError.limit` where the type, the store, the limiter or the machine forbids it, and
  ///   what the limiter throws.
  @discardableResult
  public func grow(by pages: UInt64) throws -> UInt64 {
    guard let old = try runtime.grow(by: pages) else {
      throw WasmError.limit("a memory of \(pageCount) pages cannot grow by \(pages)")
    }
    return old
  }
}

extension Memory: Equatable {
  /// Identity.
  public static func == (a: Memory, b: Memory) -> Bool { a.runtime == b.runtime }
}
