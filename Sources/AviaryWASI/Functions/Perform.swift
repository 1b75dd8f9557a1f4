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
