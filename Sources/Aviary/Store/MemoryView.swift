/// The bytes of a linear memory, at this moment: what `Memory` and `Caller` read and write
/// through. Every access is checked against `count` and throws.
///
/// Unsafe contract: [base, base + count) is readable and writable while the view is used. True
/// for a memory of a living store: memories do not move, and do not shrink.
@safe @usableFromInline
struct MemoryView {
  @usableFromInline let base: UnsafeMutableRawPointer
  @usableFromInline let count: UInt64

  @inlinable init(base: UnsafeMutableRawPointer, count: UInt64) {
    unsafe self.base = unsafe base
    self.count = count
  }

  /// - Parameter record: address of an `AviaryMemory`: base, then length in bytes.
  @inlinable init(record: UInt) {
    let words = unsafe UnsafeRawPointer(bitPattern: record).unsafelyUnwrapped
    let base = unsafe words.load(as: UInt.self)
    unsafe self.base = unsafe UnsafeMutableRawPointer(bitPattern: base) ?? MemoryView.nowhere
    self.count = unsafe base == 0 ? 0 : words.load(fromByteOffset: 8, as: UInt64.self)
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
    unsafe withUnsafeMutableBytes(of: &value) { unsafe $0.copyMemory(from: .init(start: pointer, count: MemoryLayout<T>.size)) }
    return T(littleEndian: value)
  }

  @inlinable func store<T: FixedWidthInteger>(_ value: T, at address: UInt64) throws(WasmError) {
    let pointer = try unsafe pointer(at: address, count: UInt64(MemoryLayout<T>.size))
    unsafe withUnsafeBytes(of: value.littleEndian) { unsafe pointer.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: $0.count) }
  }

  func write(_ source: UnsafeRawBufferPointer, at address: UInt64) throws(WasmError) {
    let target = try unsafe buffer(at: address, count: UInt64(source.count))
    unsafe target.copyMemory(from: source)
  }

  func bytes(at address: UInt64, count length: UInt64) throws(WasmError) -> [UInt8] {
    unsafe [UInt8](try buffer(at: address, count: length))
  }

  func string(at address: UInt64, count length: UInt64) throws(WasmError) -> String {
    unsafe String(decoding: try buffer(at: address, count: length), as: UTF8.self)
  }
}
