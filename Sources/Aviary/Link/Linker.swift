import AviaryCore
import AviaryVM

/// Names for what modules import.
///
/// A class: definitions add up. A second definition of a name replaces the first.
/// Used by one thread at a time.
public final class Linker<State> {
  /// The engine of all that is defined and linked here.
  public let engine: Engine
  private var definitions: [ImportName: ImportSource] = [:]

  /// A linker that defines nothing.
  public init(_ engine: Engine) { self.engine = engine }

  /// Resolves and checks a module's imports.
  /// - Throws: `WasmError.link` with the message "unknown import" or "incompatible import type"; `.limit` for a
  ///   module that declares more than the engine's pool takes (`PoolingConfiguration`).
  public func link(_ module: Module) throws(WasmError) -> LinkedModule<State> {
    guard module.engine === engine else { throw .host("the module belongs to another engine") }
    var resolved: [ResolvedImport] = []
    let info = module.runtime.module.info
    resolved.reserveCapacity(info.imports.count)
    for item in info.imports {
      guard let source = definitions[ImportName(module: item.module, name: item.name)] else {
        throw .link(.init(message: "unknown import", module: item.module, name: item.name))
      }
      resolved.append(try resolve(source, item, module))
    }
    if case .pooling(let pool) = engine.configuration.allocation { try pool.admit(info, stateSize: module.stateSize) }
    return LinkedModule(link: Link(module, resolved))
  }

  private func resolve(_ source: ImportSource, _ item: Import, _ module: Module) throws(WasmError) -> ResolvedImport {
    func mismatch(_ found: String) -> WasmError {
      let expected = module.describe(item.description)
      return .link(
        .init(
          message: "incompatible import type", module: item.module, name: item.name,
          detail: "the module asks for \(expected), and is given \(found)"))
    }
    switch source {
    case .host(let definition):
      guard case .function(let type) = item.description else {
        throw mismatch(ExternType.function(definition.type).description)
      }
      let signature = try HostSignature(definition.type, engine, waits: definition.body.waits)
      guard engine.runtime.types.isSubtype(signature.id, of: module.runtime.types.ids[Int(type)]) else {
        throw mismatch(ExternType.function(definition.type).description)
      }
      return .host(definition, signature)
    case .shared(let memory):
      guard memory.engine === engine else { throw .host("the import belongs to another engine") }
      guard module.runtime.fits(memory.runtime, item.description) else { throw mismatch(ExternType.memory(memory.type).description) }
      return .shared(memory)
    case .store(let value):
      guard value.value.context.engine === engine else { throw .host("the import belongs to another engine") }
      guard module.runtime.fits(value.value.runtime, item.description) else { throw mismatch(value.value.type.description) }
      return .store(value)
    }
  }

  /// `link` and `instantiate` in one.
  public func instantiate(_ module: Module, in store: Store<State>) throws -> Instance {
    try link(module).instantiate(in: store)
  }

  /// The same, asynchronously: see `LinkedModule.instantiate`.
  public nonisolated(nonsending) func instantiate(_ module: Module, in store: Store<State>) async throws -> Instance {
    try await link(module).instantiate(in: store)
  }

  /// Defines a function of any type.
  ///
  /// `body` is given as many values as `type` has parameters, of these types, and returns as many as it
  /// has results; anything else ends the guest's call with `WasmError.host`.
  public func define(
    _ module: String, _ name: String, _ type: FunctionType,
    _ body: @escaping @Sendable (borrowing Caller<State>, [Value]) throws -> [Value]
  ) {
    unsafe define(module, name, type, .synchronous(HostFunction(untypedBody(type, engine, body))))
  }

  /// Defines something of a store.
  public func define(_ module: String, _ name: String, _ value: Extern) {
    definitions[ImportName(module: module, name: name)] = .store(StoreImport(value))
  }
  /// Defines a function of a store.
  public func define(_ module: String, _ name: String, _ value: Function) { define(module, name, .function(value)) }
  /// Defines a memory of a store.
  public func define(_ module: String, _ name: String, _ value: Memory) { define(module, name, .memory(value)) }
  /// Defines a shared memory, for stores on any thread.
  public func define(_ module: String, _ name: String, _ value: SharedMemory) {
    definitions[ImportName(module: module, name: name)] = .shared(value)
  }
  /// Defines a table of a store.
  public func define(_ module: String, _ name: String, _ value: Table) { define(module, name, .table(value)) }
  /// Defines a global of a store.
  public func define(_ module: String, _ name: String, _ value: Global) { define(module, name, .global(value)) }
  /// Defines a tag of a store.
  public func define(_ module: String, _ name: String, _ value: Tag) { define(module, name, .tag(value)) }

