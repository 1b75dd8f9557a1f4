/// The bytes of a module, immutable, at an address that does not change while
/// this object lives: bodies and segments stay ranges of the original.
///
/// Thread-safe: nothing is written after `init`.
@safe public final class ModuleBytes: @unchecked Sendable {
  public let buffer: UnsafeRawBufferPointer
  private let release: @Sendable () -> Void

  /// Copies `bytes`.
  public init(_ bytes: [UInt8]) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
    unsafe copy.copyBytes(from: bytes)
    unsafe buffer = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(copy)[0..<bytes.count])
    release = { [address = UInt(bitPattern: copy.baseAddress)] in
      unsafe UnsafeMutableRawPointer(bitPattern: address)?.deallocate()
    }
  }

  /// Takes over memory that someone else mapped; `release` runs once, at the end.
  ///
  /// Unsafe contract: `buffer` stays readable and unchanged until `release` runs.
  public init(unsafeTaking buffer: UnsafeRawBufferPointer, release: @escaping @Sendable () -> Void) {
    unsafe self.buffer = buffer
    self.release = release
  }
  deinit { release() }

  public var count: Int { unsafe buffer.count }
}
