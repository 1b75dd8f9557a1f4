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

extension TypedFunction {
  @inlinable
  func result<R>(of call: AsyncCall) -> R {
    if R.self == Void.self || R.self == Int32.self || R.self == UInt32.self || R.self == Int64.self || R.self == UInt64.self
      || R.self == Float.self || R.self == Double.self
    {
      return unsafe result(call.slots)
    }
    return copiedResult(of: call)
  }

  /// Conformances of others may call the guest, which then runs where the slots are: their results are read from a
  /// copy, and arguments are made before the call is begun.
  @usableFromInline @inline(never)
  func copiedResult<R>(of call: AsyncCall) -> R {
    unsafe withUnsafeTemporaryAllocation(of: ValueSlot.self, capacity: entry.slotCount) { copy in
      let copy = unsafe copy.baseAddress.unsafelyUnwrapped
      unsafe copy.initialize(from: call.slots, count: entry.slotCount)
      return unsafe result(copy)
    }
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
    return result(of: call)
  }

  /// Calls with one argument.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, R>(
    _ a: A
  ) async throws -> R where Signature == (A) -> R {
    let context = function.context
    let slotA = try a.slot(in: context)
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: slotA)
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return result(of: call)
  }

  /// Calls with two arguments.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, R>(
    _ a: A, _ b: B
  ) async throws -> R where Signature == (A, B) -> R {
    let context = function.context
    let slotA = try a.slot(in: context)
    let slotB = try b.slot(in: context)
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: slotA)
    unsafe (call.slots + 1).initialize(to: slotB)
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return result(of: call)
  }

  /// Calls with three arguments.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, R>(
    _ a: A, _ b: B, _ c: C
  ) async throws -> R where Signature == (A, B, C) -> R {
    let context = function.context
    let slotA = try a.slot(in: context)
    let slotB = try b.slot(in: context)
    let slotC = try c.slot(in: context)
    let call = try entry.begin(context)
    unsafe call.slots.initialize(to: slotA)
    unsafe (call.slots + 1).initialize(to: slotB)
    unsafe (call.slots + 2).initialize(to: slotC)
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return result(of: call)
  }

  /// Calls with four arguments.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D
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
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return result(of: call)
  }

  /// Calls with five arguments.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E
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
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return result(of: call)
  }

  /// Calls with six arguments.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, F: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F
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
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return result(of: call)
  }

  /// Calls with seven arguments.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, F: WasmType, G: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F, _ g: G
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
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return result(of: call)
  }

  /// Calls with eight arguments. For more there is the form with values of any type.
  @inlinable
  public nonisolated(nonsending) func async<A: WasmType, B: WasmType, C: WasmType, D: WasmType, E: WasmType, F: WasmType, G: WasmType, H: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F, _ g: G, _ h: H
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
    let status = try context.start(call)
    if status != 0 { try await context.finish(call, status) }
    return result(of: call)
  }
}
