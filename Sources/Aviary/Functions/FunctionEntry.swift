import AviaryPool
import AviaryVM
import CAviaryContract

/// How to enter a function: what a typed function looked up once. Its context keeps the function.
@usableFromInline
struct FunctionEntry {
  /// max(parameters, results, 1).
  @usableFromInline let slotCount: Int
  let function: VMFunctionReference
  let thunk: VMThunk

  init(_ function: VMFunctionReference, _ shape: VMCallShape) {
    slotCount = shape.slotCount
    self.function = function
    thunk = shape.thunk
  }

  /// Unsafe contract: `slots` has `slotCount` slots, the first of them initialised to
  /// arguments of the function's types; `context` is the function's.
  @usableFromInline func call(_ context: StoreContext, _ slots: UnsafeMutablePointer<ValueSlot>) throws {
    let values = unsafe UnsafeMutableRawPointer(slots).assumingMemoryBound(to: AviaryValue.self)
    let status = unsafe function.call(unsafe: values, thunk)
    if status != 0 { unsafe try settle(status, context, values) }
  }

  /// A call that did not return: its error, or another attempt for the task that may enter a suspended store.
  @inline(never)
  private func settle(_ status: UInt32, _ context: StoreContext, _ values: UnsafeMutablePointer<AviaryValue>) throws {
    var status = status
    if status == VMFiber.misused, context.isSuspendedForCaller {
      status = unsafe function.callNested(unsafe: values, thunk)
    }
    if status != 0 { throw context.failure(status) }
  }
}

/// What calls of one function type need, looked up once a store.
final class CallSignature {
  let runtime: VMFunctionType
  let type: FunctionType
  let shape: VMCallShape

  init(_ runtime: VMFunctionType, _ engine: Engine) throws(WasmError) {
    self.runtime = runtime
    type = FunctionType(runtime, engine)
    do throws(VMError) {
      shape = VMCallShape(
        slotCount: max(runtime.parameters.count, runtime.results.count, 1),
        thunk: try engine.runtime.entryThunk(for: runtime.shape))
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
    return FunctionEntry(reference, signature.shape)
  }
}

extension Instance {
  /// The exported function and its entry, where the Swift type was found to fit it before.
  @usableFromInline
  func known(_ name: String, _ type: ObjectIdentifier) -> (Function, FunctionEntry)? {
    guard let (function, shape) = reference.function(name, as: type) else { return nil }
    return (Function(context, function), FunctionEntry(function, shape))
  }

  /// Remembers that the Swift type fits.
  @usableFromInline
  func remember(_ name: String, _ type: ObjectIdentifier, _ entry: FunctionEntry) {
    reference.module.exports.remember(name, VMCallShape(slotCount: entry.slotCount, thunk: entry.thunk), as: type)
  }
}
