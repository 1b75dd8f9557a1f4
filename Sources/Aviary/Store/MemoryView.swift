import AviaryPool

/// The bytes of a linear memory, at this moment: what `Memory` and `Caller` read and write
/// through. Every access is checked against `count` and throws.
///
/// Unsafe contract: [base, base + count) is readable and writable while the view is used. True
/// for a memory of a living store: memories do not move, and do not shrink.
@safe @usableFromInline
struct MemoryView {
  @usableFromInline let base: UnsafeMutableRawPointer
  @usableFromInline let count: UInt64
  /// Whether other threads may use the bytes at this moment: then `SharedBytes` alone touches them.
  @usableFromInline let isShared: Bool

  @inlinable init(base: UnsafeMutableRawPointer, count: UInt64) {
    unsafe self.base = unsafe base
    self.count = count
    isShared = false
  }

  /// Of a shared memory.
  @usableFromInline init(sharedRecord record: UInt) {
    let words = unsafe UnsafeRawPointer(bitPattern: record).unsafelyUnwrapped
    unsafe base = unsafe UnsafeMutableRawPointer(bitPattern: words.load(as: UInt.self)) ?? MemoryView.nowhere
    count = unsafe SharedBytes.length(ofRecord: words)
    isShared = true
  }

  /// - Parameter record: address of an `AviaryMemory`: base, then length in bytes.
  @inlinable init(record: UInt) {
    let words = unsafe UnsafeRawPointer(bitPattern: record).unsafelyUnwrapped
    let base = unsafe words.load(as: UInt.self)
    unsafe self.base = unsafe UnsafeMutableRawPointer(bitPattern: base) ?? MemoryView.nowhere
    self.count = unsafe base == 0 ? 0 : words.load(fromByteOffset: 8, as: UInt64.self)
    isShared = false
  }

  /// Stands for the base of a memory without pages.
  @usableFromInline static var nowhere: UnsafeMutableRawPointer {
    unsafe UnsafeMutableRawPointer(bitPattern: 16).unsafelyUnwrapped
  }

  /// The one place where guest addresses become pointers.
  @inlinable func pointer(at address: UInt64, count length: UInt64) throws(WasmError) -> UnsafeMutableRawPointer {
    guard address <= count, length <= count - address else {
      throw outOfBounds(address, length)
    }
    return unsafe base + Int(truncatingIfNeeded: address)
  }

  @inlinable func buffer(at address: UInt64, count length: UInt64) throws(WasmError) -> UnsafeMutableRawBufferPointer {
    // In range, so the length fits in Int.
    unsafe UnsafeMutableRawBufferPointer(start: try pointer(at: address, count: length), count: Int(truncatingIfNeeded: length))
  }

  @usableFromInline @inline(never) func outOfBounds(_ address: UInt64, _ length: UInt64) -> WasmError {
    .trap(
      Trap(
        .memoryOutOfBounds, note: "\(length) bytes at \(address) of a memory of \(count) bytes",
        address: address))
  }

  @inlinable func load<T: FixedWidthInteger>(_ type: T.Type, at address: UInt64) throws(WasmError) -> T {
    let pointer = try unsafe pointer(at: address, count: UInt64(MemoryLayout<T>.size))
    var value: T = 0
    unsafe withUnsafeMutableBytes(of: &value) {
      if isShared {
        unsafe MemoryView.copyShared(to: $0.baseAddress.unsafelyUnwrapped, from: pointer, MemoryLayout<T>.size)
      } else {
        unsafe $0.copyMemory(from: .init(start: pointer, count: MemoryLayout<T>.size))
      }
    }
    return T(littleEndian: value)
  }

  @inlinable func store<T: FixedWidthInteger>(_ value: T, at address: UInt64) throws(WasmError) {
    let pointer = try unsafe pointer(at: address, count: UInt64(MemoryLayout<T>.size))
    unsafe withUnsafeBytes(of: value.littleEndian) {
      if isShared {
        unsafe MemoryView.copyShared(to: pointer, from: $0.baseAddress.unsafelyUnwrapped, $0.count)
      } else {
        unsafe pointer.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: $0.count)
      }
    }
  }

  @usableFromInline @inline(never)
  static func copyShared(to target: UnsafeMutableRawPointer, from source: UnsafeRawPointer, _ count: Int) {
    unsafe SharedBytes.copy(to: target, from: source, count: count)
  }

  func write(_ source: UnsafeRawBufferPointer, at address: UInt64) throws(WasmError) {
    let target = try unsafe buffer(at: address, count: UInt64(source.count))
    unsafe copy(source, to: target)
  }

  /// - Precondition: there are as many bytes on both sides; one of them may be ours.
  func copy(_ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer) {
    guard let from = source.baseAddress, let to = target.baseAddress else { return }
    if isShared {
      unsafe SharedBytes.copy(to: to, from: from, count: source.count)
    } else {
      unsafe to.copyMemory(from: from, byteCount: source.count)
    }
  }

  func fill(at address: UInt64, count length: UInt64, with byte: UInt8) throws(WasmError) {
    let target = try unsafe buffer(at: address, count: length)
    if isShared {
      unsafe SharedBytes.fill(target, with: byte)
    } else {
      unsafe target.initializeMemory(as: UInt8.self, repeating: byte)
    }
  }

  func bytes(at address: UInt64, count length: UInt64) throws(WasmError) -> [UInt8] {
    let source = try unsafe buffer(at: address, count: length)
    guard isShared else { return unsafe [UInt8](source) }
    return unsafe [UInt8](unsafeUninitializedCapacity: source.count) { target, count in
      unsafe copy(UnsafeRawBufferPointer(source), to: UnsafeMutableRawBufferPointer(target))
      count = source.count
    }
  }

  func string(at address: UInt64, count length: UInt64) throws(WasmError) -> String {
    // What is decoded must not change meanwhile.
    if isShared { return String(decoding: try bytes(at: address, count: length), as: UTF8.self) }
    return unsafe String(decoding: try buffer(at: address, count: length), as: UTF8.self)
  }

  /// Bytes to be lent.
  func lent(at address: UInt64, count length: UInt64) throws(WasmError) -> UnsafeMutableRawBufferPointer {
    if isShared { throw .host("the memory is shared: other threads may write what would be lent. Copy the bytes") }
    return try unsafe buffer(at: address, count: length)
  }
}
