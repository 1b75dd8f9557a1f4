import AviaryContract
package import CAviaryContract
import CAviaryHost

/// Who calls a host function. Valid during the call only.
@safe
package struct VMCaller {
  /// Unretained: whoever runs the guest holds the store, and counting would double the cost
  /// of a host call.
  private unowned(unsafe) let running: VMStore
  let context: UnsafeMutablePointer<AviaryVMContext>?

  @inline(__always)
  init(store: VMStore, context: UnsafeMutablePointer<AviaryVMContext>?) {
    unsafe running = store
    unsafe self.context = context
  }

  package var store: VMStore { unsafe running }

  /// See `VMStore.embedder`.
  package var embedder: UnsafeMutableRawPointer? { unsafe running.raw.pointee.embedder }

  /// The calling instance; nil when the host itself called the function.
  package var instance: VMInstance? {
    guard let context = unsafe context, unsafe context.pointee.magic == UInt32(AVIARY_MAGIC_CORE) else { return nil }
    let state = unsafe Unmanaged<InstanceState>.fromOpaque(context.pointee.owner).takeUnretainedValue()
    return VMInstance(store, state)
  }
}

/// What a host function runs: arguments are in the slots, results are left there.
/// An error that it throws comes out of the outermost call unchanged.
package typealias VMHostBody = (borrowing VMCaller, UnsafeMutablePointer<AviaryValue>) throws -> Void

/// What an asynchronous host function does on its guest's thread, before the guest is suspended: false where
/// it has to be. Where `canSuspend` is false it leaves results or throws.
package typealias VMHostAttempt = (
  borrowing VMCaller, UnsafeMutablePointer<AviaryValue>, _ canSuspend: Bool
) throws -> Bool

/// A host function of the embedder's that is called with nothing in between (CAviaryHost/host_function.c).
///
/// Its type is `(Tenant, UInt, UnsafeMutablePointer<AviaryValue>) throws -> Void`, where `Tenant` is the class of
/// `VMStore.embedder` and the number is the address of the caller's context; the pointer may be of another type.
@safe
package struct VMDirectBody {
  let code: UnsafeRawPointer
  let context: UnsafeMutableRawPointer?
  let keeper: AnyObject

  /// - Parameter holder: a struct of nothing but the closure.
  ///
  /// Unsafe contract: the closure is of that type, and `keeper` holds it.
  package init<Holder>(unsafe holder: Holder, keptBy keeper: AnyObject) {
    precondition(MemoryLayout<Holder>.size == MemoryLayout<(UInt, UInt)>.size, "a closure is two words")
    let words = unsafe unsafeBitCast(holder, to: (UInt, UInt).self)
    unsafe code = UnsafeRawPointer(bitPattern: words.0).unsafelyUnwrapped
    unsafe context = UnsafeMutableRawPointer(bitPattern: words.1)
    self.keeper = keeper
  }
}

/// A host function's name, as messages have it. What is said of an overflowed stack has no time to make it.
@safe
package final class VMHostName: Sendable {
  package let module: String
  package let name: String
  package var text: String { "\"\(module)\".\"\(name)\"" }
  /// Lives as long as this.
  nonisolated(unsafe) let bytes: UnsafePointer<CChar>

  package init(module: String, name: String) {
    self.module = module
    self.name = name
    let text = "\"\(module)\".\"\(name)\""
    let count = text.utf8.count
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: count + 1)
    for (index, byte) in text.utf8.enumerated() { unsafe (copy + index).initialize(to: CChar(bitPattern: byte)) }
    unsafe (copy + count).initialize(to: 0)
    unsafe bytes = UnsafePointer(copy)
  }

  deinit { unsafe bytes.deallocate() }
}

