import AviaryPool
import AviaryVM

/// A module with its imports resolved and checked, to be instantiated any number of times.
///
/// Sendable. Shared memories are imported by instances in any store. Where other imports came from a store (memories, tables, globals, instances), it can be
/// instantiated in that store only.
///
/// Keep it: where it imports nothing but host functions, what is costly about an instance is used again by the
/// next one, after it was brought back to its initial state.
public struct LinkedModule<State>: Sendable {
  let link: Link

  /// What it instantiates.
  public var module: Module { link.module }

  /// Makes an instance: allocates, applies segments, runs the start function.
  ///
  /// - Throws: `WasmError.trap` for segments out of bounds or a start function that traps (what was
  ///   written before stays written), `.limit`, `.exhausted`, `.host` for a store of another engine or
  ///   another one than the imports', and what host functions throw.
  public func instantiate(in store: Store<State>) throws -> Instance {
    // The caller keeps both: no counting.
    try unsafe Unmanaged<StoreContext>.passUnretained(store.box)._withUnsafeGuaranteedRef { try link.instantiate(in: $0) }
  }

  /// The same, where the start function may call asynchronous host functions, and the store's limiter may be
  /// asynchronous. Ends with the task's cancellation while the start function runs.
  public nonisolated(nonsending) func instantiate(in store: Store<State>) async throws -> Instance {
    let context = store.context
    try await context.admit(module)
    let instance = try context.whileAdmitting { try link.instantiate(in: context, runsStart: false) }
    if let start = module.startFunction {
      _ = try await Function(context, instance.reference.function(start)).async([])
    }
    return instance
  }

  /// How many earlier tenants' stores wait for the next instance.
  package var idleStores: Int { link.cache?.count ?? 0 }
  /// Lets go of them.
  package func dropIdleStores() { link.cache?.drain() }
}

/// What the copies of a linked module share.
@safe
final class Link: @unchecked Sendable {
  let module: Module
  let imports: [ResolvedImport]
  /// nil where stores cannot be used again.
  let cache: StoreCache?
  // The same and the module's engine, without counting.
  private let restingStores: Unmanaged<StoreCache>?
  private let engineIdentity: ObjectIdentifier
  private let hasStart: Bool

  init(_ module: Module, _ imports: [ResolvedImport]) {
    self.module = module
    self.imports = imports
    let areHostFunctions = imports.allSatisfy { if case .host = $0 { true } else { false } }
    cache = areHostFunctions ? StoreCache(module.engine.runtime) : nil
    unsafe restingStores = cache.map { unsafe .passUnretained($0) }
    engineIdentity = ObjectIdentifier(module.engine)
    hasStart = module.startFunction != nil
  }

  deinit { cache?.close() }

  func instantiate(in context: StoreContext, runsStart: Bool = true) throws -> Instance {
    guard context.engineIdentity == engineIdentity else { throw WasmError.host("the store belongs to another engine") }
    do {
      if context.isUnused, let cache = unsafe restingStores,
        let store = unsafe cache._withUnsafeGuaranteedRef({ unsafe $0.take() })
      {
        return try unsafe revive(store, in: context, runsStart)
      }
      return try instantiateAnew(in: context, runsStart)
    } catch let error as VMError {
      throw WasmError(error)
    } catch let error as VMCallError {
      throw context.error(error)
    }
  }

  private func revive(_ store: Unmanaged<VMStore>, in context: StoreContext, _ runsStart: Bool) throws -> Instance {
    try unsafe VMStore.wake(unsafe: store)
    unsafe context.adopt(store)
    let reference: VMInstanceReference
    let count = unsafe store._withUnsafeGuaranteedRef { $0.objectCount }
    do {
      reference = try unsafe store._withUnsafeGuaranteedRef { store in
        try store.revive(context.limits.runtime, context.runtimeLimiter)
        return store.soleInstance
      }
    } catch {
      // Half an instance is in it, that counts against the limits: a later attempt finds the store unused. Unless
      // the limiter made something there, whose handles need it.
      if unsafe store._withUnsafeGuaranteedRef({ $0.objectCount }) == count { context.abandon() }
      throw error
    }
    let instance = Instance(context, reference)
    if hasStart, runsStart { try start(instance) }
    return instance
  }

  private func instantiateAnew(in context: StoreContext, _ runsStart: Bool) throws -> Instance {
    let store = try context.runtime()
    let wasBlank = store.isBlank
    var externs: [VMExtern] = []
    externs.reserveCapacity(imports.count)
    var hostFunctions: [HostFunctionOfStore] = []
    for item in imports {
      switch item {
      case .host(let definition, let signature):
        let function = try context.function(definition, signature)
        hostFunctions.append(HostFunctionOfStore(definition: definition, function: VMFunctionReference(function)))
        externs.append(.function(function))
      case .shared(let memory): externs.append(.memory(try VMMemory(store, memory.runtime)))
      case .store(let item):
        guard item.value.context === context else { throw WasmError.host("an import belongs to another store") }
        externs.append(item.value.runtime)
      }
    }
    context.adopt(module)
    let runtime = try VMInstance(module.runtime, in: store, imports: externs)
    if let cache, wasBlank { store.seal(StoreHome(module, hostFunctions), cache) }
    let instance = Instance(context: context, runtime: runtime)
    if runsStart { try start(instance) }
    return instance
  }

  private func start(_ instance: Instance) throws {
    guard let index = module.startFunction else { return }
    _ = try Function(instance.context, instance.reference.function(index))([])
  }
}
