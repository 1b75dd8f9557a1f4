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
    return result(of: call)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, R>(
    _ a: A, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A) -> R {
    let context = function.context
    let slotA = try a.slot(in: context)
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: slotA)
    try await context.run(call, deadline)
    return result(of: call)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, R>(
    _ a: A, _ b: B, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A, B) -> R {
    let context = function.context
    let slotA = try a.slot(in: context)
    let slotB = try b.slot(in: context)
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: slotA)
    unsafe (call.slots + 1).initialize(to: slotB)
    try await context.run(call, deadline)
    return result(of: call)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, R>(
    _ a: A, _ b: B, _ c: C, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A, B, C) -> R {
    let context = function.context
    let slotA = try a.slot(in: context)
    let slotB = try b.slot(in: context)
    let slotC = try c.slot(in: context)
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: slotA)
    unsafe (call.slots + 1).initialize(to: slotB)
    unsafe (call.slots + 2).initialize(to: slotC)
    try await context.run(call, deadline)
    return result(of: call)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A, B, C, D) -> R {
    let context = function.context
    let slotA = try a.slot(in: context)
    let slotB = try b.slot(in: context)
    let slotC = try c.slot(in: context)
    let slotD = try d.slot(in: context)
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: slotA)
    unsafe (call.slots + 1).initialize(to: slotB)
    unsafe (call.slots + 2).initialize(to: slotC)
    unsafe (call.slots + 3).initialize(to: slotD)
    try await context.run(call, deadline)
    return result(of: call)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A, B, C, D, E) -> R {
    let context = function.context
    let slotA = try a.slot(in: context)
    let slotB = try b.slot(in: context)
    let slotC = try c.slot(in: context)
    let slotD = try d.slot(in: context)
    let slotE = try e.slot(in: context)
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: slotA)
    unsafe (call.slots + 1).initialize(to: slotB)
    unsafe (call.slots + 2).initialize(to: slotC)
    unsafe (call.slots + 3).initialize(to: slotD)
    unsafe (call.slots + 4).initialize(to: slotE)
    try await context.run(call, deadline)
    return result(of: call)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, F: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A, B, C, D, E, F) -> R {
    let context = function.context
    let slotA = try a.slot(in: context)
    let slotB = try b.slot(in: context)
    let slotC = try c.slot(in: context)
    let slotD = try d.slot(in: context)
    let slotE = try e.slot(in: context)
    let slotF = try f.slot(in: context)
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: slotA)
    unsafe (call.slots + 1).initialize(to: slotB)
    unsafe (call.slots + 2).initialize(to: slotC)
    unsafe (call.slots + 3).initialize(to: slotD)
    unsafe (call.slots + 4).initialize(to: slotE)
    unsafe (call.slots + 5).initialize(to: slotF)
    try await context.run(call, deadline)
    return result(of: call)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, F: WasmType, G: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F, _ g: G, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A, B, C, D, E, F, G) -> R {
    let context = function.context
    let slotA = try a.slot(in: context)
    let slotB = try b.slot(in: context)
    let slotC = try c.slot(in: context)
    let slotD = try d.slot(in: context)
    let slotE = try e.slot(in: context)
    let slotF = try f.slot(in: context)
    let slotG = try g.slot(in: context)
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: slotA)
    unsafe (call.slots + 1).initialize(to: slotB)
    unsafe (call.slots + 2).initialize(to: slotC)
    unsafe (call.slots + 3).initialize(to: slotD)
    unsafe (call.slots + 4).initialize(to: slotE)
    unsafe (call.slots + 5).initialize(to: slotF)
    unsafe (call.slots + 6).initialize(to: slotG)
    try await context.run(call, deadline)
    return result(of: call)
  }

  /// The same with a deadline, where that is not nil; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, F: WasmType, G: WasmType, H: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F, _ g: G, _ h: H, deadline: ContinuousClock.Instant?
  ) async throws -> R where Signature == (A, B, C, D, E, F, G, H) -> R {
    let context = function.context
    let slotA = try a.slot(in: context)
    let slotB = try b.slot(in: context)
    let slotC = try c.slot(in: context)
    let slotD = try d.slot(in: context)
    let slotE = try e.slot(in: context)
    let slotF = try f.slot(in: context)
    let slotG = try g.slot(in: context)
    let slotH = try h.slot(in: context)
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: slotA)
    unsafe (call.slots + 1).initialize(to: slotB)
    unsafe (call.slots + 2).initialize(to: slotC)
    unsafe (call.slots + 3).initialize(to: slotD)
    unsafe (call.slots + 4).initialize(to: slotE)
    unsafe (call.slots + 5).initialize(to: slotF)
    unsafe (call.slots + 6).initialize(to: slotG)
    unsafe (call.slots + 7).initialize(to: slotH)
    try await context.run(call, deadline)
    return result(of: call)
  }
}
