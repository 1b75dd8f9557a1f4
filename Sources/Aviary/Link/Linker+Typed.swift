extension Linker {
  @usableFromInline typealias HostBody = @Sendable (StoreContext, UInt, UnsafeMutablePointer<ValueSlot>) throws -> Void

  @usableFromInline func defineHost(
    _ module: String, _ name: String, _ parameters: [ValueType], _ results: [ValueType], _ body: @escaping HostBody
  ) {}

  /// Defines a host function: the closure's type is the function's type.
  ///
  /// ```swift
  /// linker.define("env", "log") { (caller: borrowing Caller<Tenant>, ptr: Int32, len: Int32) throws -> Void in
  ///   print(caller.state.id, try caller.string(at: ptr, count: len))
  /// }
  /// ```
  /// It runs on the calling thread's own stack. What it throws ends the guest's call, and
  /// comes back from it unchanged.
  @inlinable public func define<each P: WasmType>(
    _ module: String, _ name: String, _ body: @escaping @Sendable (borrowing Caller<State>, repeat each P) throws -> Void
  ) {
    var parameters: [ValueType] = []
    repeat parameters.append((each P).wasmType)
    unsafe defineHost(module, name, parameters, []) { context, caller, slots in
      var index = 0
      func next<T: WasmType>(_: T.Type) -> T {
        defer { index += 1 }
        return unsafe T(slot: slots[index], in: context)
      }
      try body(Caller(context: context, vmContext: caller), repeat next((each P).self))
    }
  }

  @inlinable public func define<each P: WasmType, R: WasmType>(
    _ module: String, _ name: String, _ body: @escaping @Sendable (borrowing Caller<State>, repeat each P) throws -> R
  ) {
    var parameters: [ValueType] = []
    repeat parameters.append((each P).wasmType)
    unsafe defineHost(module, name, parameters, [R.wasmType]) { context, caller, slots in
      var index = 0
      func next<T: WasmType>(_: T.Type) -> T {
        defer { index += 1 }
        return unsafe T(slot: slots[index], in: context)
      }
      let result = try body(Caller(context: context, vmContext: caller), repeat next((each P).self))
      unsafe slots[0] = try result.slot(in: context)
    }
  }

  @inlinable public func define<each P: WasmType, R0: WasmType, R1: WasmType, each R: WasmType>(
    _ module: String, _ name: String,
    _ body: @escaping @Sendable (borrowing Caller<State>, repeat each P) throws -> (R0, R1, repeat each R)
  ) {
    var parameters: [ValueType] = []
    repeat parameters.append((each P).wasmType)
    var results = [R0.wasmType, R1.wasmType]
    repeat results.append((each R).wasmType)
    unsafe defineHost(module, name, parameters, results) { context, caller, slots in
      var index = 0
      func next<T: WasmType>(_: T.Type) -> T {
        defer { index += 1 }
        return unsafe T(slot: slots[index], in: context)
      }
      let result = try body(Caller(context: context, vmContext: caller), repeat next((each P).self))
      _ = result
    }
  }
}
