/// A function whose type was checked once, to be called with Swift values.
///
/// ```swift
/// let add = try instance.function("add", as: ((Int32, Int32) -> Int32).self)
/// let sum = try add(40, 2)
/// ```
/// Up to four arguments take a path of fixed arity. A call throws `WasmError.trap`,
/// `WasmError.host` for a reference of another store, and what host functions throw, unchanged.
///
/// A handle: keeps the function's store and code alive.
@safe public struct TypedFunction<Signature> {
  public let function: Function
  @usableFromInline let entry: FunctionEntry
  @usableFromInline let decode: ResultDecoder

  @usableFromInline init(_ function: Function, _ entry: FunctionEntry, _ decode: @escaping ResultDecoder) {
    self.function = function
    self.entry = entry
    unsafe self.decode = unsafe decode
  }
}

/// Makes a tuple of the slots' values at the place given last, which is uninitialised memory for it.
@usableFromInline
typealias ResultDecoder = (UnsafeMutablePointer<ValueSlot>, StoreContext, UnsafeMutableRawPointer) -> Void

extension TypedFunction {
  /// Calls with any number of arguments.
  @inlinable
  public func callAsFunction<each P: WasmType, R>(_ argument: repeat each P) throws -> R where Signature == (repeat each P) -> R {
    let context = function.context
    return try unsafe withUnsafeTemporaryAllocation(of: ValueSlot.self, capacity: entry.slotCount) { buffer in
      let slots = unsafe buffer.baseAddress.unsafelyUnwrapped
      var index = 0
      for value in repeat each argument {
        unsafe (slots + index).initialize(to: try value.slot(in: context))
        index += 1
      }
      try unsafe entry.call(context, slots)
      return unsafe result(slots)
    }
  }

  /// Calls without arguments.
  @inlinable
  public func callAsFunction<R>() throws -> R where Signature == () -> R {
    guard entry.slotCount <= 1 else { return try packed(ValueSlot(), ValueSlot(), ValueSlot(), ValueSlot()) }
    var slots = ValueSlot()
    return try unsafe withUnsafeMutablePointer(to: &slots) { slots in
      try unsafe entry.call(function.context, slots)
      return unsafe result(slots)
    }
  }

  /// Calls with one argument.
  @inlinable
  public func callAsFunction<A: WasmType, R>(_ a: A) throws -> R where Signature == (A) -> R {
    let a = try a.slot(in: function.context)
    guard entry.slotCount <= 1 else { return try packed(a, ValueSlot(), ValueSlot(), ValueSlot()) }
    var slots = a
    return try unsafe withUnsafeMutablePointer(to: &slots) { slots in
      try unsafe entry.call(function.context, slots)
      return unsafe result(slots)
    }
  }

  /// Calls with two arguments.
  @inlinable
  public func callAsFunction<A: WasmType, B: WasmType, R>(_ a: A, _ b: B) throws -> R where Signature == (A, B) -> R {
    var slots = (try a.slot(in: function.context), try b.slot(in: function.context))
    guard entry.slotCount <= 2 else { return try packed(slots.0, slots.1, ValueSlot(), ValueSlot()) }
    return try unsafe withUnsafeMutablePointer(to: &slots) { tuple in
      let slots = unsafe UnsafeMutableRawPointer(tuple).assumingMemoryBound(to: ValueSlot.self)
      try unsafe entry.call(function.context, slots)
      return unsafe result(slots)
    }
  }

  /// Calls with three arguments.
  @inlinable
  public func callAsFunction<A: WasmType, B: WasmType, C: WasmType, R>(
    _ a: A, _ b: B, _ c: C
  ) throws -> R where Signature == (A, B, C) -> R {
    var slots = (try a.slot(in: function.context), try b.slot(in: function.context), try c.slot(in: function.context))
    guard entry.slotCount <= 3 else { return try packed(slots.0, slots.1, slots.2, ValueSlot()) }
    return try unsafe withUnsafeMutablePointer(to: &slots) { tuple in
      let slots = unsafe UnsafeMutableRawPointer(tuple).assumingMemoryBound(to: ValueSlot.self)
      try unsafe entry.call(function.context, slots)
      return unsafe result(slots)
    }
  }

  /// Calls with four arguments.
  @inlinable
  public func callAsFunction<A: WasmType, B: WasmType, C: WasmType, D: WasmType, R>(
    _ a: A, _ b: B, _ c: C, _ d: D
  ) throws -> R where Signature == (A, B, C, D) -> R {
    var slots = (
      try a.slot(in: function.context), try b.slot(in: function.context), try c.slot(in: function.context),
      try d.slot(in: function.context)
    )
    guard entry.slotCount <= 4 else { return try packed(slots.0, slots.1, slots.2, slots.3) }
    return try unsafe withUnsafeMutablePointer(to: &slots) { tuple in
      let slots = unsafe UnsafeMutableRawPointer(tuple).assumingMemoryBound(to: ValueSlot.self)
      try unsafe entry.call(function.context, slots)
      return unsafe result(slots)
    }
  }

  /// For functions with more results than arguments: the slots do not suffice.
  @usableFromInline @inline(never)
  func packed<R>(_ a: ValueSlot, _ b: ValueSlot, _ c: ValueSlot, _ d: ValueSlot) throws -> R {
    try unsafe withUnsafeTemporaryAllocation(of: ValueSlot.self, capacity: max(entry.slotCount, 4)) { buffer in
      let slots = unsafe buffer.baseAddress.unsafelyUnwrapped
      unsafe slots.initialize(to: a)
      unsafe (slots + 1).initialize(to: b)
      unsafe (slots + 2).initialize(to: c)
      unsafe (slots + 3).initialize(to: d)
      try unsafe entry.call(function.context, slots)
      return unsafe result(slots)
    }
  }

