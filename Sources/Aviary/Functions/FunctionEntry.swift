import AviaryVM
import CAviaryContract

/// How to enter a function: what a typed function looked up once.
@usableFromInline
struct FunctionEntry {
  /// max(parameters, results, 1).
  @usableFromInline let slotCount: Int
  let function: VMFunction
  let thunk: VMThunk

  init(_ function: Function, _ type: VMFunctionType) throws(WasmError) {
    slotCount = max(type.parameters.count, type.results.count, 1)
    self.function = function.runtime
    do throws(VMError) {
      thunk = try function.context.engine.runtime.entryThunk(for: type.shape)
    } catch { throw WasmError(error) }
  }

  /// Unsafe contract: `slots` has `slotCount` slots, the first of them initialised to
  /// arguments of the function's types; `context` is the function's.
  @usableFromInline func call(_ context: StoreContext, _ slots: UnsafeMutablePointer<ValueSlot>) throws {
    let values = unsafe UnsafeMutableRawPointer(slots).assumingMemoryBound(to: AviaryValue.self)
    do throws(VMCallError) {
      try unsafe function.call(unsafe: values, thunk)
    } catch { throw context.error(error) }
  }
}

extension Function {
  func checkedEntry(_ parameters: [ValueType], _ results: [ValueType]) throws(WasmError) -> FunctionEntry {
    let type = runtime.type
    let actual = self.type
    guard actual.parameters == parameters, actual.results == results else {
      throw .host("the function's type is \(actual), not \(FunctionType(parameters: parameters, results: results))")
    }
    return try FunctionEntry(self, type)
  }
}
