import AviaryVM

/// An asynchronous host function without its type: as `HostBody`, but it may suspend. The slots lie on the guest's
/// stack, and the store keeps all that is given.
@usableFromInline
typealias AsyncHostBody =
  nonisolated(nonsending) @Sendable (StoreContext, UInt, UnsafeMutablePointer<ValueSlot>) async throws -> Void

/// What comes before it on the guest's thread: true where the results are there, and nothing has to wait. Where
/// `canSuspend` is false it blocks or throws instead.
typealias AsyncHostAttempt = @Sendable (
  StoreContext, UInt, UnsafeMutablePointer<ValueSlot>, _ canSuspend: Bool
) throws -> Bool

/// The asynchronous part of a host function.
@safe
final class AsyncHostFunction: Sendable {
  let body: AsyncHostBody
  /// nil: the guest is suspended at once.
  let attempt: AsyncHostAttempt?

  init(_ body: @escaping AsyncHostBody, attempt: AsyncHostAttempt? = nil) {
    unsafe self.body = body
    unsafe self.attempt = attempt
  }

  /// Whether it does nothing on its guest's thread but suspend the guest.
  var waits: Bool { unsafe attempt == nil }

  /// What a suspended guest has called. The store keeps the function, and the call keeps the store.
  static func of(_ call: VMSuspendedCall) -> AsyncHostFunction {
    unsafe call.continuation._withUnsafeGuaranteedRef { unsafe unsafeDowncast($0, to: AsyncHostFunction.self) }
  }
}

extension StoreContext {
  /// Makes an asynchronous host function of this store.
  final func makeFunction(_ signature: HostSignature, _ function: AsyncHostFunction, named name: VMHostName?) throws(WasmError) -> VMFunction {
    let attempt = unsafe function.attempt
    return unsafe VMFunction(
      unsafe: try runtime(), signature.registration, signature.type, thunk: signature.thunk, name: name,
      waits: function.waits, attempt: { caller, values, canSuspend in
        guard let attempt = unsafe attempt else {
          if canSuspend { return false }
          throw StoreContext.cannotSuspend(in: name)
        }
        let slots = unsafe UnsafeMutableRawPointer(values).assumingMemoryBound(to: ValueSlot.self)
        let address = caller.contextAddress
        let context = unsafe Unmanaged<StoreContext>.fromOpaque(caller.embedder.unsafelyUnwrapped)
        return try unsafe context._withUnsafeGuaranteedRef { try unsafe attempt($0, address, slots, canSuspend) }
      }, continuation: function)
  }

  private static func cannotSuspend(in name: VMHostName?) -> WasmError {
    .host(
      "\(name.map { "the host function \($0.text)" } ?? "a host function") is asynchronous, and its guest cannot be suspended: "
        + "it was called synchronously, or by a synchronous host function. Call it with async(…)")
  }
}
