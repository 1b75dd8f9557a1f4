import CAviaryHost

/// Tells a process from those that were forked from it, with one load.
@safe
struct ForkMark: ~Copyable, @unchecked Sendable {
  private let word: UnsafePointer<UInt32>

  /// - Throws: `system`.
  init() throws(VMError) {
    let result = aviary_fork_mark_open()
    guard result >= 0 else { throw Mapping.failure("making a page that forks do not copy", result, Page.size) }
    unsafe word = UnsafePointer(bitPattern: result).unsafelyUnwrapped
  }

  deinit { unsafe aviary_fork_mark_close(UInt(bitPattern: word)) }

  /// Whether this is the process that made the mark.
  @inline(__always)
  var isHere: Bool { unsafe word.pointee != 0 }
}
