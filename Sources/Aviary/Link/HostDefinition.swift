import AviaryPool
import AviaryVM

/// A host function without its type: reads its arguments from the slots, leaves its results there.
/// The number is the address of the caller's context.
@usableFromInline
typealias HostBody = @Sendable (StoreContext, UInt, UnsafeMutablePointer<ValueSlot>) throws -> Void

/// Keeps a synchronous host function for the stores that call it.
@safe
final class HostFunction: Sendable {
  @safe private struct Holder: Sendable {
    let body: HostBody
  }
  private let holder: Holder

  init(_ body: @escaping HostBody) { unsafe holder = Holder(body: body) }

  /// The body is given the store's present tenant. Whoever calls the function holds that; the function must not.
  var direct: VMDirectBody { VMDirectBody(unsafe: holder, keptBy: self) }
}

/// A host function of a linker, of no store yet.
@safe
final class HostDefinition: Sendable {
  /// As imports name it.
  let name: VMHostName
  let type: FunctionType
  let body: Body
  init(_ name: VMHostName, _ type: FunctionType, _ body: Body) {
    self.name = name
    self.type = type
    self.body = body
  }

  @safe enum Body: Sendable {
    case synchronous(HostFunction)
    case asynchronous(AsyncHostFunction)

    /// Whether it does nothing on its guest's thread but suspend the guest.
    var waits: Bool {
      if case .asynchronous(let function) = self { function.waits } else { false }
    }
  }
}

/// A host function's type as the engine knows it.
struct HostSignature: Sendable {
  let type: VMFunctionType
  let registration: TypeRegistration
  let thunk: VMThunk
  var id: UInt32 { registration.ids[0] }

  /// - Parameter waits: the function does nothing but suspend its guest.
  init(_ type: FunctionType, _ engine: Engine, waits: Bool = false) throws(WasmError) {
    self.type = try type.runtime(in: engine)
    do throws(VMError) {
      registration = try engine.runtime.types.register(self.type)
      thunk = try engine.runtime.hostThunk(for: self.type.shape, waits: waits)
    } catch { throw WasmError(error) }
  }
}

/// The body of a host function that takes and gives values of any type. What is wrong with the type
/// is thrown when it is linked.
func untypedBody<State>(
  _ declared: FunctionType, _ engine: Engine,
  _ body: @escaping @Sendable (borrowing Caller<State>, [Value]) throws -> [Value]
) -> HostBody {
  let resolved = Result { () throws(WasmError) in try declared.runtime(in: engine) }
  return { context, caller, slots in
    let type = try resolved.get()
    let arguments = type.parameters.enumerated().map { unsafe context.value(slots[$0.offset], as: $0.element) }
    let results = try body(Caller(context: context, vmContext: caller), arguments)
    guard results.count == type.results.count else {
      throw WasmError.host("the host function gave \(results.count) results, its type is \(declared)")
    }
    for (index, (result, type)) in zip(results, type.results).enumerated() {
      unsafe slots[index] = try context.slot(result, as: type)
    }
  }
}
