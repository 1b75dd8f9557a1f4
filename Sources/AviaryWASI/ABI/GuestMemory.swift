package import CAviaryWASI
import Glibc

/// A guest's memory during one host call.
///
/// Every address that a guest passes becomes a `Slot` or a range of bytes
/// here, and nowhere else: an address is checked once, against the memory's
/// size, and yields `fault` when any of its bytes lies outside.
///
/// Invariant: `base ..< base + count` stays mapped and in place for as long as
/// the value exists. Memories never move when they grow, and never shrink.
@safe package struct GuestMemory: @unchecked Sendable {
  private let base: UnsafeMutableRawPointer?
  private let count: UInt64

  /// - Safety: `bytes` must stay valid for the lifetime of the value.
  package init(_ bytes: UnsafeMutableRawBufferPointer) {
    unsafe base = bytes.baseAddress
    count = UInt64(bytes.count)
  }

  /// The `length` bytes at `address`. A range of no bytes may lie anywhere,
  /// as C programs pass any pointer with a length of zero.
  func bytes(at address: UInt32, count length: UInt64) throws(Errno) -> UnsafeMutableRawBufferPointer {
    guard length > 0 else { return unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0) }
    let (end, overflow) = UInt64(address).addingReportingOverflow(length)
    guard !overflow, end <= count, let base = unsafe base else { throw .fault }
    return unsafe UnsafeMutableRawBufferPointer(start: base + Int(address), count: Int(length))
  }

  /// Room for a result of `size` bytes.
  func slot(at address: UInt32, size: Int) throws(Errno) -> Slot {
    try unsafe Slot(bytes(at: address, count: UInt64(size)))
  }

  /// Checks an array of `count` elements of `stride` bytes.
  func array(at address: UInt32, count: UInt32, stride: Int) throws(Errno) -> Slot {
    let (size, overflow) = UInt64(count).multipliedReportingOverflow(by: UInt64(stride))
    guard !overflow else { throw .overflow }
    return try unsafe Slot(bytes(at: address, count: size))
  }

  /// Copies `count` bytes out of the guest.
  func copy(at address: UInt32, count: UInt32) throws(Errno) -> [UInt8] {
    try unsafe Array(bytes(at: address, count: UInt64(count)))
  }

  /// The most parts in one scattered read or write, as in POSIX.
  static let maximumVectors: UInt32 = 1024

  /// Calls `body` with the host's view of `count` iovecs at `address`.
  ///
  /// The descriptions are copied first, so a guest that lets its buffers
  /// overlap them harms no one but itself.
  func withVectors<R: Sendable>(
    at address: UInt32, count: UInt32,
    _ body: (UnsafeBufferPointer<iovec>) throws(Errno) -> R
  ) throws(Errno) -> R {
    guard count <= Self.maximumVectors else { throw .invalid }
    let guest = try array(at: address, count: count, stride: 8)
    let result: Result<R, Errno> = unsafe withUnsafeTemporaryAllocation(
      of: iovec.self, capacity: Int(count)
    ) { vectors in
      do throws(Errno) {
        for index in 0..<Int(count) {
          let address = guest.load(UInt32.self, at: index * 8)
          let length = guest.load(UInt32.self, at: index * 8 + 4)
          let bytes = try unsafe self.bytes(at: address, count: UInt64(length))
          unsafe (vectors.baseAddress! + index).initialize(
            to: iovec(iov_base: bytes.baseAddress, iov_len: bytes.count))
        }
        return .success(try unsafe body(UnsafeBufferPointer(vectors)))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}

/// Checked bytes of guest memory, for values at offsets that we chose.
///
/// Offsets come from tables of our own; one past the end is our bug, and is
/// stopped by a precondition.
@safe struct Slot {
  private let bytes: UnsafeMutableRawBufferPointer

  fileprivate init(_ bytes: UnsafeMutableRawBufferPointer) {
    unsafe self.bytes = unsafe bytes
  }

  func load<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type, at offset: Int) -> T {
    precondition(offset >= 0 && offset + MemoryLayout<T>.size <= unsafe bytes.count)
    return T(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int = 0) {
    precondition(offset >= 0 && offset + MemoryLayout<T>.size <= unsafe bytes.count)
    unsafe bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
  }

  func zero(_ size: Int) {
    precondition(size <= unsafe bytes.count)
    unsafe bytes.baseAddress?.initializeMemory(as: UInt8.self, repeating: 0, count: size)
  }

  /// Copies `source` to `offset`.
  func copy(_ source: some Collection<UInt8>, at offset: Int = 0) {
    precondition(offset >= 0 && source.count <= unsafe bytes.count - offset)
    unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[offset...]).copyBytes(from: source)
  }

  /// The part from `offset` on that is `size` bytes long.
  func part(at offset: Int, size: Int) -> Slot {
    precondition(offset >= 0 && size >= 0 && size <= unsafe bytes.count - offset)
    return unsafe Slot(UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + size]))
  }
}
