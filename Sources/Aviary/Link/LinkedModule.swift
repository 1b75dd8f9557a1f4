/// A module with its imports resolved and checked, to be instantiated any number of times.
///
/// Sendable. Where imports came from a store (memories, tables, globals, instances), it can be
/// instantiated in that store only.
public struct LinkedModule<State>: Sendable {
  public let module: Module

  /// Makes an instance: allocates, applies segments, runs the start function.
  ///
  /// - Throws: `WasmError.trap` for segments out of bounds or a start function that traps (what was
  ///   written before stays written), `.limit`, `.exhausted`, `.link`, and what host functions throw.
  public func instantiate(in store: Store<State>) throws -> Instance { throw notYet() }

  /// The same from an asynchronous context.
  public nonisolated(nonsending) func instantiate(in store: Store<State>) async throws -> Instance { throw notYet() }
}
