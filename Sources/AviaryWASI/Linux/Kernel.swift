import CAviaryWASI
import Glibc

/// The system calls, with Linux's negated error numbers as thrown `Errno`s.
///
/// Names stand for `[UInt8]`s that end in a zero byte; only `GuestPath` and
/// the configuration make them.
enum Kernel {
  /// O_PATH: a file as a place only, without access to what is in it.
  static let place = AVIARY_WASI_PLACE

  /// The value of a call that succeeded.
  @discardableResult
  static func check<T: SignedInteger & FixedWidthInteger>(_ result: T) throws(Errno) -> T {
    guard result < 0 else { return result }
    throw Errno(linux: Int32(clamping: -result))
  }

  // MARK: Opening

  /// Opens what lies below `directory` and can't leave it: neither by "..",
  /// nor by symbolic links, nor by the links in /proc.
  static func open(
    below directory: borrowing Handle, _ path: [UInt8], flags: Int32
  ) throws(Errno) -> Handle {
    let fd = unsafe path.withUnsafeBytes { path in
      unsafe aviary_wasi_open_beneath(
        directory.number, path.baseAddress!.assumingMemoryBound(to: CChar.self), flags, 0o666)
    }
    // The kernel's word for "would leave the directory".
    if fd == -EXDEV { throw .notCapable }
    return Handle(owning: try check(fd))
  }

  /// Opens a path of the host's, given by the embedder.
  static func open(host path: String, flags: Int32) throws(Errno) -> Handle {
    let fd = unsafe path.withCString { unsafe aviary_wasi_open_host($0, flags, 0o666) }
    return Handle(owning: try check(fd))
  }

  /// Takes O_NONBLOCK off a handle of our own.
  static func setBlocking(_ handle: borrowing Handle) throws(Errno) {
    let flags = try check(aviary_wasi_get_flags(handle.number))
    try check(aviary_wasi_set_flags(handle.number, flags & ~O_NONBLOCK))
  }

  // MARK: Names in a directory

  static func stat(_ directory: borrowing Handle, _ name: [UInt8] = [0]) throws(Errno) -> FileStat {
    var raw = aviary_wasi_stat()
    try check(unsafe withName(name) { unsafe aviary_wasi_stat(directory.number, $0, &raw) })
    return FileStat(raw)
  }

  /// Of what a handle names, a symbolic link too.
  static func setTimes(_ handle: borrowing Handle, _ times: NewTimes) throws(Errno) {
    var raw = times.raw
    try check(unsafe withName([0]) { unsafe aviary_wasi_set_times(handle.number, $0, &raw) })
  }

  static func makeDirectory(_ directory: borrowing Handle, _ name: [UInt8]) throws(Errno) {
    try check(unsafe withName(name) { unsafe aviary_wasi_make_directory(directory.number, $0) })
  }

  static func remove(
    _ directory: borrowing Handle, _ name: [UInt8], isDirectory: Bool
  ) throws(Errno) {
    try check(
      unsafe withName(name) { unsafe aviary_wasi_remove(directory.number, $0, isDirectory ? 1 : 0) })
  }

  static func rename(
    _ from: borrowing Handle, _ name: [UInt8], to: borrowing Handle, _ newName: [UInt8]
  ) throws(Errno) {
    try check(
      unsafe withName(name) { name in
        unsafe withName(newName) { unsafe aviary_wasi_rename(from.number, name, to.number, $0) }
      })
  }

  static func link(
    _ from: borrowing Handle, _ name: [UInt8], to: borrowing Handle, _ newName: [UInt8]
  ) throws(Errno) {
    try check(
      unsafe withName(name) { name in
        unsafe withName(newName) { unsafe aviary_wasi_link(from.number, name, to.number, $0) }
      })
  }

