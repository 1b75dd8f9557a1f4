import Glibc

/// Code made executable for a test, in memory that is never both writable and
/// executable.
@safe
struct ExecutableCode: ~Copyable {
  private let base: UnsafeMutableRawPointer
  private let size: Int

  struct Failure: Error {
    let errno: Int32
  }

  init(_ code: [UInt8]) throws {
    let rounded = (max(code.count, 1) + 4095) & ~4095
    guard
      let memory = unsafe mmap(
        nil, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      unsafe memory != MAP_FAILED
    else { throw Failure(errno: errno) }
    unsafe memory.copyMemory(from: code, byteCount: code.count)
    guard unsafe mprotect(memory, rounded, PROT_READ | PROT_EXEC) == 0 else {
      let failure = Failure(errno: errno)
      unsafe munmap(memory, rounded)
      throw failure
    }
    unsafe base = memory
    size = rounded
  }

  deinit {
    unsafe munmap(base, size)
  }

  /// Valid while this value lives.
  var address: UnsafeRawPointer { unsafe UnsafeRawPointer(base) }
}

/// A small generator with a printable seed.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
