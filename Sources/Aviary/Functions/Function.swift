import AviaryVM

/// A function of a store: a guest's, or the host's.
///
/// A handle: copies name the same function, and keep its store and code alive. Equality is
/// identity.
public struct Function: Equatable {
  /// The store's identity.
  public let context: StoreContext
  let reference: VMFunctionReference
  var runtime: VMFunction { reference.function(in: context.usedRuntime) }

  init(context: StoreContext, runtime: VMFunction) {
    self.init(context, VMFunctionReference(runtime))
  }
  init(_ context: StoreContext, _ reference: VMFunctionReference) {
    self.context = context
    self.reference = reference
  }

  /// Makes a host function of any type; see `Linker.define` for what `body` owes.
  /// - Throws: `WasmError.exhausted`.
  public init<State>(
    in store: Store<State>, _ type: FunctionType,
    _ body: @escaping @Sendable (borrowing Caller<State>, [Value]) throws -> [Value]
  ) throws(WasmError) {
    let signature = try HostSignature(type, store.engine)
    let context = store.context
    let function = unsafe HostFunction(untypedBody(type, store.engine, body))
    self.init(context: context, runtime: try context.makeFunction(signature, function, named: nil))
  }

  /// Parameters and results.
  public var type: FunctionType { FunctionType(runtime.type, context.engine) }

  /// Calls with values of any type.
  ///
  /// - Throws: `WasmError.host` for values that do not fit the type or belong to another store,
  ///   `WasmError.trap`, and what host functions throw, unchanged.
  public func callAsFunction(_ arguments: [Value]) throws -> [Value] {
    let signature = try context.signature(runtime)
    let type = signature.runtime
    guard arguments.count == type.parameters.count else {
      throw WasmError.host("\(arguments.count) arguments given, the type is \(signature.type)")
    }
    let entry = FunctionEntry(reference, signature.shape)
    return try unsafe withUnsafeTemporaryAllocation(of: ValueSlot.self, capacity: entry.slotCount) { slots in
      unsafe slots.initialize(repeating: ValueSlot())
      for (index, (argument, type)) in zip(arguments, type.parameters).enumerated() {
        unsafe slots[index] = try context.slot(argument, as: type)
      }
      try unsafe entry.call(context, slots.baseAddress.unsafelyUnwrapped)
      return type.results.enumerated().map { unsafe context.value(slots[$0.offset], as: $0.element) }
    }
  }
  /// The same with the arguments one by one.
  public func callAsFunction(_ arguments: Value...) throws -> [Value] { try callAsFunction(arguments) }

  public static func == (a: Function, b: Function) -> Bool { a.reference == b.reference }
}
