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
  let limiter: (any ResourceLimiter)?
  /// External references by handle - 1.
  private var externals: [ExternRef] = []
  private var handles: [ObjectIdentifier: UInt64] = [:]
  /// The error that a host function threw, on its way through the guest's frames.
  var pendingError: (any Error)?

  init(engine: Engine, state: AnyObject, limits: StoreLimits, limiter: (any ResourceLimiter)?) {
    self.engine = engine
    self.state = state
    self.limits = limits
    self.limiter = limiter
  }

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
