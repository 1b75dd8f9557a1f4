// The packs' forms with a fixed number of arguments: Swift makes them into code without loops over types.
extension Linker {
  /// The same for another number of arguments or results.
  @inlinable public func define(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>) async throws -> Void
  ) {
    unsafe defineAsyncHost(module, name, [], []) { context, caller, slots in
      try await body(Caller(context: context, vmContext: caller))
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<R: WasmType>(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>) async throws -> R
  ) {
    unsafe defineAsyncHost(module, name, [], [declaredType(R.self)]) { context, caller, slots in
      let result = try await body(Caller(context: context, vmContext: caller))
      unsafe slots[0] = try result.slot(in: context)
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType>(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, A) async throws -> Void
  ) {
    unsafe defineAsyncHost(module, name, [declaredType(A.self)], []) { context, caller, slots in
      try await unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context))
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType, R: WasmType>(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, A) async throws -> R
  ) {
    unsafe defineAsyncHost(module, name, [declaredType(A.self)], [declaredType(R.self)]) { context, caller, slots in
      let result = try await unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context))
      unsafe slots[0] = try result.slot(in: context)
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType, B: WasmType>(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, A, B) async throws -> Void
  ) {
    unsafe defineAsyncHost(module, name, [declaredType(A.self), declaredType(B.self)], []) { context, caller, slots in
      try await unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context), B(slot: slots[1], in: context))
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType, B: WasmType, R: WasmType>(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, A, B) async throws -> R
  ) {
    unsafe defineAsyncHost(module, name, [declaredType(A.self), declaredType(B.self)], [declaredType(R.self)]) { context, caller, slots in
      let result = try await unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context), B(slot: slots[1], in: context))
      unsafe slots[0] = try result.slot(in: context)
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType, B: WasmType, C: WasmType>(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, A, B, C) async throws -> Void
  ) {
    unsafe defineAsyncHost(module, name, [declaredType(A.self), declaredType(B.self), declaredType(C.self)], []) { context, caller, slots in
      try await unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context), B(slot: slots[1], in: context), C(slot: slots[2], in: context))
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType, B: WasmType, C: WasmType, R: WasmType>(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, A, B, C) async throws -> R
  ) {
    unsafe defineAsyncHost(module, name, [declaredType(A.self), declaredType(B.self), declaredType(C.self)], [declaredType(R.self)]) { context, caller, slots in
      let result = try await unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context), B(slot: slots[1], in: context), C(slot: slots[2], in: context))
      unsafe slots[0] = try result.slot(in: context)
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType, B: WasmType, C: WasmType, D: WasmType>(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, A, B, C, D) async throws -> Void
  ) {
    unsafe defineAsyncHost(module, name, [declaredType(A.self), declaredType(B.self), declaredType(C.self), declaredType(D.self)], []) { context, caller, slots in
      try await unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context), B(slot: slots[1], in: context), C(slot: slots[2], in: context), D(slot: slots[3], in: context))
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType, B: WasmType, C: WasmType, D: WasmType, R: WasmType>(
    _ module: String, _ name: String,
    _ body: nonisolated(nonsending) @escaping @Sendable (borrowing Caller<State>, A, B, C, D) async throws -> R
  ) {
    unsafe defineAsyncHost(module, name, [declaredType(A.self), declaredType(B.self), declaredType(C.self), declaredType(D.self)], [declaredType(R.self)]) { context, caller, slots in
      let result = try await unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context), B(slot: slots[1], in: context), C(slot: slots[2], in: context), D(slot: slots[3], in: context))
      unsafe slots[0] = try result.slot(in: context)
    }
  }
}
