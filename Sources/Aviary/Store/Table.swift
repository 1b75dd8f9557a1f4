/// A table of a store.
///
/// A handle: copies name the same table, and keep its store alive.
public struct Table {
  public let context: StoreContext
  public let type: TableType

  /// - Throws: `WasmError.limit`, `.exhausted`, or `.host` for a value of another type or store.
  public init<State>(in store: Store<State>, _ type: TableType, initial: Value? = nil) throws(WasmError) { throw notYet() }

  /// In elements.
  public var count: UInt64 { 0 }

  /// - Throws: `WasmError.trap` with `tableOutOfBounds`.
  public func get(_ index: some GuestAddress) throws(WasmError) -> Value { throw notYet() }

  /// - Throws: as `get`, and `WasmError.host` for a value of another type or store.
  public func set(_ index: some GuestAddress, to value: Value) throws(WasmError) { throw notYet() }

  /// - Returns: the old size.
  /// - Throws: `WasmError.limit` where the type, the store or the limiter forbids it.
  @discardableResult
  public func grow(by count: UInt64, filledWith value: Value) throws -> UInt64 { throw notYet() }
}
