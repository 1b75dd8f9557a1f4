/// Names for what modules import.
///
/// A class: definitions add up. A second definition of a name replaces the first.
public final class Linker<State> {
  public let engine: Engine

  public init(_ engine: Engine) { self.engine = engine }

  /// Resolves and checks a module's imports.
  /// - Throws: `WasmError.link` with the message "unknown import" or "incompatible import type".
  public func link(_ module: Module) throws(WasmError) -> LinkedModule<State> { throw notYet() }

  /// `link` and `instantiate` in one.
  public func instantiate(_ module: Module, in store: Store<State>) throws -> Instance {
    try link(module).instantiate(in: store)
  }

  /// Defines a function of any type.
  ///
  /// `body` is given as many values as `type` has parameters, of these types, and returns as many as it
  /// has results; anything else ends the guest's call with `WasmError.host`.
  public func define(
    _ module: String, _ name: String, _ type: FunctionType,
    _ body: @escaping @Sendable (borrowing Caller<State>, [Value]) throws -> [Value]
  ) {}

  /// Defines something of a store.
  public func define(_ module: String, _ name: String, _ value: Extern) {}
  public func define(_ module: String, _ name: String, _ value: Function) { define(module, name, .function(value)) }
  public func define(_ module: String, _ name: String, _ value: Memory) { define(module, name, .memory(value)) }
  public func define(_ module: String, _ name: String, _ value: Table) { define(module, name, .table(value)) }
  public func define(_ module: String, _ name: String, _ value: Global) { define(module, name, .global(value)) }

  /// Defines all exports of an instance under a module name.
  public func define(_ module: String, _ instance: Instance) {
    for (name, value) in instance.exports { define(module, name, value) }
  }

  @usableFromInline func defineHost(
    _ module: String, _ name: String, _ parameters: [ValueType], _ results: [ValueType], _ body: @escaping HostBody
  ) {}
}

/// A host function without its type: reads its arguments from the slots, leaves its results there.
/// The number is the address of the caller's context.
@usableFromInline
typealias HostBody = @Sendable (StoreContext, UInt, UnsafeMutablePointer<ValueSlot>) throws -> Void
