import AviaryPool
import AviaryVM

/// A table of a store.
///
/// A handle: copies name the same table, and keep its store alive.
public struct Table {
  /// The store's identity.
  public let context: StoreContext
  let runtime: VMTable

  init(_ context: StoreContext, _ runtime: VMTable) {
    self.context = context
    self.runtime = runtime
  }

  /// Makes a table of the host's, to be imported; `initial` is null where it is not given.
  /// - Throws: `WasmError.limit`, `.exhausted`, or `.host` for a value of another type or store.
  public init<State>(in store: Store<State>, _ type: TableType, initial: Value? = nil) throws(WasmError) {
    let runtime = try store.context.runtime()
    guard let initial = initial ?? Value(defaultOf: .reference(type.element)) else {
      throw .host("a table of \(type.element) needs an initial value")
    }
    if let maximum = type.maximum, maximum < type.minimum {
      throw .limit("a table of at least \(type.minimum) and at most \(maximum) elements")
    }
    let element = try type.element.runtime(in: store.engine)
    let slot = try store.context.slot(initial, as: element)
    do throws(VMError) {
      self.init(store.context, try VMTable(unsafe: runtime, type.core(element), element: element, initial: slot.low))
    } catch { throw WasmError(error) }
  }

  /// As declared: the minimum is that of the type, not the present size.
  public var type: TableType { TableType(runtime.type, element: runtime.element, context.engine) }
  /// In elements.
  public var count: UInt64 { runtime.count }

  /// - Throws: `WasmError.trap` with `tableOutOfBounds`.
  public func get(_ index: some GuestAddress) throws(WasmError) -> Value {
    guard let reference = runtime.get(index.guestAddress) else { throw outOfBounds(index.guestAddress) }
    return context.value(ValueSlot(low: reference), as: runtime.element)
  }

  /// - Throws: as `get`, and `WasmError.host` for a value of another type or store.
  public func set(_ index: some GuestAddress, to value: Value) throws(WasmError) {
    let slot = try context.slot(value, as: runtime.element)
    guard runtime.set(unsafe: slot.low, at: index.guestAddress) else { throw outOfBounds(index.guestAddress) }
  }

  /// Grows by a number of elements.
  /// - Returns: the old size.
  /// - Throws: `WasmError.limit` where the type, the store or the limiter forbids it, `.host` for a value of
  ///   another type or store, and what the limiter throws.
  @discardableResult
  public func grow(by count: UInt64, filledWith value: Value) throws -> UInt64 {
    let slot = try context.slot(value, as: runtime.element)
    guard let old = try runtime.grow(by: count, unsafe: slot.low) else {
      throw WasmError.limit("a table of \(self.count) elements cannot grow by \(count)")
    }
    return old
  }

  private func outOfBounds(_ index: UInt64) -> WasmError {
    .trap(Trap(.tableOutOfBounds, note: "element \(index) of a table of \(count)"))
  }
}

extension Table: Equatable {
  /// Identity.
  public static func == (a: Table, b: Table) -> Bool { a.runtime == b.runtime }
}
