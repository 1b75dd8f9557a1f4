import CAviaryContract
import CAviaryHost

/// Copies of bytes that other threads may write or read meanwhile: what a guest's memory holds that is, or may be,
/// shared. Nothing that a guest's threads do there is undefined behaviour here.
package enum SharedBytes {
  /// Copies each byte once. The ranges may overlap.
  ///
  /// Unsafe contract: both ranges can be touched.
  @inline(__always)
  package static func copy(to target: UnsafeMutableRawPointer, from source: UnsafeRawPointer, count: Int) {
    unsafe aviary_shared_copy(target, source, count)
  }

  @inline(__always)
  package static func fill(_ target: UnsafeMutableRawBufferPointer, with byte: UInt8) {
    if let start = target.baseAddress { unsafe aviary_shared_fill(start, byte, target.count) }
  }

  /// Reads an integer of up to eight bytes, little-endian, once. No alignment is needed.
  @inline(__always)
  package static func load<T: FixedWidthInteger>(_ address: UnsafeRawPointer) -> T {
    T(truncatingIfNeeded: unsafe aviary_bytes_load(address, UInt32(MemoryLayout<T>.size)))
  }

  @inline(__always)
  package static func store<T: FixedWidthInteger>(_ value: T, _ address: UnsafeMutableRawPointer) {
    unsafe aviary_bytes_store(address, UInt32(MemoryLayout<T>.size), UInt64(truncatingIfNeeded: value))
  }

  /// The length in a shared memory's record (`AviaryMemory`).
  package static func length(ofRecord record: UnsafeRawPointer) -> UInt64 {
    unsafe aviary_memory_length(record.assumingMemoryBound(to: AviaryMemory.self))
  }
}
