import CAviaryWASI
import Glibc
import Synchronization

/// A descriptor of the host's, closed when nobody holds it any more.
final class Handle: Sendable {
  let number: Int32
  let isOwned: Bool
  /// `retired`, `watched`.
  private let marks = Atomic<UInt8>(0)
  private static let retired: UInt8 = 1
  private static let watched: UInt8 = 2
  /// See `twin`.
  private let storedTwin = Atomic<Int32>(Handle.unknown)
  private static let unknown: Int32 = -1

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
    let twin = storedTwin.load(ordering: .acquiring)
    if twin >= 0 { _ = aviary_wasi_close(twin) }
  }

  // MARK: Closing under those who wait

  /// No descriptor of the guest's stands for it any more. Whoever waits for it is
  /// woken; the host's descriptor stays open until he has let go.
  func retire() {
    // Of two marks set at the same time, one side sees the other's.
    let before = marks.bitwiseOr(Handle.retired, ordering: .sequentiallyConsistent).oldValue
    if before & Handle.watched != 0 { Reactor.retired(self) }
  }

  var isRetired: Bool { marks.load(ordering: .sequentiallyConsistent) & Handle.retired != 0 }

  /// The reactor is about to watch it.
  /// - Returns: false where it is retired already.
  func markWatched() -> Bool {
    marks.bitwiseOr(Handle.watched, ordering: .sequentiallyConsistent).oldValue & Handle.retired == 0
  }

  // MARK: Not waiting

  /// The same pipe or terminal with a description of its own that never waits:
  /// for named pipes and terminals, which the kernel offers no call for that asks
  /// once, and whose own flags others share. nil where it can't be had.
  var twin: Int32? {
    var twin = storedTwin.load(ordering: .acquiring)
    if twin == Handle.unknown {
      twin = aviary_wasi_reopen(number)
      if twin < 0 { twin = -2 }
      let (isOurs, other) = storedTwin.compareExchange(
        expected: Handle.unknown, desired: twin, ordering: .acquiringAndReleasing)
      if !isOurs {
        if twin >= 0 { _ = aviary_wasi_close(twin) }
        twin = other
      }
    }
    return twin >= 0 ? twin : nil
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

  /// What a stream has at the moment; `again` where that is nothing yet.
  ///
  /// Where neither the call nor a twin can be had, the descriptor is asked first: the
  /// call then waits only if another process takes the bytes in between.
  func readNow(_ parts: Vectors) throws(Errno) -> UInt32 {
    do throws(Errno) {
      return try unsafe parts.transfer(kernel: .writes, isWhole: false) { base, count, _ in
        unsafe aviary_wasi_read_now(number, base, count)
      }
    } catch .notSupported {}
    if let twin {
      return try unsafe parts.transfer(kernel: .writes, isWhole: false) { base, count, _ in
        unsafe aviary_wasi_read(twin, base, count, -1)
      }
    }
    guard try isReady(Int16(POLLIN)) else { throw .again }
    return try readStream(parts)
  }

  /// Writes what a stream takes at the moment; `again` where that is nothing.
  func writeNow(_ parts: Vectors) throws(Errno) -> UInt32 {
    do throws(Errno) {
      return try unsafe parts.transfer(kernel: .reads, isWhole: false) { base, count, _ in
        unsafe aviary_wasi_write_now(number, base, count)
      }
    } catch .notSupported {}
    if let twin {
      return try unsafe parts.transfer(kernel: .reads, isWhole: false) { base, count, _ in
        unsafe aviary_wasi_write_pipe(twin, base, count)
      }
    }
    guard try isReady(Int16(POLLOUT)) else { throw .again }
    // A pipe that has room takes so much without waiting, and not more for certain.
    return try parts.withFirst(Int(PIPE_BUF)) { (parts) throws(Errno) in try writeToPipe(parts) } ?? 0
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
