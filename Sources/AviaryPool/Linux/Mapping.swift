import CAviaryHost

package enum Page {
  package static let size: UInt64 = 4096
  /// The next multiple of a page; nil where it exceeds 64 bits.
  package static func roundUp(_ bytes: UInt64) -> UInt64? {
    let (sum, overflow) = bytes.addingReportingOverflow(size - 1)
    return overflow ? nil : sum & ~(size - 1)
  }
}

package struct Protection: OptionSet, Sendable {
  package let rawValue: Int32
  package init(rawValue: Int32) { self.rawValue = rawValue }
  package static let read = Protection(rawValue: Int32(AVIARY_PROTECT_READ))
  package static let write = Protection(rawValue: Int32(AVIARY_PROTECT_WRITE))
  package static let execute = Protection(rawValue: Int32(AVIARY_PROTECT_EXECUTE))
}

/// A range of address space of our own, unmapped when the value ends.
///
/// Invariant: [address, address + count) is mapped by this value alone.
package struct Mapping: ~Copyable, Sendable {
  package let address: UInt
  package let count: UInt64

  /// Anonymous memory. Without access it costs address space only.
  @inline(never)
  package init(reserving count: UInt64, _ protection: Protection = []) throws(VMError) {
    let result = aviary_system_reserve(Int(clamping: count), protection.rawValue)
    guard result >= 0 else { throw Mapping.failure("reserving memory", result, count) }
    address = UInt(bitPattern: result)
    self.count = count
  }

  /// The first `count` bytes of a file.
  @inline(never)
  package init(file: Int32, count: UInt64, _ protection: Protection) throws(VMError) {
    let result = aviary_system_map_file(file, Int(clamping: count), protection.rawValue)
    guard result >= 0 else { throw Mapping.failure("mapping memory", result, count) }
    address = UInt(bitPattern: result)
    self.count = count
  }

  /// Bytes of a file that does not change, for reading.
  /// - Precondition: the offset is a multiple of a page.
  @inline(never)
  package init(constantFile file: Int32, offset: UInt64, count: UInt64) throws(VMError) {
    let result = aviary_system_image_map(file, Int(clamping: count), offset)
    guard result >= 0 else { throw Mapping.failure("mapping an image", result, count) }
    address = UInt(bitPattern: result)
    self.count = count
  }

  deinit {
    // A failure leaks address space and harms nobody.
    _ = aviary_system_unmap(address, Int(clamping: count))
  }

  /// - Precondition: `offset + count` is inside.
  @inline(never)
  package func protect(from offset: UInt64, count: UInt64, _ protection: Protection) throws(VMError) {
    precondition(offset <= self.count && count <= self.count - offset)
    if count == 0 { return }
    let result = aviary_system_protect(address + UInt(offset), Int(count), protection.rawValue)
    guard result >= 0 else { throw Mapping.failure("changing protection", result, count) }
  }

  /// Anonymous pages of the range read as zeros again.
  @inline(never)
  package func discard(from offset: UInt64, count: UInt64) throws(VMError) {
    precondition(offset <= self.count && count <= self.count - offset)
    if count == 0 { return }
    let result = aviary_system_discard(address + UInt(offset), Int(count))
    guard result >= 0 else { throw Mapping.failure("discarding pages", result, count) }
  }

  package static func failure(_ operation: String, _ result: Int, _ count: UInt64) -> VMError {
    .system(operation: operation, error: errorName(Int32(truncatingIfNeeded: -result)), bytes: count)
  }

  private static func errorName(_ error: Int32) -> String {
    guard let name = unsafe aviary_system_error_name(error) else { return "error \(error)" }
    return unsafe String(cString: name)
  }
}
