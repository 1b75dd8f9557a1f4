import AviaryPool
import AviaryVM

/// A module with its imports resolved and checked, to be instantiated any number of times.
///
/// Sendable. Where imports came from a store (memories, tables, globals, instances), it can be
/// instantiated in that store only.
public struct LinkedModule<State>: Sendable {
  /// What it instantiates.
  public let module: Module
  let imports: [ResolvedImport]

  /// Makes an instance: allocates, applies segments, runs the start function.
  ///
  /// - Throws: `WasmError.trap` for segments out of bounds or a start function that traps (what was
  ///   written before stays written), `.limit`, `.exhausted`, `.host` for a store of another engine or
  ///   another one than the imports', and what host functions throw.
  public func instantiate(in store: Store<State>) throws -> Instance {
    let context = store.context
    guard context.engine === module.engine else { throw WasmError.host("the store belongs to another engine") }
    let runtime = try context.runtime()
    var externs: [VMExtern] = []
    externs.reserveCapacity(imports.count)
    for item in imports {
      switch item {
      case .host(let definition, let signature):
        externs.append(.function(try context.function(definition, signature)))
      case .store(let item):
        guard item.value.context === context else { throw WasmError.host("an import belongs to another store") }
        externs.append(item.value.runtime)
      }
    }
    context.adopt(module)
    do {
      let instance = Instance(
        context: context, module: module, runtime: try VMInstance(module.runtime, in: runtime, imports: externs))
      if let start = instance.runtime.startFunction { _ = try Function(context: context, runtime: start)([]) }
      return instance
    } catch let error as VMError {
      throw WasmError(error)
    } catch let error as VMCallError {
      throw context.error(error)
    }
  }

  /// The same from an asynchronous context.
  public nonisolated(nonsending) func instantiate(in store: Store<State>) async throws -> Instance {
    try instantiateNow(store)
  }

  /// For asynchronous callers: the other `instantiate` would be preferred there.
  func instantiateNow(_ store: Store<State>) throws -> Instance { try instantiate(in: store) }
}