/// A host function, owned by its store.
@safe
final class HostFunctionState {
  /// Unretained: it owns this object.
  unowned(unsafe) let store: VMStore
  /// Either of them, or the direct body's.
  private let body: VMHostBody?
  private let attempt: VMHostAttempt?
  private let keeper: AnyObject?
  /// What the embedder goes on with where the guest is suspended in this function.
  let continuation: AnyObject?
  private let name: VMHostName?
  /// Holds the id of its type.
  let registration: TypeRegistration
  let words: UnsafeMutablePointer<AviaryHostFunction>

  init(
    _ store: VMStore, _ registration: TypeRegistration, slots: UInt32, thunk: VMThunk, name: VMHostName? = nil,
    body: VMHostBody? = nil,
    direct: VMDirectBody? = nil, attempt: VMHostAttempt? = nil, waits: Bool = false,
    continuation: AnyObject? = nil
  ) {
    unsafe self.store = store
    unsafe self.body = body
    unsafe self.attempt = attempt
    keeper = direct?.keeper
    self.continuation = continuation
    self.name = name
    self.registration = registration
    unsafe words = .allocate(capacity: 1)
    unsafe words.initialize(to: AviaryHostFunction())
    unsafe words.pointee.magic = UInt32(AVIARY_MAGIC_HOST)
    unsafe words.pointee.value_count = slots
    unsafe words.pointee.store = UnsafeMutableRawPointer(store.raw).assumingMemoryBound(to: AviaryStoreContext.self)
    // Unretained: the store owns the state and lives while its guest runs.
    if let direct {
      unsafe words.pointee.call = aviary_host_body_run
      unsafe words.pointee.body = direct.code
      unsafe words.pointee.body_context = direct.context
      unsafe words.pointee.threw = { function, error in
        unsafe Unmanaged<HostFunctionState>.fromOpaque(function!.pointee.owner)._withUnsafeGuaranteedRef {
          unsafe $0.take(error!)
        }
      }
    } else if unsafe attempt == nil {
      unsafe words.pointee.call = { function, caller, values in
        unsafe Unmanaged<HostFunctionState>.fromOpaque(function!.pointee.owner)._withUnsafeGuaranteedRef {
          unsafe $0.run(caller, values!)
        }
      }
    } else {
      unsafe words.pointee.blocked = { function, caller, values in
        unsafe Unmanaged<HostFunctionState>.fromOpaque(function!.pointee.owner)._withUnsafeGuaranteedRef {
          unsafe $0.begin(caller, values!)
        }
      }
      unsafe words.pointee.call = waits ? aviary_host_suspend : words.pointee.blocked
    }
    if let checks = store.engine.hostChecks {
      unsafe words.pointee.check = checks.record(name)
      unsafe words.pointee.checked = words.pointee.call
      unsafe words.pointee.call = aviary_host_check_run
    }
    unsafe words.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
    // One that may suspend is begun on the native stack.
    let isOnGuestStack = unsafe attempt == nil && store.engine.options.hostStackBytes > 0
    // With nothing in between, `call` is not asked.
    let isBody = direct != nil && store.engine.hostChecks == nil
    let onHostStack = isBody ? unsafe aviary_call_body_address() : unsafe aviary_call_host_address()
    unsafe words.pointee.call_host = isOnGuestStack ? aviary_call_host_on_guest_address() : onHostStack
    unsafe words.pointee.name = name?.bytes
    unsafe words.pointee.raise = aviary_raise_address()
    unsafe words.pointee.ref.code = UnsafeRawPointer(bitPattern: thunk.address)
    unsafe words.pointee.ref.vmctx = UnsafeMutableRawPointer(words).assumingMemoryBound(to: AviaryVMContext.self)
    unsafe words.pointee.ref.type_id = registration.ids[0]
    unsafe words.pointee.ref.kind = 1
    unsafe words.pointee.ref.owner = Unmanaged.passUnretained(self).toOpaque()
  }

  deinit { unsafe words.deallocate() }

  @inline(__always)
  private func run(
    _ caller: UnsafeMutablePointer<AviaryVMContext>?, _ values: UnsafeMutablePointer<AviaryValue>
  ) -> UInt32 {
    do {
      unsafe try body.unsafelyUnwrapped(VMCaller(store: store, context: caller), values)
      return 0
    } catch {
      return unsafe store.settle(error)
    }
  }

