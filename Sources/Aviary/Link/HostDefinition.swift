import AviaryVM

/// A host function without its type: reads its arguments from the slots, leaves its results there.
/// The number is the address of the caller's context.
@usableFromInline
typealias HostBody = @Sendable (StoreContext, UInt, UnsafeMutablePointer<ValueSlot>) throws -> Void

/// A host function of a linker, of no store yet.
@safe
final class HostDefinition: Sendable {
  let type: FunctionType
  let body: HostBody
  init(_ type: FunctionType, _ body: @escaping HostBody) {
    self.type = type
    unsafe self.body = unsafe body
  }
}

/// A host function's type as the engine knows it.
struct HostSignature: Sendable {
  let type: VMFunctionType
  let registration: TypeRegistration
  let thunk: VMThunk
  var id: UInt32 { registration.ids[0] }

  init(_ type: FunctionType, _ engine: Engine) throws(WasmError) {
    self.type = type.runtime
    do throws(VMError) {
      registration = try engine.runtime.types.register(self.type)
      thunk = try engine.runtime.hostThunk(for: self.type.shape)
    } catch { throw WasmError(error) }
  }
}

/// The body of a host function that takes and gives values of any type.
func untypedBody<State>(
  _ type: FunctionType, _ body: @escaping @Sendable (borrowing Caller<State>, [Value]) throws -> [Value]
) -> HostBody {
  let type = type.runtime
  return { context, caller, slots in
    let arguments = type.parameters.enumerated().map { unsafe context.value(slots[$0.offset], as: $0.element) }
    let results = try body(Caller(context: context, vmContext: caller), arguments)
    guard results.count == type.results.count else {
      throw WasmError.host("the host function gave \(results.count) results, its type is \(FunctionType(type))")
    }
    for (index, (result, type)) in zip(results, type.results).enumerated() {
      unsafe slots[index] = try context.slot(result, as: type)
    }
  }
}
