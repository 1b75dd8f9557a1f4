import AviaryPool
import AviaryVM

/// What the handles of one store share: the runtime's store, the state, the host's
/// references. Opaque to users; `WasmType` conformances pass it on.
///
/// Not thread-safe, as its store.
@safe
public class StoreContext {
  /// The engine that the store's code runs in.
  public final let engine: Engine
  final let limits: StoreLimits
  private final let limiter: (any ResourceLimiter)?
  /// Made at first use, or taken over from an earlier tenant that has left it (`StoreHome`).
  /// Retained by hand: handing it on costs nothing.
  private final var store: Unmanaged<VMStore>?
  /// Tells engines apart without counting references.
  final let engineIdentity: ObjectIdentifier
  /// What most stores never need.
  private final var rare: StoreExtras?

  /// Of `InstancePool`. Declared last: what the store took of the engine's pool is given back before.
  private final var ownPermit: Permit?
  private final var sharedPermit: Permit?

  @usableFromInline init(_ engine: Engine, _ limits: StoreLimits, _ limiter: (any ResourceLimiter)?) {
    self.engine = engine
    engineIdentity = ObjectIdentifier(engine)
    self.limits = limits
    self.limiter = limiter
  }

  deinit {
    if let store = unsafe store { unsafe VMStore.leave(unsafe: store) }
  }

  /// The runtime's store.
  /// - Throws: what keeps it from being made.
  final func runtime() throws(WasmError) -> VMStore {
    if let store = unsafe store { return unsafe store.takeUnretainedValue() }
    do throws(VMError) {
      let made = try VMStore(engine.runtime, limiter: runtimeLimiter, limits: limits.runtime)
      unsafe adopt(Unmanaged.passRetained(made))
      return made
    } catch { throw WasmError(error) }
  }

  /// The runtime's store, for handles: there are none without it.
  final var usedRuntime: VMStore {
    guard let store = unsafe store else { preconditionFailure("a handle's store has been made") }
    return unsafe store.takeUnretainedValue()
  }

  /// Whether nothing was asked of the runtime yet.
  final var isUnused: Bool { unsafe store == nil }

  /// Takes over a reference to a store of the runtime's that nobody uses.
  /// - Precondition: `isUnused`.
  final func adopt(_ store: Unmanaged<VMStore>) {
    let this = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe store._withUnsafeGuaranteedRef { unsafe $0.embedder = this }
    unsafe self.store = store
  }

  /// Lets the runtime's store go again.
  /// - Precondition: it was just taken over, and nobody has a handle into it.
  final func abandon() {
    guard let taken = unsafe store else { return }
    unsafe store = nil
    unsafe VMStore.leave(unsafe: taken)
  }

  /// The embedder's own; the limits are the runtime's business.
  final var runtimeLimiter: (any VMLimiter)? { limiter.map { GrowthGate($0) } ?? rare?.asyncGate }

  final var asyncLimiter: (any AsyncResourceLimiter)? { rare?.asyncLimiter }
  /// - Precondition: `isUnused`.
  final func setLimiter(_ limiter: any AsyncResourceLimiter) {
    extras.asyncLimiter = limiter
    extras.asyncGate = AsyncGrowthGate()
  }
  /// Runs `body`, which makes what the limiter has agreed to.
  final func whileAdmitting<Result>(_ body: () throws -> Result) rethrows -> Result {
    rare?.asyncGate?.isAdmitting = true
    defer { rare?.asyncGate?.isAdmitting = false }
    return try body()
  }

  /// Of the innermost asynchronous call that has one, on the monotonic clock.
  final var deadlineOfCall = UInt64.max
  /// Identity of the task that runs an asynchronous call whose guest is suspended; 0: there is none.
  final var owner: UInt = 0

  /// Keeps the permits as long as the store.
  final func occupy(_ own: consuming Permit?, _ shared: consuming Permit?) {
    ownPermit = own
    sharedPermit = shared
  }

  final var extras: StoreExtras {
    if let rare { return rare }
    let made = StoreExtras()
    rare = made
    return made
  }

  /// What a call that did not return comes to. Before any other call.
  @inline(never)
  final func failure(_ status: UInt32) -> any Error { error(usedRuntime.failure(status)) }

  // MARK: Modules

  final func adopt(_ module: Module) { extras.modules[ObjectIdentifier(module.runtime)] = module }

  final func module(of runtime: VMModule) -> Module? {
    if let home = StoreHome.of(usedRuntime), home.module.runtime === runtime { return home.module }
    return rare?.modules[ObjectIdentifier(runtime)]
  }

