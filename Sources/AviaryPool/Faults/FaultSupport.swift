import CAviaryHost
import Glibc

/// Whether this machine permits userfaultfd.
package enum FaultSupport {
  /// - Throws: `configuration` that says what is missing and how to get it; `system`.
  package static func check(_ mode: FaultService.Mode) throws(VMError) { aviary_system_close(try open(mode)) }

  /// A descriptor whose handshake is done.
  ///
  /// - Parameter reportsRemovals: whether whoever drops pages waits until the thread has read of it. Not
  ///   needed for what is dropped after `deactivate`, and three times as expensive.
  static func open(_ mode: FaultService.Mode, reportsRemovals: Bool = false) throws(VMError) -> Int32 {
    // Whether the kernel may wait for us: by signal it never does.
    let opened = aviary_userfault_open(mode == .signal)
    guard opened >= 0 else { throw refusal(Int32(-opened), mode) }
    let descriptor = Int32(opened)
    let removals = reportsRemovals ? UInt64(AVIARY_FAULTFD_EVENT_REMOVE) : 0
    let result = aviary_userfault_api(descriptor, features(mode) | removals)
    guard result >= 0 else {
      aviary_system_close(descriptor)
      throw refusal(Int32(-result), mode)
    }
    return descriptor
  }

  private static func features(_ mode: FaultService.Mode) -> UInt64 {
    switch mode {
    case .signal: UInt64(AVIARY_FAULTFD_SIGBUS)
    case .thread: UInt64(AVIARY_FAULTFD_EVENT_UNMAP)
    }
  }

  static func refusal(_ error: Int32, _ mode: FaultService.Mode) -> VMError {
    switch error {
    case EPERM, EACCES:
      let signal = mode == .thread ? ", or choose the userfaultfd strategy by signal, which needs no privilege" : ""
      return .configuration(
        "userfaultfd is not permitted: set the sysctl vm.unprivileged_userfaultfd to 1, grant CAP_SYS_PTRACE or access "
          + "to /dev/userfaultfd\(signal); in a container its seccomp profile has to permit the call as well")
    case ENOSYS: return .configuration("this kernel has no userfaultfd")
    case EOPNOTSUPP:
      return .configuration(
        mode == .thread
          ? "this kernel's userfaultfd does not report unmapped memory: Linux 4.11 does"
          : "this kernel's userfaultfd raises no signals: Linux 4.14 does")
    default: return Mapping.failure("opening userfaultfd", -Int(error), 0)
    }
  }
}
