package import AviaryContract
import AviaryCore
import CAviaryHost

/// Why a call into the guest did not return.
package enum VMCallError: Error {
  case trap(VMTrap)
  case exception(VMException)
  /// What a host function, or the limiter, threw.
  case host(any Error)
  /// The store is in use by another thread, or its guest is not suspended in a
  /// host function. Nothing was executed.
  case misused
}

/// A guest's end, with what is known of its place.
package struct VMTrap: Sendable, CustomStringConvertible {
  package let code: TrapCode
  /// Innermost first; at most `frameLimit`, see `isTruncated`.
  package let frames: [VMFrame]
  package let isTruncated: Bool
  /// For a memory fault by signal: where in its memory the access went, as an offset from the
  /// base (negative below it).
  package let memoryOffset: Int64?

  package static let frameLimit = 64

  /// A trap outside of guest code, at instantiation say.
  package init(_ code: TrapCode) {
    self.code = code
    frames = []
    isTruncated = false
    memoryOffset = nil
  }

  /// What the store's last call left.
  init(_ code: TrapCode, store: VMStore) {
    self.code = code
    var walk = Backtrace(limit: VMTrap.frameLimit)
    unsafe walk.collect(store.raw)
    frames = walk.frames
    isTruncated = walk.isTruncated
    memoryOffset = code == .memoryOutOfBounds ? unsafe store.memoryOffset(of: store.raw.pointee.report.fault_address) : nil
  }

  package var message: String { code.message }
  package var description: String { code.message }
}

/// One activation of a wasm function.
package struct VMFrame: Sendable {
  package let module: VMModule
  /// In the module's index space.
  package let functionIndex: UInt32
  /// Byte offset in the module of the operator that trapped or called, if it is known.
  package let wasmOffset: UInt32?
  /// From the name section.
  package var functionName: String? { module.module.info.names.functions[functionIndex] }
}
