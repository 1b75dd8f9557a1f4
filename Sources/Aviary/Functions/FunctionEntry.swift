import AviaryPool
import AviaryVM
import CAviaryContract

/// How to enter a function: what a typed function looked up once.
@usableFromInline
struct FunctionEntry {
  /// max(parameters, results, 1).
  @usableFromInline let slotCount: Int
  let function: VMFunction
  let thunk: VMThunk

  init(_ function: Function, _ signature: CallSignature) {
    slotCount = signature.slotCount
    self.function = function.runtime
    thunk = signature.thunk
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

/// What calls of one function type need, looked up once a store.
final class CallSignature {
  let runtime: VMFunctionType
  let type: FunctionType
  let slotCount: Int
  let thunk: VMThunk

  init(_ runtime: VMFunctionType, _ engine: Engine) throws(WasmError) {
    self.runtime = runtime
    type = FunctionType(runtime, engine)
    slotCount = max(runtime.parameters.count, runtime.results.count, 1)
    do throws(VMError) {
      thunk = try engine.runtime.entryThunk(for: runtime.shape)
    } catch { throw WasmError(error) }
  }
}

extension Function {
  func checkedEntry(_ parameters: [ValueType], _ results: [ValueType]) throws(WasmError) -> FunctionEntry {
    let signature = try context.signature(runtime)
    let actual = signature.type
    guard actual.parameters == parameters, actual.results == results else {
      throw .host("the function's type is \(actual), not \(FunctionType(parameters: parameters, results: results))")
    }
    return FunctionEntry(self, signature)
  }
}
