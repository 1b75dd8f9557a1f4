import AviaryVM
import CAviaryContract

/// A global of a store.
///
/// A handle: copies name the same global, and keep its store alive.
public struct Global {
  /// The store's identity.
  public let context: StoreContext
  let runtime: VMGlobal

  init(_ context: StoreContext, _ runtime: VMGlobal) {
    self.context = context
    self.runtime = runtime
  }

  /// Makes a global of the host's, to be imported.
  /// - Throws: `WasmError.host` for a value of another type or store.
  public init<State>(in store: Store<State>, _ type: GlobalType, _ value: Value) throws(WasmError) {
    let runtime = try store.context.runtime()
    let valueType = try type.value.runtime(in: store.engine)
    let slot = try store.context.slot(value, as: valueType)
    self.init(
      store.context,
      VMGlobal(
        unsafe: runtime, valueType, isMutable: type.isMutable,
        initial: AviaryValue(low: slot.low, high: slot.high)))
  }

  /// Type and mutability.
  public var type: GlobalType { GlobalType(ValueType(runtime.value, context.engine), isMutable: runtime.isMutable) }

  /// The present value.
  public var value: Value {
    let value = runtime.get()
    return context.value(ValueSlot(low: value.low, high: value.high), as: runtime.value)
  }

  /// - Throws: `WasmError.host` for a constant, or a value of another type or store.
  public func set(_ value: Value) throws(WasmError) {
    guard runtime.isMutable else { throw .host("the global is constant") }
    let slot = try context.slot(value, as: runtime.value)
    runtime.set(unsafe: AviaryValue(low: slot.low, high: slot.high))
  }
}

extension Global: Equatable {
  /// Identity.
  public static func == (a: Global, b: Global) -> Bool { a.runtime == b.runtime }
}
