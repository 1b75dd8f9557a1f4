import AviaryVM

// Methods of their own: an optional instant is a type whose size is known only when the program runs, which calls
// without a deadline do not pay for.
extension TypedFunction {
  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<R>(
    deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == () -> R {
    let context = function.context
    let call = try entry.begin(context)
    try await context.run(call, deadline)
    return unsafe result(call.slots)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, R>(
    _ a: A, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A) -> R {
    let context = function.context
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: try a.slot(in: context))
    try await context.run(call, deadline)
    return unsafe result(call.slots)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, R>(
    _ a: A, _ b: B, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A, B) -> R {
    let context = function.context
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: try a.slot(in: context))
    unsafe (call.slots + 1).initialize(to: try b.slot(in: context))
    try await context.run(call, deadline)
    return unsafe result(call.slots)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, R>(
    _ a: A, _ b: B, _ c: C, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A, B, C) -> R {
    let context = function.context
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: try a.slot(in: context))
    unsafe (call.slots + 1).initialize(to: try b.slot(in: context))
    unsafe (call.slots + 2).initialize(to: try c.slot(in: context))
    try await context.run(call, deadline)
    return unsafe result(call.slots)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A, B, C, D) -> R {
    let context = function.context
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: try a.slot(in: context))
    unsafe (call.slots + 1).initialize(to: try b.slot(in: context))
    unsafe (call.slots + 2).initialize(to: try c.slot(in: context))
    unsafe (call.slots + 3).initialize(to: try d.slot(in: context))
    try await context.run(call, deadline)
    return unsafe result(call.slots)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A, B, C, D, E) -> R {
    let context = function.context
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: try a.slot(in: context))
    unsafe (call.slots + 1).initialize(to: try b.slot(in: context))
    unsafe (call.slots + 2).initialize(to: try c.slot(in: context))
    unsafe (call.slots + 3).initialize(to: try d.slot(in: context))
    unsafe (call.slots + 4).initialize(to: try e.slot(in: context))
    try await context.run(call, deadline)
    return unsafe result(call.slots)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, F: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A, B, C, D, E, F) -> R {
    let context = function.context
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: try a.slot(in: context))
    unsafe (call.slots + 1).initialize(to: try b.slot(in: context))
    unsafe (call.slots + 2).initialize(to: try c.slot(in: context))
    unsafe (call.slots + 3).initialize(to: try d.slot(in: context))
    unsafe (call.slots + 4).initialize(to: try e.slot(in: context))
    unsafe (call.slots + 5).initialize(to: try f.slot(in: context))
    try await context.run(call, deadline)
    return unsafe result(call.slots)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, F: WasmType, G: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F, _ g: G, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A, B, C, D, E, F, G) -> R {
    let context = function.context
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: try a.slot(in: context))
    unsafe (call.slots + 1).initialize(to: try b.slot(in: context))
    unsafe (call.slots + 2).initialize(to: try c.slot(in: context))
    unsafe (call.slots + 3).initialize(to: try d.slot(in: context))
    unsafe (call.slots + 4).initialize(to: try e.slot(in: context))
    unsafe (call.slots + 5).initialize(to: try f.slot(in: context))
    unsafe (call.slots + 6).initialize(to: try g.slot(in: context))
    try await context.run(call, deadline)
    return unsafe result(call.slots)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, F: WasmType, G: WasmType, H: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F, _ g: G, _ h: H, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A, B, C, D, E, F, G, H) -> R {
    let context = function.context
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: try a.slot(in: context))
    unsafe (call.slots + 1).initialize(to: try b.slot(in: context))
    unsafe (call.slots + 2).initialize(to: try c.slot(in: context))
    unsafe (call.slots + 3).initialize(to: try d.slot(in: context))
    unsafe (call.slots + 4).initialize(to: try e.slot(in: context))
    unsafe (call.slots + 5).initialize(to: try f.slot(in: context))
    unsafe (call.slots + 6).initialize(to: try g.slot(in: context))
    unsafe (call.slots + 7).initialize(to: try h.slot(in: context))
    try await context.run(call, deadline)
    return unsafe result(call.slots)
  }
}