  /// Takes over what a direct body threw: an existential's one word, and its reference.
  private func take(_ error: UnsafeMutableRawPointer) -> UInt32 {
    var word = unsafe error
    let thrown = unsafe withUnsafeMutableBytes(of: &word) {
      unsafe $0.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: (any Error).self).move()
    }
    return unsafe store.settle(thrown)
  }

  /// Runs the attempt, and suspends the guest where that does not suffice.
  private func begin(
    _ caller: UnsafeMutablePointer<AviaryVMContext>?, _ values: UnsafeMutablePointer<AviaryValue>
  ) -> UInt32 {
    do {
      let fiber = unsafe aviary_fiber_current(&store.raw.pointee.context)
      let isDone = unsafe try attempt.unsafelyUnwrapped(VMCaller(store: store, context: caller), values, fiber != nil)
      if isDone { return 0 }
      guard let fiber = unsafe fiber else { preconditionFailure("an attempt that cannot suspend ends the call") }
      unsafe fiber.pointee.function = words
      unsafe fiber.pointee.caller = caller
      unsafe fiber.pointee.values = values
      unsafe aviary_fiber_suspend(fiber, UInt32(AVIARY_REQUEST_HOST_CALL))
      return 0
    } catch {
      return unsafe store.settle(error)
    }
  }
}

extension VMFunction {
  /// Makes a host function, to be imported.
  ///
  /// Unsafe contract: `body` leaves results of the type in the slots, and its references belong to
  /// this store. `type` is what `registration` holds.
  package init(
    unsafe store: VMStore, _ registration: TypeRegistration, _ type: VMFunctionType, thunk: VMThunk,
    body: @escaping VMHostBody
  ) {
    let slots = UInt32(clamping: max(type.parameters.count, type.results.count))
    let state = unsafe HostFunctionState(store, registration, slots: slots, thunk: thunk, body: body)
    store.adopt(state)
    unsafe self.init(unsafe: state.words + 0, store)
  }

  /// The same for a direct body.
  package init(
    unsafe store: VMStore, _ registration: TypeRegistration, _ type: VMFunctionType, thunk: VMThunk, name: VMHostName?,
    direct: VMDirectBody
  ) {
    let slots = UInt32(clamping: max(type.parameters.count, type.results.count))
    let state = unsafe HostFunctionState(store, registration, slots: slots, thunk: thunk, name: name, direct: direct)
    store.adopt(state)
    unsafe self.init(unsafe: state.words + 0, store)
  }

  /// Makes an asynchronous host function: the guest is suspended where `attempt` returns false, and whoever
  /// runs it finds `continuation` in the fiber's request.
  ///
  /// - Parameter waits: the guest is suspended at once, and `attempt` runs only where that cannot be.
  ///
  /// Unsafe contract: as for the other one, for the attempt and for who goes on.
  package init(
    unsafe store: VMStore, _ registration: TypeRegistration, _ type: VMFunctionType, thunk: VMThunk, name: VMHostName?,
    waits: Bool, attempt: @escaping VMHostAttempt, continuation: AnyObject
  ) {
    let slots = UInt32(clamping: max(type.parameters.count, type.results.count))
    let state = unsafe HostFunctionState(
      store, registration, slots: slots, thunk: thunk, name: name, attempt: attempt, waits: waits,
      continuation: continuation)
    store.adopt(state)
    unsafe self.init(unsafe: state.words + 0, store)
  }

  private init(unsafe words: UnsafeMutablePointer<AviaryHostFunction>, _ store: VMStore) {
    let offset = unsafe MemoryLayout<AviaryHostFunction>.offset(of: \.ref)!
    let ref = unsafe (UnsafeMutableRawPointer(words) + offset).assumingMemoryBound(to: AviaryFuncRef.self)
    unsafe self.init(unsafe: ref, store)
  }
}
