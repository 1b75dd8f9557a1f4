import AviaryCore
package import CAviaryContract
import CAviaryHost

// Objects of a store without the store: two words that are copied without counting. Whoever keeps
// one keeps the store by other means.

/// An instance, while somebody keeps its store.
@safe
package struct VMInstanceReference {
  unowned(unsafe) let state: InstanceState

  package init(_ instance: VMInstance) { unsafe state = unsafe instance.state }

  /// - Precondition: `store` is the instance's.
  package func instance(in store: VMStore) -> VMInstance { unsafe VMInstance(store, state) }

  package var module: VMModule { unsafe state.module }

  /// The exported function of the name, where the Swift type was found to fit it (`ExportIndex.remember`).
  package func function(_ name: String, as type: ObjectIdentifier) -> (VMFunctionReference, VMCallShape)? {
    // Every module's instances share the index: its count would be contended.
    unsafe Unmanaged.passUnretained(state)._withUnsafeGuaranteedRef { state in
      guard let (place, call) = unsafe state.exports._withUnsafeGuaranteedRef({ $0.function(name, as: type) }) else { return nil }
      return unsafe (VMFunctionReference(state.functionRef(at: place), state.storeWords), call)
    }
  }

  /// A function by its index in the module's function space.
  /// - Precondition: the index is inside.
  package func function(_ index: UInt32) -> VMFunctionReference {
    unsafe VMFunctionReference(state.functionRef(index), state.storeWords)
  }
}

/// A function, while somebody keeps its store.
@safe
package struct VMFunctionReference: Equatable {
  private let ref: UnsafeMutablePointer<AviaryFuncRef>
  private let store: UnsafeMutablePointer<AviaryHostStore>

  init(_ ref: UnsafeMutablePointer<AviaryFuncRef>, _ store: UnsafeMutablePointer<AviaryHostStore>) {
    unsafe self.ref = ref
    unsafe self.store = store
  }
  package init(_ function: VMFunction) { unsafe self.init(function.ref, function.store.raw) }

  /// - Precondition: `store` is the function's.
  package func function(in store: VMStore) -> VMFunction { unsafe VMFunction(unsafe: ref, store) }

  /// Calls it; 0, or what `VMStore.failure` makes an error of, before any other call.
  ///
  /// Unsafe contract: as for `VMStore.call`; the store lives until this returns.
  package func call(unsafe values: UnsafeMutablePointer<AviaryValue>, _ thunk: VMThunk) -> UInt32 {
    unsafe aviary_call(
      store, unsafeBitCast(thunk.address, to: AviaryEntryThunk.self), ref.pointee.vmctx, ref.pointee.code, values)
  }

  /// As `call`, for who may enter a store whose guest is suspended. The same contract.
  package func callNested(unsafe values: UnsafeMutablePointer<AviaryValue>, _ thunk: VMThunk) -> UInt32 {
    unsafe aviary_call_nested(
      store, unsafeBitCast(thunk.address, to: AviaryEntryThunk.self), ref.pointee.vmctx, ref.pointee.code, values)
  }

  /// Room for an asynchronous call with so many values; nil with the reason in `status`, for `VMStore.failure`.
  ///
  /// Unsafe contract: the store lives as long as the fiber is used. The caller may enter a store whose guest is
  /// suspended, if it is.
  package func fiber(slots: Int, _ status: inout UInt32) -> VMFiber? {
    var values: UnsafeMutablePointer<AviaryValue>?
    guard let fiber = unsafe aviary_fiber_make(store, UInt32(clamping: slots), &values, &status) else { return nil }
    return unsafe VMFiber(unsafe: fiber, values.unsafelyUnwrapped)
  }

  /// Enters the guest on a fiber that was just made for it. Until this returns, the cancellation of the task that runs
  /// stops the guest.
  ///
  /// Unsafe contract: as for `VMStore.call`, with the fiber's values; nothing was called on the store since it was made.
  package func start(unsafe fiber: VMFiber, _ thunk: VMThunk) -> UInt32 {
    unsafe aviary_task_start(
      fiber.words, unsafeBitCast(thunk.address, to: AviaryEntryThunk.self), ref.pointee.vmctx, ref.pointee.code,
      fiber.values)
  }

  package static func == (a: VMFunctionReference, b: VMFunctionReference) -> Bool { unsafe a.ref == b.ref }
}
