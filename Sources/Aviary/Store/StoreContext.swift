import AviaryPool
import AviaryVM

/// What the handles of one store share: the runtime's store, the state, the host's
/// references. Opaque to users; `WasmType` conformances pass it on.
///
/// Not thread-safe, as its store.
@safe
public final class StoreContext {
  /// The engine that the store's code runs in.
  public let engine: Engine
  /// A `StateBox<State>`.
  @usableFromInline let state: AnyObject
  let limits: StoreLimits
  /// An error of making the runtime's store stands here until somebody uses the store.
  private let store: Result<VMStore, WasmError>
  private let gate: GrowthGate

  /// Of `withDeadline`, outermost first.
  var deadlines: [UInt64] = []

  /// External references by handle - 1.
  private var externals: [ExternRef] = []
  private var handles: [ObjectIdentifier: UInt64] = [:]
  /// Host functions of linkers that were given to this store, each made once.
  private var hostFunctions: [ObjectIdentifier: (HostDefinition, VMFunction)] = [:]
  /// By canonical type id; the functions, which the store keeps, keep the ids alive.
  private var signatures: [UInt32: CallSignature] = [:]
  /// What has been instantiated here: the public module of the runtime's.
  private var modules: [ObjectIdentifier: Module] = [:]

  /// Of `InstancePool`. Declared last: what the store took of the engine's pool is given back before.
  private var ownPermit: Permit?
  private var sharedPermit: Permit?

  init(engine: Engine, state: AnyObject, limits: StoreLimits, limiter: (any ResourceLimiter)?) {
    self.engine = engine
    self.state = state
    self.limits = limits
    gate = GrowthGate(limits, limiter)
    var counts = VMStoreLimits()
    counts.instances = limits.instances ?? .max
    counts.memories = limits.memories ?? .max
    counts.tables = limits.tables ?? .max
    do throws(VMError) {
      store = .success(try VMStore(engine.runtime, limiter: gate, limits: counts))
    } catch {
      store = .failure(WasmError(error))
    }
  }

  /// The runtime's store.
  /// - Throws: what kept it from being made.
  func runtime() throws(WasmError) -> VMStore { try store.get() }

  /// Keeps the permits as long as the store.
  func occupy(_ own: consuming Permit?, _ shared: consuming Permit?) {
    ownPermit = own
    sharedPermit = shared
  }

  // MARK: Modules

  func adopt(_ module: Module) { modules[ObjectIdentifier(module.runtime)] = module }
  func module(of runtime: VMModule) -> Module? { modules[ObjectIdentifier(runtime)] }

  // MARK: Functions

  func signature(_ function: VMFunction) throws(WasmError) -> CallSignature {
    if let known = signatures[function.typeID] { return known }
    let signature = try CallSignature(function.type, engine)
    signatures[function.typeID] = signature
    return signature
  }

  // MARK: Host functions

  /// The definition as a function of this store.
  func function(_ definition: HostDefinition, _ resolved: HostSignature) throws(WasmError) -> VMFunction {
    if let (_, known) = hostFunctions[ObjectIdentifier(definition)] { return known }
    let function = unsafe try makeFunction(resolved, definition.body)
    // The definition is kept too, so that its identity is not given to another.
    hostFunctions[ObjectIdentifier(definition)] = (definition, function)
    return function
  }

  func makeFunction(_ signature: HostSignature, _ body: @escaping HostBody) throws(WasmError) -> VMFunction {
    let store = try runtime()
    // Whoever calls the function holds the context; the function must not, or neither would ever go.
    let context = unsafe Unmanaged.passUnretained(self)
    return unsafe VMFunction(unsafe: store, signature.registration, signature.type, thunk: signature.thunk) {
      caller, values in
      let slots = unsafe UnsafeMutableRawPointer(values).assumingMemoryBound(to: ValueSlot.self)
      let address = caller.contextAddress
      try unsafe context._withUnsafeGuaranteedRef { try unsafe body($0, address, slots) }
    }
  }

  // MARK: External references

  /// The guest's 64-bit stand-in for a host object; 0 is null.
  func handle(of reference: ExternRef?) -> UInt64 {
    guard let reference else { return 0 }
    let identity = ObjectIdentifier(reference)
    if let handle = handles[identity] { return handle }
    externals.append(reference)
    let handle = UInt64(externals.count)
    handles[identity] = handle
    return handle
  }

  /// nil for null, and for a number that is no handle.
  func external(_ handle: UInt64) -> ExternRef? {
    guard handle > 0, handle <= UInt64(externals.count) else { return nil }
    return externals[Int(handle) - 1]
  }
}

/// Where a store keeps the embedder's state.
@usableFromInline
final class StateBox<State> {
  @usableFromInline var value: State
  init(_ value: State) { self.value = value }
}

/// The runtime's limiter: the store's limits, then the embedder's.
final class GrowthGate: VMLimiter {
  private let limits: StoreLimits
  private let limiter: (any ResourceLimiter)?
  /// Bytes of all memories of the store.
  private var memory: UInt64 = 0

  init(_ limits: StoreLimits, _ limiter: (any ResourceLimiter)?) {
    self.limits = limits
    self.limiter = limiter
  }

  func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> Bool {
    let (total, overflow) = memory.addingReportingOverflow(desired >= current ? desired - current : 0)
    if let limit = limits.memory, overflow || total > limit.bytes { return false }
    if let limiter, desired > 0 {
      guard try allows(limiter.memoryGrowing(from: current, to: desired, maximum: maximum)) else { return false }
    }
    memory = total
    return true
  }

  func tableGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> Bool {
    if let limit = limits.tableElements, desired > limit { return false }
    guard let limiter, desired > 0 else { return true }
    return try allows(limiter.tableGrowing(from: current, to: desired, maximum: maximum))
  }

  private func allows(_ decision: GrowthDecision) throws -> Bool {
    switch decision {
    case .allow: return true
    case .deny: return false
    case .trap: throw WasmError.trap(Trap(.growthDenied))
    }
  }
}
