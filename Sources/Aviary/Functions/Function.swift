/// A function of a store: a guest's, or the host's.
///
/// A handle: copies name the same function, and keep its store and code alive. Equality is
/// identity.
public struct Function: Equatable {
  public let context: StoreContext
  /// Address of the `AviaryFuncRef`.
  @usableFromInline let reference: UInt

  public var type: FunctionType { .init() }

  /// Calls with values of any type.
  ///
  /// - Throws: `WasmError.host` for values that do not fit the type or belong to another store,
  ///   `WasmError.trap`, and what host functions throw, unchanged.
  public func callAsFunction(_ arguments: [Value] = []) throws -> [Value] { throw notYet() }
  public func callAsFunction(_ arguments: Value...) throws -> [Value] { try callAsFunction(arguments) }

  public static func == (a: Function, b: Function) -> Bool { a.reference == b.reference && a.context === b.context }
}

func notYet(_ what: String = "this operation") -> WasmError {
  .unsupported(.init(message: "\(what) is not implemented yet"))
}
