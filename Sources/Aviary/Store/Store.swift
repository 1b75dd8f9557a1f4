/// Everything that a group of instances owns: memories, tables, globals, the guest's stack, and the
/// embedder's state, which host functions reach through `Caller.state`.
///
/// What is instantiated in a store lives until the store and all handles into it are gone.
/// Used by one thread at a time: not Sendable, moved with `sending`.
public final class Store<State> {
  @usableFromInline let box: StateContext<State>
  /// Shared with every handle; its lifetime is that of the store and its handles.
  @inlinable public var context: StoreContext { box }

  /// - Parameters:
  ///   - limits: hard limits.
  ///   - limiter: asked before each growth, after `limits`; retained.
  @inlinable public init(_ engine: Engine, state: State, limits: StoreLimits = .init(), limiter: (any ResourceLimiter)? = nil) {
    box = StateContext(engine, state, limits, limiter)
  }

  /// The engine that the store's code runs in.
  public var engine: Engine { context.engine }

  /// The embedder's state.
  public var state: State {
    get { box.value }
    _modify { yield &box.value }
  }
}

extension Store where State == Void {
  /// A store without state.
  @inlinable public convenience init(_ engine: Engine, limits: StoreLimits = .init(), limiter: (any ResourceLimiter)? = nil) {
    self.init(engine, state: (), limits: limits, limiter: limiter)
  }
}
