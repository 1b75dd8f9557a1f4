/// A global of a store.
///
/// A handle: copies name the same global, and keep its store alive.
public struct Global {
  public let context: StoreContext
  public let type: GlobalType

  /// - Throws: `WasmError.host` for a value of another type or store.
  public init<State>(in store: Store<State>, _ type: GlobalType, _ value: Value) throws(WasmError) { throw notYet() }

  public var value: Value { .i32(0) }

  /// - Throws: `WasmError.host` for a constant, or a value of another type or store.
  public func set(_ value: Value) throws(WasmError) { throw notYet() }
}

/// An exception's tag. What guests throw and catch comes later; a tag can be imported and exported.
public struct Tag {
  public let context: StoreContext
  public let type: TagType
}