  // MARK: Functions

  final func signature(_ function: VMFunction) throws(WasmError) -> CallSignature {
    let id = function.typeID
    if let known = rare?.signatures[id] { return known }
    let signature = try CallSignature(function.type, engine)
    extras.signatures[id] = signature
    return signature
  }

  // MARK: Host functions

  /// The definition as a function of this store.
  final func function(_ definition: HostDefinition, _ resolved: HostSignature) throws(WasmError) -> VMFunction {
    let store = try runtime()
    if let known = StoreHome.of(store)?.function(definition) { return known.function(in: store) }
    if let known = rare?.hostFunctions[ObjectIdentifier(definition)] { return known.function.function(in: store) }
    let function = try makeFunction(definition, resolved)
    extras.hostFunctions[ObjectIdentifier(definition)] = HostFunctionOfStore(
      definition: definition, function: VMFunctionReference(function))
    return function
  }

  private final func makeFunction(_ definition: HostDefinition, _ signature: HostSignature) throws(WasmError) -> VMFunction {
    switch definition.body {
    case .synchronous(let function): try makeFunction(signature, function, named: definition.name)
    case .asynchronous(let function): try makeFunction(signature, function, named: definition.name)
    }
  }

  final func makeFunction(_ signature: HostSignature, _ function: HostFunction, named name: VMHostName?) throws(WasmError) -> VMFunction {
    VMFunction(
      unsafe: try runtime(), signature.registration, signature.type, thunk: signature.thunk, name: name,
      direct: function.direct)
  }

  // MARK: External references

  /// The guest's 64-bit stand-in for a host object; 0 is null.
  final func handle(of reference: ExternRef?) -> UInt64 {
    guard let reference else { return 0 }
    let extras = extras
    let identity = ObjectIdentifier(reference)
    if let handle = extras.handles[identity] { return handle }
    extras.externals.append(reference)
    let handle = UInt64(extras.externals.count)
    extras.handles[identity] = handle
    return handle
  }

  /// nil for null, and for a number that is no handle.
  final func external(_ handle: UInt64) -> ExternRef? {
    guard let externals = rare?.externals, handle > 0, handle <= UInt64(externals.count) else { return nil }
    return externals[Int(handle) - 1]
  }
}

/// A context with the embedder's state, which host functions reach in one step.
@usableFromInline
final class StateContext<State>: StoreContext {
  @usableFromInline var value: State

  @inlinable init(_ engine: Engine, _ value: State, _ limits: StoreLimits, _ limiter: (any ResourceLimiter)?) {
    self.value = value
    super.init(engine, limits, limiter)
  }
}

/// The part of a store that is made when it is first needed.
final class StoreExtras {
  var asyncLimiter: (any AsyncResourceLimiter)?
  /// Stands for it in the runtime.
  var asyncGate: AsyncGrowthGate?
  /// Of `withDeadline`, outermost first.
  var deadlines: [UInt64] = []
  /// The same where they are epochs; and the one that was set for the store itself.
  var epochDeadlines: [UInt64] = []
  var ownEpochDeadline = UInt64.max
  /// External references by handle - 1.
  var externals: [ExternRef] = []
  var handles: [ObjectIdentifier: UInt64] = [:]
  /// Host functions of linkers that were given to this store, each made once. The definition is kept, so that
  /// its identity is not given to another.
  var hostFunctions: [ObjectIdentifier: HostFunctionOfStore] = [:]
  /// By canonical type id; the functions, which the store keeps, keep the ids alive.
  var signatures: [UInt32: CallSignature] = [:]
  /// What has been instantiated here: the public module of the runtime's.
  var modules: [ObjectIdentifier: Module] = [:]
}

struct HostFunctionOfStore {
  let definition: HostDefinition
  let function: VMFunctionReference
}

/// The embedder's limiter as the runtime's.
final class GrowthGate: VMLimiter {
  private let limiter: any ResourceLimiter

  init(_ limiter: any ResourceLimiter) { self.limiter = limiter }

  func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> Bool {
    guard desired > 0 else { return true }
    return try allows(limiter.memoryGrowing(from: current, to: desired, maximum: maximum))
  }

  func tableGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> Bool {
    guard desired > 0 else { return true }
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

extension StoreLimits {
  var runtime: VMStoreLimits {
    var result = VMStoreLimits()
    result.instances = instances ?? .max
    result.memories = memories ?? .max
    result.tables = tables ?? .max
    result.memoryBytes = memory?.bytes ?? .max
    result.tableElements = tableElements ?? .max
    return result
  }
}
