import AviaryContract
import AviaryCore
import AviaryPool
import AviaryText
import AviaryVM

extension WasmError {
  init(_ error: VMError) {
    switch error {
    case .system: self = .exhausted(error.description)
    case .limit(let message), .configuration(let message): self = .limit(message)
    case .unsupported(let message): self = .unsupported(Diagnostic(message: message))
    case .wrongStore: self = .host("the object belongs to another store")
    case .link(let message): self = .host(message)
    }
  }

  init(_ error: TextError) {
    let diagnostic = Diagnostic(message: error.message, line: error.line, column: error.column)
    self = .malformed(diagnostic)
  }
}

extension StoreContext {
  /// What a call that did not return comes to: the guest's trap with names, or the host's own error.
  @inline(never)
  func error(_ error: VMCallError) -> any Error {
    switch error {
    case .trap(let trap): return WasmError.trap(describe(trap))
    case .exception(let exception): return WasmException(self, exception)
    case .host(let error as VMError): return WasmError(error)
    case .host(let error): return error
    case .misused:
      return WasmError.host("the store is in use: by another thread, or by a guest that is not in a host function")
    }
  }

  func describe(_ trap: VMTrap) -> Trap {
    // The runtime's codes are the contract's, as this type's are.
    let code = Trap.Code(rawValue: trap.code.rawValue) ?? .host
    return Trap(
      code, frames: trap.frames.map(describe),
      address: trap.memoryOffset.flatMap { UInt64(exactly: $0) })
  }

  private func describe(_ frame: VMFrame) -> Trap.Frame {
    let info = frame.module.module.info
    let export = info.exports.first { $0.kind == .function && $0.index == frame.functionIndex }
    return Trap.Frame(
      module: info.names.module ?? module(of: frame.module)?.name, functionIndex: frame.functionIndex,
      functionName: frame.functionName ?? export?.name, offset: frame.wasmOffset.map(Int.init))
  }
}
