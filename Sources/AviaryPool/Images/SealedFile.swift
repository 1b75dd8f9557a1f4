import CAviaryHost

/// A file in memory, written once, then sealed against everybody. Closed when the value ends.
///
/// It takes memory only for the pages that were written or read.
struct SealedFile: ~Copyable, Sendable {
  let descriptor: Int32
  private let count: UInt64

  /// So many zeros, not sealed yet.
  /// - Throws: `system`.
  @inline(never)
  init(count: UInt64) throws(VMError) {
    let result = aviary_system_image_create(Int(clamping: count))
    guard result >= 0 else { throw Mapping.failure("creating an image", result, count) }
    descriptor = Int32(truncatingIfNeeded: result)
    self.count = count
  }

  deinit { aviary_system_close(descriptor) }

  /// - Precondition: the range is inside.
  @inline(never)
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(VMError) {
    precondition(offset <= count && UInt64(bytes.count) <= count - offset)
    guard let start = bytes.baseAddress, bytes.count > 0 else { return }
    let result = unsafe aviary_system_image_write(descriptor, start, bytes.count, offset)
    guard result >= 0 else { throw Mapping.failure("writing an image", result, UInt64(bytes.count)) }
  }

  @inline(never)
  func seal() throws(VMError) {
    let result = aviary_system_image_seal(descriptor)
    guard result >= 0 else { throw Mapping.failure("sealing an image", result, count) }
  }
}
