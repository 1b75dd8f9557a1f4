import AviaryPool
import CAviaryWASI
import Glibc

/// A guest's memory during one host call.
///
/// Every address that a guest passes becomes a `Slot` or a range of bytes
/// here, and nowhere else: an address is checked once, against the memory's
/// size, and yields `fault` when any of its bytes lies outside.
///
/// Of a memory that is shared, other threads may change every byte at any time. So what lies here is read and
/// written by `SharedBytes` and the kernel alone, each value once, and checked after it was copied.
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
    let source = try unsafe bytes(at: address, count: UInt64(count))
    return unsafe [UInt8](unsafeUninitializedCapacity: source.count) { target, count in
      if let from = source.baseAddress, let to = target.baseAddress {
        unsafe SharedBytes.copy(to: to, from: from, count: source.count)
      }
      count = source.count
    }
  }

  /// The most parts in one scattered read or write, as in POSIX.
  static let maximumVectors: UInt32 = 1024

  /// Calls `body` with the host's view of `count` iovecs at `address`.
  ///
  /// The descriptions are copied first, so a guest that lets its buffers
  /// overlap them harms no one but itself.
  /// - Parameter done: how many bytes to leave out at the beginning, for a
  ///   transfer that goes on.
  func withVectors<R: Sendable>(
    at address: UInt32, count: UInt32, skipping done: Int = 0,
    _ body: (Vectors) throws(Errno) -> R
  ) throws(Errno) -> R {
    guard count <= Self.maximumVectors else { throw .invalid }
    let guest = try array(at: address, count: count, stride: 8)
    let result: Result<R, Errno> = unsafe withUnsafeTemporaryAllocation(
      of: iovec.self, capacity: Int(count)
    ) { vectors in
      do throws(Errno) {
        var left = done
        for index in 0..<Int(count) {
          let address = guest.load(UInt32.self, at: index * 8)
          let length = guest.load(UInt32.self, at: index * 8 + 4)
          let bytes = try unsafe self.bytes(at: address, count: UInt64(length))
          let skipped = min(left, bytes.count)
          left -= skipped
          unsafe (vectors.baseAddress! + index).initialize(
            to: iovec(iov_base: bytes.baseAddress.map { unsafe $0 + skipped }, iov_len: bytes.count - skipped))
        }
        return .success(try body(unsafe Vectors(UnsafeBufferPointer(vectors))))
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

  private var size: Int { unsafe bytes.count }

  func load<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type, at offset: Int) -> T {
    precondition(offset >= 0 && offset + MemoryLayout<T>.size <= size)
    return unsafe SharedBytes.load(bytes.baseAddress! + offset)
  }

  func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int = 0) {
    precondition(offset >= 0 && offset + MemoryLayout<T>.size <= size)
    unsafe SharedBytes.store(value, bytes.baseAddress! + offset)
  }

  func zero(_ count: Int) {
    precondition(count <= size)
    if count > 0 { unsafe SharedBytes.fill(UnsafeMutableRawBufferPointer(rebasing: bytes[..<count]), with: 0) }
  }

  /// Copies `source` to `offset`.
  func copy(_ source: some Collection<UInt8>, at offset: Int = 0) {
    precondition(offset >= 0 && source.count <= size - offset)
    let source = ContiguousArray(source)
    guard let target = unsafe bytes.baseAddress, !source.isEmpty else { return }
    unsafe source.withUnsafeBytes { unsafe SharedBytes.copy(to: target + offset, from: $0.baseAddress!, count: $0.count) }
  }

  /// The part from `offset` on that is `size` bytes long.
  func part(at offset: Int, size count: Int) -> Slot {
    precondition(offset >= 0 && count >= 0 && count <= size - offset)
    return unsafe Slot(UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + count]))
  }
}

/// The parts of a scattered read or write: checked guest memory, as the host
/// addresses it. Valid within the closure that it is given to. System calls get
/// them through `transfer` alone.
@safe struct Vectors {
  private let parts: UnsafeBufferPointer<iovec>

  fileprivate init(_ parts: UnsafeBufferPointer<iovec>) {
    unsafe self.parts = unsafe parts
  }

  var count: Int { unsafe parts.count }

  /// The bytes of all parts, which may name the same ones many times.
  var byteCount: Int {
    // 1024 parts of 4 GiB: no overflow.
    unsafe parts.reduce(0) { unsafe $0 + $1.iov_len }
  }

  /// What the kernel is given.
  var base: UnsafePointer<iovec>? { unsafe parts.baseAddress }
  var kernelCount: Int32 { Int32(clamping: count) }

  /// Copies the first bytes of a part to the end of `bytes`.
  func append(_ index: Int, first count: Int, to bytes: inout [UInt8]) {
    let part = unsafe self[index]
    guard count > 0, let from = part.baseAddress else { return }
    precondition(count <= part.count)
    bytes.append(addingCapacity: count) { span in
      unsafe span.withUnsafeMutableBufferPointer { target, initialized in
        unsafe SharedBytes.copy(to: UnsafeMutableRawPointer(target.baseAddress! + initialized), from: from, count: count)
        initialized += count
      }
    }
  }

  subscript(index: Int) -> UnsafeMutableRawBufferPointer {
    let part = unsafe parts[index]
    return unsafe UnsafeMutableRawBufferPointer(start: part.iov_base, count: part.iov_len)
  }

  /// Only the first part that is not empty, and no more than `limit` bytes of it.
  func withFirst<R: Sendable>(
    _ limit: Int, _ body: (Vectors) throws(Errno) -> R
  ) throws(Errno) -> R? {
    for index in 0..<count {
      let part = unsafe self[index]
      guard part.count > 0 else { continue }
      var vector = unsafe iovec(iov_base: part.baseAddress, iov_len: min(part.count, limit))
      let result: Result<R, Errno> = unsafe withUnsafePointer(to: &vector) { pointer in
        do throws(Errno) {
          return .success(
            try body(unsafe Vectors(UnsafeBufferPointer(start: pointer, count: 1))))
        } catch { return .failure(error) }
      }
      return try result.get()
    }
    return nil
  }
}
