/// How to enter a function: what a typed function looked up once.
@usableFromInline
struct FunctionEntry {
  /// max(parameters, results, 1).
  @usableFromInline let slotCount: Int

  /// Unsafe contract: `slots` has `slotCount` slots, the first of them initialised to
  /// arguments of the function's types; `context` is the function's.
  @usableFromInline func call(_ context: StoreContext, _ slots: UnsafeMutablePointer<ValueSlot>) throws { throw notYet() }
}

extension Function {
  func checkedEntry(_ parameters: [ValueType], _ results: [ValueType]) throws(WasmError) -> FunctionEntry { throw notYet() }
}
