/// A module at work in a store.
///
/// A handle: copies name the same instance, and keep its store alive.
public struct Instance {
  public let context: StoreContext
  public let module: Module

  /// What the module exports, in its order, with the instance's handles.
  public var exports: [(name: String, value: Extern)] { [] }

  /// The export of that name, or nil.
  public func export(_ name: String) -> Extern? { nil }

  /// - Throws: `WasmError.host` where there is no such export or it is of another kind.
  public func function(_ name: String) throws(WasmError) -> Function { throw notYet() }
  public func memory(_ name: String = "memory") throws(WasmError) -> Memory { throw notYet() }
  public func table(_ name: String) throws(WasmError) -> Table { throw notYet() }
  public func global(_ name: String) throws(WasmError) -> Global { throw notYet() }
}

/// Something that can be imported and exported.
public enum Extern {
  case function(Function)
  case memory(Memory)
  case table(Table)
  case global(Global)
  case tag(Tag)
}
