import CAviaryHost

/// Collects pages that are to be dropped, joins neighbours, and drops many with one system call.
///
/// Lives in a caller's scratch memory for the time of one reset.
@unsafe
struct RangeDropper {
  static let capacity = 256
  private let ranges: UnsafeMutablePointer<AviaryRange>
  private var count = 0
  /// Ranges so far.
  private(set) var total = 0

  /// Unsafe contract: room for `capacity` ranges, for as long as the value is used.
  init(_ scratch: UnsafeMutablePointer<AviaryRange>) { unsafe ranges = scratch }

  mutating func add(_ address: UInt, _ bytes: Int) throws(VMError) {
    if unsafe count > 0, unsafe ranges[count - 1].address + UInt(ranges[count - 1].bytes) == address {
      unsafe ranges[count - 1].bytes += bytes
      return
    }
    if unsafe count == RangeDropper.capacity { unsafe try drop() }
    unsafe ranges[count] = AviaryRange(address: address, bytes: bytes)
    unsafe count += 1
    unsafe total += 1
  }

  mutating func drop() throws(VMError) {
    guard unsafe count > 0 else { return }
    let result = unsafe aviary_system_discard_ranges(ranges, count)
    unsafe count = 0
    guard result >= 0 else { throw Mapping.failure("discarding pages", result, 0) }
  }
}