  /// The tests of types fold away where the call is specialised.
  ///
  /// Unsafe contract: `R` is the result of `Signature`, checked when the function was made.
  @inlinable
  func result<R>(_ slots: UnsafeMutablePointer<ValueSlot>) -> R {
    if R.self == Void.self { return unsafe unsafeBitCast((), to: R.self) }
    if R.self == Int32.self { return unsafe unsafeBitCast(Int32(truncatingIfNeeded: slots.pointee.low), to: R.self) }
    if R.self == UInt32.self { return unsafe unsafeBitCast(UInt32(truncatingIfNeeded: slots.pointee.low), to: R.self) }
    if R.self == Int64.self { return unsafe unsafeBitCast(Int64(truncatingIfNeeded: slots.pointee.low), to: R.self) }
    if R.self == UInt64.self { return unsafe unsafeBitCast(slots.pointee.low, to: R.self) }
    if R.self == Float.self { return unsafe unsafeBitCast(UInt32(truncatingIfNeeded: slots.pointee.low), to: R.self) }
    if R.self == Double.self { return unsafe unsafeBitCast(slots.pointee.low, to: R.self) }
    return unsafe withUnsafeTemporaryAllocation(of: R.self, capacity: 1) { place in
      let place = unsafe place.baseAddress.unsafelyUnwrapped
      if isVector(R.self) {
        unsafe UnsafeMutableRawPointer(place).storeBytes(of: slots.pointee, as: ValueSlot.self)
      } else {
        unsafe decode(slots, function.context, UnsafeMutableRawPointer(place))
      }
      return unsafe place.move()
    }
  }
}

// MARK: Making them

extension Function {
  /// The function with its type checked.
  /// - Throws: `WasmError.host` where the type is another.
  public func typed<each P: WasmType>(
    as type: ((repeat each P) -> Void).Type
  ) throws(WasmError) -> TypedFunction<(repeat each P) -> Void> {
    var parameters: [ValueType] = []
    repeat parameters.append(declaredType((each P).self))
    return unsafe TypedFunction(self, try checkedEntry(parameters, [])) { _, _, _ in }
  }

  /// The same for one result.
  public func typed<each P: WasmType, R: WasmType>(
    as type: ((repeat each P) -> R).Type
  ) throws(WasmError) -> TypedFunction<(repeat each P) -> R> {
    var parameters: [ValueType] = []
    repeat parameters.append(declaredType((each P).self))
    return unsafe TypedFunction(self, try checkedEntry(parameters, [declaredType(R.self)])) { slots, context, place in
      unsafe place.initializeMemory(as: R.self, to: R(slot: slots.pointee, in: context))
    }
  }

  /// The same for several results: a tuple.
  public func typed<each P: WasmType, each R: WasmType>(
    as type: ((repeat each P) -> (repeat each R)).Type
  ) throws(WasmError) -> TypedFunction<(repeat each P) -> (repeat each R)> {
    var parameters: [ValueType] = []
    repeat parameters.append(declaredType((each P).self))
    var results: [ValueType] = []
    repeat results.append(declaredType((each R).self))
    return unsafe TypedFunction(self, try checkedEntry(parameters, results)) { slots, context, place in
      // Slots keep no exceptions: a type of the embedder's that calls the guest may have them collected.
      var kept: [ExnRef] = []
      var index = 0
      func keep<T: WasmType>(_: T.Type) {
        defer { index += 1 }
        if T.self == ExnRef?.self, let exception = unsafe context.exception(slots[index].low) { kept.append(exception) }
      }
      repeat keep((each R).self)
      index = 0
      func next<T: WasmType>(_: T.Type) -> T {
        defer { index += 1 }
        return unsafe T(slot: slots[index], in: context)
      }
      let tuple = withExtendedLifetime(kept) { (repeat next((each R).self)) }
      unsafe place.initializeMemory(as: (repeat each R).self, to: tuple)
    }
  }
}

extension Instance {
  /// An exported function with its type checked. Cheap where the same was asked of another instance of the module.
  /// - Throws: `WasmError.host` where there is none or its type is another.
  @inlinable
  public func function<each P: WasmType>(
    _ name: String, as type: ((repeat each P) -> Void).Type
  ) throws(WasmError) -> TypedFunction<(repeat each P) -> Void> {
    if let (function, entry) = known(name, ObjectIdentifier(type)) { return unsafe TypedFunction(function, entry) { _, _, _ in } }
    let typed = try function(name).typed(as: type)
    remember(name, ObjectIdentifier(type), typed.entry)
    return typed
  }
  /// The same for one result.
  @inlinable
  public func function<each P: WasmType, R: WasmType>(
    _ name: String, as type: ((repeat each P) -> R).Type
  ) throws(WasmError) -> TypedFunction<(repeat each P) -> R> {
    if let (function, entry) = known(name, ObjectIdentifier(type)) {
      return unsafe TypedFunction(function, entry) { slots, context, place in
        unsafe place.initializeMemory(as: R.self, to: R(slot: slots.pointee, in: context))
      }
    }
    let typed = try function(name).typed(as: type)
    remember(name, ObjectIdentifier(type), typed.entry)
    return typed
  }
  /// The same for several results: a tuple.
  public func function<each P: WasmType, each R: WasmType>(
    _ name: String, as type: ((repeat each P) -> (repeat each R)).Type
  ) throws(WasmError) -> TypedFunction<(repeat each P) -> (repeat each R)> {
    try function(name).typed(as: type)
  }
}
