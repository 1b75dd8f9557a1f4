import AviaryVM

// Results have no packs: a closure that is asynchronous and gives a tuple of a pack makes Swift 6.3's task allocator stop
// the process.
//
// What a body is given as its caller and its arguments is read before it first suspends; results are written to the
// guest's stack when it has ended. References among them stay good: the store keeps what they name.
extension Linker {
  /// Defines an asynchronous host function: the guest that calls it is suspended until the closure has ended.
  ///
  /// ```swift
  /// linker.define("env", "fetch") { (caller: borrowing Caller<Tenant>, key: Int32) async throws -> Int32 in
  ///   try await caller.state.database.count(of: key)
  /// }
  /// ```
  /// It runs in the task and on the executor of the asynchronous call that runs the guest; with a deadline in a
  /// child task. It may call the guest again, synchronously or not. Guests call it within asynchronous calls only
  /// (`async(…)`): a synchronous call ends with `WasmError.host` that names it. What it throws ends the guest's call,
  /// and comes back from it unchanged. Up to four results are a tuple; for more there is the form with values of any type.
  @inlinable public func define<each P: WasmType>(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, repeat each P) async throws -> Void
  ) {
    var parameters: [ValueType] = []
    repeat parameters.append(declaredType((each P).self))
    unsafe defineAsyncHost(module, name, parameters, []) { context, caller, slots in
      var index = 0
      func next<T: WasmType>(_: T.Type) -> T {
        defer { index += 1 }
        return unsafe T(slot: slots[index], in: context)
      }
      try await body(Caller(context: context, vmContext: caller), repeat next((each P).self))
    }
  }

  /// The same for one result.
  @inlinable public func define<each P: WasmType, R: WasmType>(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, repeat each P) async throws -> R
  ) {
    var parameters: [ValueType] = []
    repeat parameters.append(declaredType((each P).self))
    unsafe defineAsyncHost(module, name, parameters, [declaredType(R.self)]) { context, caller, slots in
      var index = 0
      func next<T: WasmType>(_: T.Type) -> T {
        defer { index += 1 }
        return unsafe T(slot: slots[index], in: context)
      }
      let result = try await body(Caller(context: context, vmContext: caller), repeat next((each P).self))
      unsafe slots[0] = try result.slot(in: context)
    }
  }

  /// The same for two results.
  @inlinable public func define<each P: WasmType, RA: WasmType, RB: WasmType>(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, repeat each P) async throws -> (RA, RB)
  ) {
    var parameters: [ValueType] = []
    repeat parameters.append(declaredType((each P).self))
    let results = [declaredType(RA.self), declaredType(RB.self)]
    unsafe defineAsyncHost(module, name, parameters, results) { context, caller, slots in
      var index = 0
      func next<T: WasmType>(_: T.Type) -> T {
        defer { index += 1 }
        return unsafe T(slot: slots[index], in: context)
      }
      let result = try await body(Caller(context: context, vmContext: caller), repeat next((each P).self))
      unsafe slots[0] = try result.0.slot(in: context)
      unsafe slots[1] = try result.1.slot(in: context)
    }
  }

  /// The same for three results.
  @inlinable public func define<each P: WasmType, RA: WasmType, RB: WasmType, RC: WasmType>(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, repeat each P) async throws -> (RA, RB, RC)
  ) {
    var parameters: [ValueType] = []
    repeat parameters.append(declaredType((each P).self))
    let results = [declaredType(RA.self), declaredType(RB.self), declaredType(RC.self)]
    unsafe defineAsyncHost(module, name, parameters, results) { context, caller, slots in
      var index = 0
      func next<T: WasmType>(_: T.Type) -> T {
        defer { index += 1 }
        return unsafe T(slot: slots[index], in: context)
      }
      let result = try await body(Caller(context: context, vmContext: caller), repeat next((each P).self))
      unsafe slots[0] = try result.0.slot(in: context)
      unsafe slots[1] = try result.1.slot(in: context)
      unsafe slots[2] = try result.2.slot(in: context)
    }
  }

  /// The same for four results.
  @inlinable public func define<each P: WasmType, RA: WasmType, RB: WasmType, RC: WasmType, RD: WasmType>(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, repeat each P) async throws -> (RA, RB, RC, RD)
  ) {
    var parameters: [ValueType] = []
    repeat parameters.append(declaredType((each P).self))
    let results = [declaredType(RA.self), declaredType(RB.self), declaredType(RC.self), declaredType(RD.self)]
    unsafe defineAsyncHost(module, name, parameters, results) { context, caller, slots in
      var index = 0
      func next<T: WasmType>(_: T.Type) -> T {
        defer { index += 1 }
        return unsafe T(slot: slots[index], in: context)
      }
      let result = try await body(Caller(context: context, vmContext: caller), repeat next((each P).self))
      unsafe slots[0] = try result.0.slot(in: context)
      unsafe slots[1] = try result.1.slot(in: context)
      unsafe slots[2] = try result.2.slot(in: context)
      unsafe slots[3] = try result.3.slot(in: context)
    }
  }

  /// Defines an asynchronous function of any type; see the synchronous one for what `body` owes.
  public func define(
    _ module: String, _ name: String, _ type: FunctionType,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, [Value]) async throws -> [Value]
  ) {
    unsafe define(module, name, type, .asynchronous(AsyncHostFunction(untypedBody(type, engine, body))))
  }

  /// Defines an asynchronous host function that works on slots, for whole interfaces. `attempt` runs first, on
  /// the guest's thread: true where it left the results and nothing has to wait; where the guest cannot be
  /// suspended (`canSuspend`) it blocks or throws. Else the guest is suspended, and `body` leaves the results.
  ///
  /// Unsafe contract: both touch as many slots as the function has parameters or results, whichever are more, leave
  /// results of the right types, and keep no pointer. Memory is asked for anew after each suspension
  /// (`Caller.memoryRecord`).
  package func define(
    _ module: String, _ name: String, parameters: [ValueType], results: [ValueType],
    attempt: @escaping @Sendable (
      borrowing Caller<State>, UnsafeMutablePointer<ValueSlot>, _ canSuspend: Bool
    ) throws -> Bool,
    body: nonisolated(nonsending) @escaping @Sendable (
      borrowing Caller<State>, UnsafeMutablePointer<ValueSlot>
    ) async throws -> Void
  ) {
    let function = unsafe AsyncHostFunction(
      { context, caller, slots in try await unsafe body(Caller(context: context, vmContext: caller), slots) },
      attempt: { context, caller, slots, canSuspend in
        try unsafe attempt(Caller(context: context, vmContext: caller), slots, canSuspend)
      })
    let type = FunctionType(parameters: parameters, results: results)
    define(module, name, type, .asynchronous(function))
  }
}

/// As the synchronous one.
func untypedBody<State>(
  _ declared: FunctionType, _ engine: Engine,
  _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, [Value]) async throws -> [Value]
) -> AsyncHostBody {
  let resolved = Result { () throws(WasmError) in try declared.runtime(in: engine) }
  return { context, caller, slots in
    let type = try resolved.get()
    let arguments = type.parameters.enumerated().map { unsafe context.value(slots[$0.offset], as: $0.element) }
    let results = try await body(Caller(context: context, vmContext: caller), arguments)
    guard results.count == type.results.count else {
      throw WasmError.host("the host function gave \(results.count) results, its type is \(declared)")
    }
    for (index, (result, type)) in zip(results, type.results).enumerated() {
      unsafe slots[index] = try context.slot(result, as: type)
    }
  }
}