  static func symlink(
    _ contents: [UInt8], in directory: borrowing Handle, _ name: [UInt8]
  ) throws(Errno) {
    try check(
      unsafe withName(contents) { contents in
        unsafe withName(name) { unsafe aviary_wasi_symlink(contents, directory.number, $0) }
      })
  }

  /// What a symbolic link holds.
  static func readLink(_ directory: borrowing Handle, _ name: [UInt8]) throws(Errno) -> [UInt8] {
    var contents = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = try check(
      unsafe contents.withUnsafeMutableBytes { buffer in
        unsafe withName(name) {
          unsafe aviary_wasi_readlink(
            directory.number, $0, buffer.baseAddress, UInt64(buffer.count))
        }
      })
    contents.removeLast(contents.count - Int(count))
    return contents
  }

  private static func withName<R>(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> R) -> R {
    unsafe name.withUnsafeBytes { unsafe body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
  }

  // MARK: Waiting

  /// Nanoseconds of the clock that the reactor and `poll` go by.
  static var monotonicTime: UInt64 { UInt64(clamping: aviary_wasi_clock(CLOCK_MONOTONIC)) }

  /// Waits until one of `requests` is ready or `nanoseconds` have passed, and
  /// says how many are ready; none also when a signal came in between.
  static func poll(_ requests: inout [pollfd], nanoseconds: Int64?) throws(Errno) -> Int {
    let ready = unsafe requests.withUnsafeMutableBufferPointer {
      unsafe aviary_wasi_poll($0.baseAddress, UInt64($0.count), nanoseconds ?? -1)
    }
    if ready == -EINTR { return 0 }
    return Int(try check(ready))
  }
}

extension FileStat {
  init(_ raw: aviary_wasi_stat) {
    self.init(
      device: raw.device, inode: raw.inode, type: FileType(mode: raw.mode), links: raw.links,
      length: raw.size,
      accessed: nanoseconds(raw.access_seconds, raw.access_nanoseconds),
      modified: nanoseconds(raw.modify_seconds, raw.modify_nanoseconds),
      changed: nanoseconds(raw.change_seconds, raw.change_nanoseconds))
  }
}

/// A time as nanoseconds since 1970: zero for earlier ones, the largest number
/// for those that don't fit.
func nanoseconds(_ seconds: Int64, _ part: UInt32) -> UInt64 {
  guard let seconds = UInt64(exactly: seconds) else { return 0 }
  let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
  let (sum, carry) = whole.addingReportingOverflow(UInt64(part))
  return overflow || carry ? .max : sum
}

/// The times that a guest sets.
struct NewTimes: Sendable {
  var access: Choice
  var modify: Choice

  enum Choice: Sendable {
    case keep
    case now
    case at(UInt64)

    /// The two fields of the kernel's timespec.
    var raw: (seconds: Int64, nanoseconds: Int64) {
      switch self {
      case .keep: (0, (1 << 30) - 2)  // UTIME_OMIT
      case .now: (0, (1 << 30) - 1)  // UTIME_NOW
      case .at(let time): (Int64(time / 1_000_000_000), Int64(time % 1_000_000_000))
      }
    }
  }

  /// - Throws: `invalid` where a time is to be both given and now.
  init(access: UInt64, modify: UInt64, flags: TimeFlags) throws(Errno) {
    guard !flags.isSuperset(of: [.access, .accessNow]), !flags.isSuperset(of: [.modify, .modifyNow])
    else { throw .invalid }
    self.access = flags.contains(.accessNow) ? .now : flags.contains(.access) ? .at(access) : .keep
    self.modify = flags.contains(.modifyNow) ? .now : flags.contains(.modify) ? .at(modify) : .keep
  }

  var raw: aviary_wasi_times {
    let (access, modify) = (self.access.raw, self.modify.raw)
    return aviary_wasi_times(
      access_seconds: access.seconds, modify_seconds: modify.seconds,
      access_nanoseconds: access.nanoseconds, modify_nanoseconds: modify.nanoseconds)
  }
}
