extension Linker {
  /// Defines a host function: the closure's type is the function's type.
  ///
  /// ```swift
  /// linker.define("env", "log") { (caller: borrowing Caller<Tenant>, ptr: Int32, len: Int32) throws -> Void in
  ///   print(caller.state.id, try caller.string(at: ptr, count: len))
  /// }
  /// ```
  /// It runs on the calling thread's own stack. What it throws ends the guest's call, and
  /// comes back from it unchanged. Several results are a tuple.
  @inlinable public func define<each P: WasmType>(
    _ module: String, _ name: String, _ body: @escaping @Sendable (borrowing Caller<State>, repeat each P) throws -> Void
  ) {
    var parameters: [ValueType] = []
    repeat parameters.append(declaredType((each P).self))
    unsafe defineHost(module, name, parameters, []) { context, caller, slots in
      var index = 0
      func next<T: WasmType>(_: T.Type) -> T {
        defer { index += 1 }
        return unsafe T(slot: slots[index], in: context)
      }
      try body(Caller(context: context, vmContext: caller), repeat next((each P).self))
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<each P: WasmType, R: WasmType>(
    _ module: String, _ name: String, _ body: @escaping @Sendable (borrowing Caller<State>, repeat each P) throws -> R
  ) {
    var parameters: [ValueType] = []
    repeat parameters.append(declaredType((each P).self))
    unsafe defineHost(module, name, parameters, [declaredType(R.self)]) { context, caller, slots in
      var index = 0
      func next<T: WasmType>(_: T.Type) -> T {
        defer { index += 1 }
        return unsafe T(slot: slots[index], in: context)
      }
      let result = try body(Caller(context: context, vmContext: caller), repeat next((each P).self))
      unsafe slots[0] = try result.slot(in: context)
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<each P: WasmType, each R: WasmType>(
    _ module: String, _ name: String,
    _ body: @escaping @Sendable (borrowing Caller<State>, repeat each P) throws -> (repeat each R)
  ) {
    var parameters: [ValueType] = []
    repeat parameters.append(declaredType((each P).self))
    var results: [ValueType] = []
    repeat results.append(declaredType((each R).self))
    unsafe defineHost(module, name, parameters, results) { context, caller, slots in
      var index = 0
      func next<T: WasmType>(_: T.Type) -> T {
        defer { index += 1 }
        return unsafe T(slot: slots[index], in: context)
      }
      let result = try body(Caller(context: context, vmContext: caller), repeat next((each P).self))
      index = 0
      func put<T: WasmType>(_ value: T) throws {
        unsafe slots[index] = try value.slot(in: context)
        index += 1
      }
      for value in repeat each result { try put(value) }
    }
  }

  // MARK: Fixed arity, the fast path

  /// The same for another number of arguments or results.
  @inlinable public func define(
    _ module: String, _ name: String, _ body: @escaping @Sendable (borrowing Caller<State>) throws -> Void
  ) {
    unsafe defineHost(module, name, [], []) { context, caller, slots in
      try body(Caller(context: context, vmContext: caller))
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<R: WasmType>(
    _ module: String, _ name: String, _ body: @escaping @Sendable (borrowing Caller<State>) throws -> R
  ) {
    unsafe defineHost(module, name, [], [declaredType(R.self)]) { context, caller, slots in
      let result = try body(Caller(context: context, vmContext: caller))
      unsafe slots[0] = try result.slot(in: context)
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType>(
    _ module: String, _ name: String, _ body: @escaping @Sendable (borrowing Caller<State>, A) throws -> Void
  ) {
    unsafe defineHost(module, name, [declaredType(A.self)], []) { context, caller, slots in
      try unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context))
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType, R: WasmType>(
    _ module: String, _ name: String, _ body: @escaping @Sendable (borrowing Caller<State>, A) throws -> R
  ) {
    unsafe defineHost(module, name, [declaredType(A.self)], [declaredType(R.self)]) { context, caller, slots in
      let result = try unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context))
      unsafe slots[0] = try result.slot(in: context)
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType, B: WasmType>(
    _ module: String, _ name: String, _ body: @escaping @Sendable (borrowing Caller<State>, A, B) throws -> Void
  ) {
    unsafe defineHost(module, name, [declaredType(A.self), declaredType(B.self)], []) { context, caller, slots in
      try unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context), B(slot: slots[1], in: context))
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType, B: WasmType, R: WasmType>(
    _ module: String, _ name: String, _ body: @escaping @Sendable (borrowing Caller<State>, A, B) throws -> R
  ) {
    unsafe defineHost(module, name, [declaredType(A.self), declaredType(B.self)], [declaredType(R.self)]) { context, caller, slots in
      let result = try unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context), B(slot: slots[1], in: context))
      unsafe slots[0] = try result.slot(in: context)
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType, B: WasmType, C: WasmType>(
    _ module: String, _ name: String, _ body: @escaping @Sendable (borrowing Caller<State>, A, B, C) throws -> Void
  ) {
    unsafe defineHost(module, name, [declaredType(A.self), declaredType(B.self), declaredType(C.self)], []) { context, caller, slots in
      try unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context), B(slot: slots[1], in: context), C(slot: slots[2], in: context))
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType, B: WasmType, C: WasmType, R: WasmType>(
    _ module: String, _ name: String, _ body: @escaping @Sendable (borrowing Caller<State>, A, B, C) throws -> R
  ) {
    unsafe defineHost(module, name, [declaredType(A.self), declaredType(B.self), declaredType(C.self)], [declaredType(R.self)]) { context, caller, slots in
      let result = try unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context), B(slot: slots[1], in: context), C(slot: slots[2], in: context))
      unsafe slots[0] = try result.slot(in: context)
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType, B: WasmType, C: WasmType, D: WasmType>(
    _ module: String, _ name: String, _ body: @escaping @Sendable (borrowing Caller<State>, A, B, C, D) throws -> Void
  ) {
    unsafe defineHost(module, name, [declaredType(A.self), declaredType(B.self), declaredType(C.self), declaredType(D.self)], []) { context, caller, slots in
      try unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context), B(slot: slots[1], in: context), C(slot: slots[2], in: context), D(slot: slots[3], in: context))
    }
  }

  /// The same for another number of arguments or results.
  @inlinable public func define<A: WasmType, B: WasmType, C: WasmType, D: WasmType, R: WasmType>(
    _ module: String, _ name: String, _ body: @escaping @Sendable (borrowing Caller<State>, A, B, C, D) throws -> R
  ) {
    unsafe defineHost(module, name, [declaredType(A.self), declaredType(B.self), declaredType(C.self), declaredType(D.self)], [declaredType(R.self)]) { context, caller, slots in
      let result = try unsafe body(Caller(context: context, vmContext: caller), A(slot: slots[0], in: context), B(slot: slots[1], in: context), C(slot: slots[2], in: context), D(slot: slots[3], in: context))
      unsafe slots[0] = try result.slot(in: context)
    }
  }
}
