import AviaryContract
package import CAviaryContract
import CAviaryHost

extension VMStore {
  /// Calls a function: loads its arguments from `values`, runs it, stores its results there.
  ///
  /// Unsafe contract: `thunk` is the engine's entry thunk for the function's type, and
  /// `values` has max(parameters, results) slots, arguments of the right types in the first.
  /// References among them belong to this store.
  package func call(
    unsafe function: UnsafePointer<AviaryFuncRef>, _ thunk: VMThunk, _ values: UnsafeMutablePointer<AviaryValue>
  ) throws(VMCallError) {
    let status = unsafe aviary_call(
      raw, unsafeBitCast(thunk.address, to: AviaryEntryThunk.self), function.pointee.vmctx, function.pointee.code,
      values)
    if status != 0 { throw failure(status) }
  }

  /// Out of the hot path: what a call that did not return has left.
  @inline(never)
  package func failure(_ status: UInt32) -> VMCallError {
    let error = hostError
    hostError = nil
    guard status < UInt32(AVIARY_CALL_MISUSED) else { return .misused }
    let code = TrapCode(rawValue: status) ?? .allocation
    if code == .host, let error {
      // A nested guest's trap passes through the host function that called it.
      return (error as? VMCallError) ?? .host(error)
    }
    if code == .uncaughtException, let exception = uncaughtException() { return .exception(exception) }
    return .trap(VMTrap(code, store: self))
  }
}
