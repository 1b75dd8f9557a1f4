import AviaryVM

extension Function {
  /// Calls with values of any type, where the guest may call asynchronous host functions: it is suspended while they
  /// run, and no thread is.
  ///
  /// The guest runs on the caller's executor. While it is suspended the store refuses other calls, save
  /// those that the host function itself makes in the same task.
  /// - Parameter deadline: when the guest, or the host function that it waits for, is stopped.
  /// - Throws: `CancellationError` where the task is cancelled: a guest that runs is stopped at once, a host
  ///   function that is awaited finds its task cancelled. `WasmError.trap` with `interrupted` where the deadline passes;
  ///   `WasmError.host` for values that do not fit and for a store in use. What host functions throw, unchanged.
  public nonisolated(nonsending) func async(
    _ arguments: [Value], deadline: ContinuousClock.Instant? = nil
  ) async throws -> [Value] {
    let signature = try context.signature(runtime)
    let type = signature.runtime
    guard arguments.count == type.parameters.count else {
      throw WasmError.host("\(arguments.count) arguments given, the type is \(signature.type)")
    }
    let entry = FunctionEntry(reference, signature.shape)
    let call = try entry.begin(context)
    unsafe call.slots.initialize(repeating: ValueSlot(), count: entry.slotCount)
    for (index, (argument, type)) in zip(arguments, type.parameters).enumerated() {
      unsafe call.slots[index] = try context.slot(argument, as: type)
    }
    try await context.run(call, deadline)
    return type.results.enumerated().map { unsafe context.value(call.slots[$0.offset], as: $0.element) }
  }
}

// One method for each number of arguments, and no pack: a call of an asynchronous function with packs makes Swift 6.3's
// task allocator stop the process.
extension TypedFunction {
  /// Calls without arguments; see `Function.async(_:deadline:)`.
  @inlinable
  public nonisolated(nonsending) func async<R>() async throws -> R where Signature == () -> R {
    let context = function.context
    let call = try entry.begin(context)
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return unsafe result(call.slots)
  }

  /// Calls with one argument.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, R>(
    _ a: A
  ) async throws -> R where Signature == (A) -> R {
    let context = function.context
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: try a.slot(in: context))
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return unsafe result(call.slots)
  }

  /// Calls with two arguments.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, R>(
    _ a: A, _ b: B
  ) async throws -> R where Signature == (A, B) -> R {
    let context = function.context
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: try a.slot(in: context))
    unsafe (call.slots + 1).initialize(to: try b.slot(in: context))
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return unsafe result(call.slots)
  }

  /// Calls with three arguments.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, R>(
    _ a: A, _ b: B, _ c: C
  ) async throws -> R where Signature == (A, B, C) -> R {
    let context = function.context
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: try a.slot(in: context))
    unsafe (call.slots + 1).initialize(to: try b.slot(in: context))
    unsafe (call.slots + 2).initialize(to: try c.slot(in: context))
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return unsafe result(call.slots)
  }

  /// Calls with four arguments.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D
  ) async throws -> R where Signature == (A, B, C, D) -> R {
    let context = function.context
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: try a.slot(in: context))
    unsafe (call.slots + 1).initialize(to: try b.slot(in: context))
    unsafe (call.slots + 2).initialize(to: try c.slot(in: context))
    unsafe (call.slots + 3).initialize(to: try d.slot(in: context))
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return unsafe result(call.slots)
  }

  /// Calls with five arguments.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E
  ) async throws -> R where Signature == (A, B, C, D, E) -> R {
    let context = function.context
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: try a.slot(in: context))
    unsafe (call.slots + 1).initialize(to: try b.slot(in: context))
    unsafe (call.slots + 2).initialize(to: try c.slot(in: context))
    unsafe (call.slots + 3).initialize(to: try d.slot(in: context))
    unsafe (call.slots + 4).initialize(to: try e.slot(in: context))
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return unsafe result(call.slots)
  }

  /// Calls with six arguments.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, F: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F
  ) async throws -> R where Signature == (A, B, C, D, E, F) -> R {
    let context = function.context
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: try a.slot(in: context))
    unsafe (call.slots + 1).initialize(to: try b.slot(in: context))
    unsafe (call.slots + 2).initialize(to: try c.slot(in: context))
    unsafe (call.slots + 3).initialize(to: try d.slot(in: context))
    unsafe (call.slots + 4).initialize(to: try e.slot(in: context))
    unsafe (call.slots + 5).initialize(to: try f.slot(in: context))
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return unsafe result(call.slots)
  }

  /// Calls with seven arguments.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, F: WasmType, G: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F, _ g: G
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
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return unsafe result(call.slots)
  }

  /// Calls with eight arguments. For more there is the form with values of any type.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, F: WasmType, G: WasmType, H: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F, _ g: G, _ h: H
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
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return unsafe result(call.slots)
  }
}
