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
  /// A file's bytes: all that the parts take, or up to its end.
  /// - Parameter offset: where in the file; `nil` for the file's own position.
  func read(_ parts: Vectors, at offset: Int64? = nil) throws(Errno) -> UInt32 {
    try unsafe parts.transfer(kernel: .writes, isWhole: true) { base, count, done in
      unsafe aviary_wasi_read(number, base, count, Handle.position(offset, done))
    }
  }

  func write(_ parts: Vectors, at offset: Int64? = nil) throws(Errno) -> UInt32 {
    try unsafe parts.transfer(kernel: .reads, isWhole: true) { base, count, done in
      unsafe aviary_wasi_write(number, base, count, Handle.position(offset, done))
    }
  }

  /// The kernel's -1 stands for the file's own position. Beyond the last one it refuses.
  private static func position(_ offset: Int64?, _ done: Int) -> Int64 {
    guard let offset else { return -1 }
    let (sum, overflow) = offset.addingReportingOverflow(Int64(done))
    return overflow ? .max : sum
  }

  /// What a stream has at the moment.
  func readStream(_ parts: Vectors) throws(Errno) -> UInt32 {
    try unsafe parts.transfer(kernel: .writes, isWhole: false) { base, count, _ in
      unsafe aviary_wasi_read(number, base, count, -1)
    }
  }

  func writeStream(_ parts: Vectors) throws(Errno) -> UInt32 {
    try unsafe parts.transfer(kernel: .reads, isWhole: false) { base, count, _ in
      unsafe aviary_wasi_write(number, base, count, -1)
    }
  }

  /// Writes to a pipe, whose reader may be gone.
  func writeToPipe(_ parts: Vectors) throws(Errno) -> UInt32 {
    try unsafe parts.transfer(kernel: .reads, isWhole: false) { base, count, _ in
      unsafe aviary_wasi_write_pipe(number, base, count)
    }
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