  /// Defines all exports of an instance under a module name.
  public func define(_ module: String, _ instance: Instance) {
    for (name, value) in instance.exports { define(module, name, value) }
  }

  /// Another one with the same definitions.
  package func copy() -> Linker<State> {
    let copy = Linker(engine)
    copy.definitions = definitions
    return copy
  }

  /// Whether a name is defined.
  public func defines(_ module: String, _ name: String) -> Bool {
    definitions[ImportName(module: module, name: name)] != nil
  }

  @usableFromInline func defineHost(
    _ module: String, _ name: String, _ parameters: [ValueType], _ results: [ValueType], _ body: @escaping HostBody
  ) {
    unsafe define(module, name, FunctionType(parameters: parameters, results: results), .synchronous(HostFunction(body)))
  }

  @usableFromInline func defineAsyncHost(
    _ module: String, _ name: String, _ parameters: [ValueType], _ results: [ValueType], _ body: @escaping AsyncHostBody
  ) {
    let type = FunctionType(parameters: parameters, results: results)
    unsafe define(module, name, type, .asynchronous(AsyncHostFunction(body)))
  }

  func define(_ module: String, _ name: String, _ type: FunctionType, _ body: HostDefinition.Body) {
    definitions[ImportName(module: module, name: name)] = .host(
      HostDefinition(VMHostName(module: module, name: name), type, body))
  }
}

extension Linker {
  /// Defines a host function that takes its arguments from their slots and leaves its results
  /// there, for whole interfaces: without the cost of packs. Between caller and slots `body` is given
  /// the calling instance's memory, the one that `Caller` acts on; empty where there is none.
  ///
  /// Unsafe contract: `body` touches as many slots as the function has parameters or results,
  /// whichever are more, leaves results of the right types, and keeps no pointer.
  package func define(
    _ module: String, _ name: String, parameters: [ValueType], results: [ValueType],
    _ body: @escaping @Sendable (
      borrowing Caller<State>, UnsafeMutableRawBufferPointer, UnsafeMutablePointer<ValueSlot>
    ) throws -> Void
  ) {
    unsafe defineHost(module, name, parameters, results) { context, caller, slots in
      let caller = Caller<State>(context: context, vmContext: caller)
      let memory = unsafe caller.memoryBytes
      try unsafe body(caller, memory, slots)
    }
  }
}

extension Caller {
  /// The calling instance's memory, the one that the methods act on; empty where there is none.
  ///
  /// Unsafe contract: not used after the guest has run again, nor after the host function has been suspended. Other
  /// threads may write them, where the memory is shared: `SharedBytes` and the kernel copy them, nobody else reads.
  package var memoryBytes: UnsafeMutableRawBufferPointer {
    let record = VMCaller.memoryRecord(unsafe: vmContext)
    guard record != 0 else { return unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0) }
    let view = unsafe MemoryRecord(address: record).view
    return unsafe UnsafeMutableRawBufferPointer(start: view.base, count: Int(clamping: view.count))
  }
}

struct ImportName: Hashable {
  let module: ExactName
  let name: ExactName
  init(module: String, name: String) {
    self.module = ExactName(module)
    self.name = ExactName(name)
  }
}

enum ImportSource {
  case shared(SharedMemory)
  case host(HostDefinition)
  case store(StoreImport)
}

enum ResolvedImport: Sendable {
  case shared(SharedMemory)
  case host(HostDefinition, HostSignature)
  case store(StoreImport)
}

/// Something of a store that a linked module carries around.
///
/// Sendable by care: other threads compare the store's identity, and only who has the store itself
/// gets to use the value.
@safe
final class StoreImport: @unchecked Sendable {
  let value: Extern
  init(_ value: Extern) { self.value = value }
}
