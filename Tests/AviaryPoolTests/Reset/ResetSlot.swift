@testable import AviaryPool
import CAviaryHost
import Glibc
import Testing

/// One slot with an image, a resetter and a record, and what all its bytes should be.
@safe
final class ResetSlot {
  static let support = ResetSupport.probe()

  let size: UInt64
  private(set) var accessible: UInt64
  let image: MemoryImage?
  let resetter: Resetter
  let history: PageHistory
  let mapping: Mapping
  private let contents: [UInt8]
  private let record: UnsafeMutablePointer<AviarySlotRecord>
  private let slab: UnsafeMutablePointer<AviarySlab>

  /// - Parameter imagePages: pages of the image, from `imageStart` on; 0: none.
  init(
    size: UInt64, accessible: UInt64, imageStart: UInt64 = 0, imagePages: Int, arms: Bool, decommits: Bool = false,
    keep: UInt64 = 1 << 20, seed: UInt64 = 1
  ) throws {
    var random = SeededGenerator(seed: seed)
    let bytes = (0..<imagePages * 4096).map { _ in UInt8.random(in: 0...255, using: &random) }
    contents = bytes
    self.size = size
    self.accessible = accessible
    _ = aviary_host_install()
    let mapping = try Mapping(reserving: size)
    try mapping.protect(from: 0, count: accessible, [.read, .write])
    var made: MemoryImage?
    if imagePages > 0 {
      made = try unsafe MemoryImage.sealed(start: imageStart, count: UInt64(bytes.count)) { place throws(VMError) in
        var failure: VMError?
        unsafe bytes.withUnsafeBytes { buffer in
          do throws(VMError) { unsafe try place(buffer, imageStart) } catch { failure = error }
        }
        if let failure { throw failure }
      }
      let address = unsafe UnsafeMutableRawPointer(bitPattern: mapping.address + UInt(imageStart))
      _ = unsafe mmap(
        address, min(bytes.count, Int(accessible - imageStart)), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, made!.file, 0)
    }
    image = made
    resetter = try Resetter(arms: arms, decommits: decommits, keepResidentBytes: keep)
    history = resetter.makeHistory()
    unsafe record = .allocate(capacity: 1)
    unsafe record.initialize(to: AviarySlotRecord())
    unsafe record.pointee.accessible = accessible
    unsafe record.pointee.log = history.log
    unsafe slab = .allocate(capacity: 1)
    unsafe slab.initialize(
      to: AviarySlab(
        slots_start: mapping.address, slots_end: mapping.address + UInt(size), slot_bytes: size, records: record,
        userfaultfd: resetter.userfaultfd, mode: UInt32(AVIARY_SLAB_WRITE_PROTECT), faults: 0))
    self.mapping = mapping
    _ = unsafe aviary_slab_register(slab)
  }

  deinit {
    unsafe aviary_slab_unregister(slab)
    unsafe history.deallocate()
    unsafe record.deallocate()
    unsafe slab.deallocate()
  }

  var bytes: UnsafeMutablePointer<UInt8> { unsafe UnsafeMutablePointer<UInt8>(bitPattern: mapping.address)! }
  var faults: UInt64 { unsafe slab.pointee.faults }

  func write(_ offset: UInt64, _ value: UInt8) { unsafe bytes[Int(offset)] = value }

  func grow(to bytes: UInt64) throws {
    try mapping.protect(from: accessible, count: bytes - accessible, [.read, .write])
    accessible = bytes
    unsafe record.pointee.accessible = bytes
  }

  /// As the pool hides a grown tail.
  func shrink(to bytes: UInt64) throws {
    try mapping.protect(from: bytes, count: accessible - bytes, [])
    accessible = bytes
    unsafe record.pointee.accessible = bytes
  }

  @discardableResult
  func reset() throws -> Resetter.Way {
    let way = try unsafe resetter.reset(SlotView(base: mapping.address, accessible: accessible, image: image), history)
    // As the pool does. Not by a wrapper: these are for the resetter's own calls to be counted.
    if way == .decommit {
      unsafe madvise(UnsafeMutableRawPointer(bitPattern: mapping.address), Int(accessible), MADV_DONTNEED)
    }
    return way
  }

  /// Runs in which the first `hot` pages are written, until the slot is armed.
  func arm(hot: Int = 1) throws {
    for _ in 0..<20 where !history.isArmed {
      for page in 0..<hot { write(UInt64(page) << 12, 1) }
      try reset()
    }
    precondition(history.isArmed)
  }

  /// As a fault would.
  func log(_ page: UInt32) {
    let log = unsafe history.log
    let pages = unsafe UnsafeMutableRawPointer(log) + MemoryLayout<AviaryWriteLog>.offset(of: \.pages)!
    unsafe pages.storeBytes(of: page, toByteOffset: Int(log.pointee.count) * 4, as: UInt32.self)
    unsafe log.pointee.count += 1
  }

  /// Changes the byte, whatever it is.
  func flip(_ offset: UInt64) { unsafe bytes[Int(offset)] ^= 0xFF }

  /// Reads each page.
  func bytesAreReadable() -> Bool {
    var sum: UInt8 = 0
    for offset in stride(from: 0, to: Int(accessible), by: 4096) { sum |= unsafe bytes[offset] }
    return sum | 1 != 0
  }

  /// The first byte from there on that is not as it was at first, if any.
  func firstDifference(from first: UInt64 = 0) -> Int? {
    var expected = [UInt8](repeating: 0, count: Int(accessible))
    let start = Int(image?.start ?? 0)
    let count = min(contents.count, expected.count - start)
    if count > 0 { expected.replaceSubrange(start..<start + count, with: contents[..<count]) }
    let offset = Int(first)
    let isSame = unsafe expected.withUnsafeBytes {
      unsafe memcmp($0.baseAddress! + offset, bytes + offset, Int(accessible) - offset) == 0
    }
    return isSame ? nil : (offset..<Int(accessible)).first { unsafe bytes[$0] != expected[$0] }
  }
}
