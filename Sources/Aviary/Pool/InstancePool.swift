/// Fresh instances of one module, each in a store of its own, as many at a time as there is room for.
///
/// ```swift
/// let pool = InstancePool(plugin) { Tenant(id: "t") }
/// let answer = try await pool.withInstance { instance in
///   try instance.function("handle", as: ((Int32) -> Int32).self)(1)
/// }
/// ```
/// No instance sees what another one did, and none is used twice. Where there is no room, `withInstance` waits,
/// in the order of the calls, instead of failing; no thread is blocked.
///
/// With a pooling engine there is room for as many instances as its pool has, for all `InstancePool`s of the
/// engine together. Stores that are made beside them take from the same places: leave them some by
/// `maxInstances`. With an engine that allocates on demand, `maxInstances` alone counts.
///
/// Sendable: any number of tasks may use one.
public final class InstancePool<State>: Sendable {
  /// What it makes instances of.
  public let plugin: LinkedModule<State>
  /// Of each instance's store.
  public let limits: StoreLimits
  private let makeState: @Sendable () throws -> State
  /// nil: only the engine's places count.
  private let permits: PermitQueue?

  /// - Parameters:
  ///   - maxInstances: the most at a time, at least 1; nil: as many as the engine has places for.
  ///   - limits: of each instance's store.
  ///   - state: makes the state of each instance's store; called when there is room for it.
  public init(
    _ plugin: LinkedModule<State>, maxInstances: Int? = nil, limits: StoreLimits = .init(),
    state: @escaping @Sendable () throws -> State
  ) {
    self.plugin = plugin
    self.limits = limits
    makeState = state
    permits = maxInstances.map { PermitQueue(limit: max(1, $0)) }
  }

  /// Runs `body` with a fresh instance, which goes when `body` has ended, however it ended.
  ///
  /// A handle that `body` lets escape keeps the instance, and its place, until the handle goes. A `body` that
  /// itself waits for an instance of the same engine may wait for ever: its own place may be the last.
  ///
  /// - Throws: `CancellationError` where the task is cancelled while it waits; what instantiation throws; what
  ///   `body` throws.
  public nonisolated(nonsending) func withInstance<Result>(
    _ body: nonisolated(nonsending) (Instance) async throws -> Result
  ) async throws -> Result {
    try await withStore { _, instance in try await body(instance) }
  }

  /// The same; `body` is also given the instance's store, and with it the state.
  public nonisolated(nonsending) func withStore<Result>(
    _ body: nonisolated(nonsending) (Store<State>, Instance) async throws -> Result
  ) async throws -> Result {
    // The pool's own permit first, so that who waits for it holds none of the engine's.
    var own: Permit?
    if let permits { own = try await permits.acquire() }
    var shared: Permit?
    if let places = plugin.module.engine.places { shared = try await places.acquire() }
    let store = try makeStore(own.take(), shared.take())
    return try await body(store, try await plugin.instantiate(in: store))
  }

  private func makeStore(_ own: consuming Permit?, _ shared: consuming Permit?) throws -> Store<State> {
    let store = Store(plugin.module.engine, state: try makeState(), limits: limits)
    store.context.occupy(own, shared)
    return store
  }
}

extension InstancePool where State == Void {
  /// A pool of instances without state.
  public convenience init(_ plugin: LinkedModule<Void>, maxInstances: Int? = nil, limits: StoreLimits = .init()) {
    self.init(plugin, maxInstances: maxInstances, limits: limits) {}
  }
}
