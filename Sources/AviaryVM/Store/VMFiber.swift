import AviaryCore
package import CAviaryContract
import CAviaryHost

/// An asynchronous call: a guest that may be suspended (aviary_fiber.h). Two addresses on its store's guest stack.
///
/// Valid from `VMFunctionReference.fiber` until the call has ended, and then for reading its values until
/// the store's next call.
@safe
package struct VMFiber {
  let words: UnsafeMutablePointer<AviaryFiber>
  /// Arguments, and room for results.
  package let values: UnsafeMutablePointer<AviaryValue>

  init(unsafe words: UnsafeMutablePointer<AviaryFiber>, _ values: UnsafeMutablePointer<AviaryValue>) {
    unsafe self.words = words
    unsafe self.values = values
  }

  /// What `start` and `resume` return where the guest is suspended.
  package static let suspended = UInt32(AVIARY_CALL_SUSPENDED)
  /// What every call returns that may not enter.
  package static let misused = UInt32(AVIARY_CALL_MISUSED)
  /// For `resume`: the guest traps as interrupted.
  package static let interrupted = AVIARY_TRAP_INTERRUPTED.rawValue

  /// What the suspended guest waits for.
  package var request: VMRequest {
    switch unsafe Int(words.pointee.request) {
    case Int(AVIARY_REQUEST_HOST_CALL): return unsafe .hostCall(VMSuspendedCall(words))
    case Int(AVIARY_REQUEST_MEMORY_GROW): return unsafe .growth(VMSuspendedGrowth(words, isMemory: true))
    case Int(AVIARY_REQUEST_TABLE_GROW): return unsafe .growth(VMSuspendedGrowth(words, isMemory: false))
    case Int(AVIARY_REQUEST_WAIT): return unsafe .wait(VMSuspendedWait(words))
    default: return .yield
    }
  }

  /// The host function that the suspended guest waits for, if it is that.
  package var hostCall: VMSuspendedCall? {
    unsafe words.pointee.request == UInt32(AVIARY_REQUEST_HOST_CALL) ? unsafe VMSuspendedCall(words) : nil
  }

  /// Goes on behind the host call or builtin, with the builtin's result or with a trap if that is not 0.
  /// 0, `suspended`, or a status for `VMStore.failure`.
  ///
  /// Unsafe contract: the store lives, and nobody else uses it meanwhile.
  package func resume(_ result: UInt64, trap: UInt32 = 0) -> UInt32 { unsafe aviary_fiber_resume(words, result, trap) }

  /// Ends the call while the guest is suspended. Nothing of it is left but what it wrote.
  package func abandon() {
    let isInnermost = unsafe aviary_fiber_abandon(words)
    precondition(isInnermost, "a call ends while one inside of it is suspended")
  }
}

/// Why a guest is suspended.
package enum VMRequest {
  case hostCall(VMSuspendedCall)
  case growth(VMSuspendedGrowth)
  /// A notification at an address of a shared memory.
  case wait(VMSuspendedWait)
  /// Others are to have their turn.
  case yield
}

/// A call of an asynchronous host function that waits for its results.
@safe
package struct VMSuspendedCall {
  /// Arguments, and room for results: on the guest's stack.
  package let values: UnsafeMutablePointer<AviaryValue>
  /// As `VMCaller.contextAddress`.
  package let callerAddress: UInt
  /// What was given with the function; its store keeps it.
  package let continuation: Unmanaged<AnyObject>

  init(_ words: UnsafeMutablePointer<AviaryFiber>) {
    unsafe values = words.pointee.values
    unsafe callerAddress = UInt(bitPattern: words.pointee.caller)
    unsafe continuation = Unmanaged<HostFunctionState>.fromOpaque(words.pointee.function.pointee.owner)
      ._withUnsafeGuaranteedRef { unsafe .passUnretained($0.continuation.unsafelyUnwrapped) }
  }
}

/// A growth that waits for what the store's limiter says. It was found to be within all limits.
@safe
package struct VMSuspendedGrowth {
  /// Else it is a table.
  package let isMemory: Bool
  /// Bytes or elements.
  package let current: UInt64
  package let desired: UInt64
  /// What the type declares, as the limiter is told it.
  package let maximum: UInt64?
  private let words: UnsafeMutablePointer<AviaryFiber>

  init(_ words: UnsafeMutablePointer<AviaryFiber>, isMemory: Bool) {
    unsafe self.words = words
    self.isMemory = isMemory
    (current, desired, maximum) = unsafe VMSuspendedGrowth.with(words) { instance in
      let index = unsafe Int(words.pointee.index)
      let amount = unsafe words.pointee.amount
      if isMemory {
        let memory = instance.memories[index]
        let current = memory.byteCount
        return (current, memory.plan.size(of: current, grownBy: amount) ?? current, memory.declaredCapacity)
      }
      let table = instance.tables[index]
      return (table.count, table.count(grownBy: amount) ?? table.count, table.type.limits.maximum)
    }
  }

  /// What the guest is told, after the growth or without it. nil: another thread made the memory grow meanwhile, and
  /// the limiter is to be asked about what there is now (`VMFiber.request` has it).
  package func finish(isAllowed: Bool) -> UInt64? {
    unsafe VMSuspendedGrowth.with(words) { instance in
      guard isAllowed else { return Builtins.denied }
      let store = unsafe instance.store
      let index = unsafe Int(words.pointee.index)
      let amount = unsafe words.pointee.amount
      if isMemory {
        let memory = instance.memories[index]
        switch store.growAgreed(memory, by: amount, from: current) {
        case .done: return current >> memory.plan.pageSizeLog2
        case .failed: return Builtins.denied
        case .changed: return memory.shared == nil ? Builtins.denied : nil
        }
      }
      let fill = unsafe words.pointee.fill
      return store.growAgreed(instance.tables[index], by: amount, from: current, filling: fill) ?? Builtins.denied
    }
  }

  private static func with<Result>(
    _ words: UnsafeMutablePointer<AviaryFiber>, _ body: (InstanceState) -> Result
  ) -> Result {
    unsafe Builtins.with(words.pointee.caller.unsafelyUnwrapped, body)
  }
}
