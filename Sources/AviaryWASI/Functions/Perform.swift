import Synchronization

/// The border: numbers in, an error number out.
extension WASI {
  /// Calls one function over a guest's memory, and turns errors into numbers.
  /// - Throws: `WASIInterrupted`.
  func perform(
    _ memory: GuestMemory, _ body: (inout System, GuestMemory) throws(Errno) -> Void
  ) throws -> UInt32 {
    do throws(Errno) {
      try system.withLock { (system) throws(Errno) in try body(&system, memory) }
      return 0
    } catch {
      guard error != .interrupted else { throw WASIInterrupted() }
      return UInt32(error.code)
    }
  }

  /// The same for a function that may wait: the thread does. Of a guest with several threads it waits without the
  /// lock: the others go on.
  func perform(
    _ memory: GuestMemory, _ arguments: Arguments, _ body: FunctionRegistrar.WaitingBody
  ) throws -> UInt32 {
    if maximumThreads > 0 {
      var call = WaitingCall.suspending()
      while true {
        if let result = try attempt(memory, &call, arguments, body) { return result }
        do throws(Errno) { try call.rest(interrupter) } catch {
          guard error != .interrupted else { throw WASIInterrupted() }
          return UInt32(error.code)
        }
      }
    }
    var call = WaitingCall.blocking
    guard let result = try attempt(memory, &call, arguments, body) else {
      preconditionFailure("a call that blocks the thread ends")
    }
    return result
  }

  /// Makes a call that may have to wait, as far as it comes without.
  /// - Returns: nil where it has to wait: `call` knows for what.
  /// - Throws: `WASIInterrupted`.
  func attempt(
    _ memory: GuestMemory, _ call: inout WaitingCall, _ arguments: Arguments,
    _ body: FunctionRegistrar.WaitingBody
  ) throws -> UInt32? {
    do throws(Errno) {
      try system.withLock { (system) throws(Errno) in
        // As in a call that blocks: what is ready does not save who was interrupted.
        if !call.blocksThread, let interrupter, try interrupter.handle.isReady(1) { throw .interrupted }
        try body(&system, memory, &call, arguments)
      }
      return 0
    } catch {
      if error == .wouldWait { return nil }
      guard error != .interrupted else { throw WASIInterrupted() }
      return UInt32(error.code)
    }
  }

  /// Makes a call, and suspends the task as often as it has to wait.
  /// - Parameter memory: gives the guest's memory anew for each attempt. It may have grown.
  /// - Throws: `WASIInterrupted`, `CancellationError`, and what `memory` throws.
  nonisolated(nonsending)
  func finish(
    _ call: consuming WaitingCall, _ arguments: Arguments, _ body: FunctionRegistrar.WaitingBody,
    _ memory: () throws -> GuestMemory
  ) async throws -> UInt32 {
    while true {
      if let result = try attempt(memory(), &call, arguments, body) { return result }
      do { try await call.suspend(interrupter) } catch let error as Errno { return UInt32(error.code) }
    }
  }

  /// What `proc_raise` does: an error number, or the guest's end.
  func raise(_ signal: UInt32) throws -> UInt32 {
    let exit: WASIExit?
    do throws(Errno) {
      exit = try system.withLock { (system) throws(Errno) in try system.procRaise(signal) }
    } catch {
      return UInt32(error.code)
    }
    if let exit { throw exit }
    return 0
  }
}
