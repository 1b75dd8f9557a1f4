import CAviaryWASI
import Glibc

/// A descriptor of the host's, closed when nobody holds it any more.
final class Handle: Sendable {
  let number: Int32
  let isOwned: Bool

  init(owning number: Int32) {
    self.number = number
    isOwned = true
  }

  /// One that stays open when the guest closes its own.
  init(borrowing number: Int32) {
    self.number = number
    isOwned = false
  }

  deinit {
    if isOwned { _ = aviary_wasi_close(number) }
  }
}

/// Reads and writes through a handle.
extension Handle {
  /// - Parameter offset: where in the file; `nil` for the file's own position.
  func read(_ parts: Vectors, at offset: Int64? = nil) throws(Errno) -> UInt32 {
    let count = unsafe aviary_wasi_read(number, parts.base, parts.kernelCount, offset ?? -1)
    return UInt32(clamping: try Kernel.check(count))
  }

  func write(_ parts: Vectors, at offset: Int64? = nil) throws(Errno) -> UInt32 {
    let count = unsafe aviary_wasi_write(number, parts.base, parts.kernelCount, offset ?? -1)
    return UInt32(clamping: try Kernel.check(count))
  }

  /// Writes to a pipe, whose reader may be gone.
  func writeToPipe(_ parts: Vectors) throws(Errno) -> UInt32 {
    let count = unsafe aviary_wasi_write_pipe(number, parts.base, parts.kernelCount)
    return UInt32(clamping: try Kernel.check(count))
  }

  func seek(_ offset: Int64, _ whence: Int32) throws(Errno) -> UInt64 {
    UInt64(clamping: try Kernel.check(aviary_wasi_seek(number, offset, whence)))
  }

  /// Whether it is ready for `events`, asked without waiting.
  func isReady(_ events: Int16) throws(Errno) -> Bool {
    var request = [pollfd(fd: number, events: events, revents: 0)]
    return try Kernel.poll(&request, nanoseconds: 0) > 0
  }

  var isTerminal: Bool { aviary_wasi_is_terminal(number) == 1 }

  /// Bytes that can be read at once, where the kernel knows.
  var available: UInt64 { UInt64(clamping: aviary_wasi_available(number)) }
}

extension Handle {
  var isDatagramSocket: Bool { aviary_wasi_socket_type(number) == SOCK_DGRAM_NUMBER }
}

/// `SOCK_DGRAM`, which C declares as an enum of its own.
private let SOCK_DGRAM_NUMBER: Int32 = 2
