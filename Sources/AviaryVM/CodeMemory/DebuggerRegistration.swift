package import AviaryPool
import CAviaryHost

/// Makes GDB know of a module's code, until its last reference goes: an ELF object in
/// memory, handed over by GDB's JIT interface. AviaryCodegen makes the object
/// (`DebugObject`), for `VMCode.text`.
@safe
package final class DebuggerRegistration: Sendable {
  nonisolated(unsafe) private let elf: UnsafeMutableRawPointer
  nonisolated(unsafe) private let registration: UnsafeMutableRawPointer

  /// - Throws: `system` when out of memory.
  package init(elf bytes: [UInt8]) throws(VMError) {
    let copy = UnsafeMutableRawPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
    unsafe copy.copyMemory(from: bytes, byteCount: bytes.count)
    guard let registration = unsafe aviary_debugger_add(copy, bytes.count) else {
      unsafe copy.deallocate()
      throw .system(operation: "registering with the debugger", error: "ENOMEM", bytes: UInt64(bytes.count))
    }
    unsafe elf = copy
    unsafe self.registration = registration
  }

  deinit {
    unsafe aviary_debugger_remove(registration)
    unsafe elf.deallocate()
  }
}
