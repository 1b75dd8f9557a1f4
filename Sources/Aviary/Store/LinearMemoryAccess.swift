import AviaryPool

/// What can read and write a linear memory: `Memory`, and `Caller` for the memory of the
/// instance that called.
///
/// Every method throws `WasmError.trap` with the code `memoryOutOfBounds` on a bad range,
/// and has then changed nothing. Addresses and counts are bytes.
///
/// Not thread-safe, as its store. The bytes of a shared memory may change at any time: each method copies them
/// once, in any order; `SharedMemory` has atomic operations.
public protocol LinearMemoryAccess: ~Copyable {
  /// Address of the memory's record in the runtime, for the methods of this protocol only.
  func memoryRecord() throws(WasmError) -> MemoryRecord
}

/// A token for a memory, for the methods of `LinearMemoryAccess`. Unsafe to keep: it is good for
/// as long as the memory's store lives.
@unsafe @frozen public struct MemoryRecord: BitwiseCopyable {
  /// The record's, a multiple of 8; plus 1 where the memory is under a protection key, and a thread has
  /// to be given the rights to it first; plus 2 where it is shared (it is under no key then).
  @usableFromInline let address: UInt
  @inlinable init(address: UInt) { unsafe self.address = address }
  /// For the calling thread at once: after an `await` it is got again.
  @inlinable var view: MemoryView {
    if unsafe address & 3 != 0 {
      if unsafe address & 2 != 0 { return unsafe MemoryView(sharedRecord: address & ~3) }
      unsafe MemoryRecord.allowAccess()
    }
    return unsafe MemoryView(record: address & ~1)
  }
  @usableFromInline @inline(never) static func allowAccess() { HostAccess.allow() }
}

extension LinearMemoryAccess where Self: ~Copyable {
  /// The memory's size in bytes, at this moment.
  @inlinable public var memorySize: UInt64 {
    get throws(WasmError) { try unsafe memoryRecord().view.count }
  }

  /// Reads a little-endian integer; no alignment is needed.
  @inlinable public func load<T: FixedWidthInteger>(_ type: T.Type = T.self, at address: some GuestAddress) throws(WasmError) -> T {
    try unsafe memoryRecord().view.load(T.self, at: address.guestAddress)
  }
  /// Reads a little-endian float, any bits.
  @inlinable public func load(_ type: Float.Type = Float.self, at address: some GuestAddress) throws(WasmError) -> Float {
    Float(bitPattern: try load(UInt32.self, at: address))
  }
  /// Reads a little-endian double, any bits.
  @inlinable public func load(_ type: Double.Type = Double.self, at address: some GuestAddress) throws(WasmError) -> Double {
    Double(bitPattern: try load(UInt64.self, at: address))
  }

  /// Reads 16 bytes; no alignment is needed.
  @inlinable public func load(_ type: V128.Type = V128.self, at address: some GuestAddress) throws(WasmError) -> V128 {
    let bits = try load(UInt128.self, at: address)
    return V128(low: UInt64(truncatingIfNeeded: bits), high: UInt64(truncatingIfNeeded: bits &>> 64))
  }
  /// Reads 16 bytes as lanes, little-endian each; no alignment is needed.
  @inlinable public func load<Vector: SIMD>(_ type: Vector.Type = Vector.self, at address: some GuestAddress) throws(WasmError) -> Vector
  where Vector.Scalar: V128Lane, Vector.Scalar.V128Vector == Vector {
    try load(V128.self, at: address).lanes()
  }

  /// Writes a little-endian integer; no alignment is needed.
  @inlinable public func store<T: FixedWidthInteger>(_ value: T, at address: some GuestAddress) throws(WasmError) {
    try unsafe memoryRecord().view.store(value, at: address.guestAddress)
  }
  /// Writes a little-endian float.
  @inlinable public func store(_ value: Float, at address: some GuestAddress) throws(WasmError) {
    try store(value.bitPattern, at: address)
  }
  /// Writes a little-endian double.
  @inlinable public func store(_ value: Double, at address: some GuestAddress) throws(WasmError) {
    try store(value.bitPattern, at: address)
  }
  /// Writes 16 bytes.
  @inlinable public func store(_ value: V128, at address: some GuestAddress) throws(WasmError) {
    try store(UInt128(value.high) &<< 64 | UInt128(value.low), at: address)
  }
  /// Writes the 16 bytes of a vector's lanes, little-endian each.
  @inlinable public func store<Vector: SIMD>(_ vector: Vector, at address: some GuestAddress) throws(WasmError)
  where Vector.Scalar: V128Lane, Vector.Scalar.V128Vector == Vector {
    try store(V128(vector), at: address)
  }

  /// Copies bytes out.
  public func bytes(at address: some GuestAddress, count: some GuestAddress) throws(WasmError) -> [UInt8] {
    try unsafe memoryRecord().view.bytes(at: address.guestAddress, count: count.guestAddress)
  }

  /// Copies a string out; what is not UTF-8 becomes U+FFFD.
  public func string(at address: some GuestAddress, count: some GuestAddress) throws(WasmError) -> String {
    try unsafe memoryRecord().view.string(at: address.guestAddress, count: count.guestAddress)
  }

  /// Copies bytes in.
  public func write(_ bytes: [UInt8], at address: some GuestAddress) throws(WasmError) {
    let view = try unsafe memoryRecord().view
    let failure: WasmError? = unsafe bytes.withUnsafeBytes { source in
      do throws(WasmError) {
        try unsafe view.write(source, at: address.guestAddress)
        return nil
      } catch { return error }
    }
    if let failure { throw failure }
  }

  /// Copies the bytes of a span in.
  public func write(_ bytes: RawSpan, at address: some GuestAddress) throws(WasmError) {
    let view = try unsafe memoryRecord().view
    let failure: WasmError? = unsafe bytes.withUnsafeBytes { source in
      do throws(WasmError) {
        try unsafe view.write(source, at: address.guestAddress)
        return nil
      } catch { return error }
    }
    if let failure { throw failure }
  }

  /// Copies a string's UTF-8 in, without a terminator.
  public func write(_ string: String, at address: some GuestAddress) throws(WasmError) {
    try write(Array(string.utf8), at: address)
  }

  /// Copies as much of the bytes in as there is room for.
  /// - Returns: how many bytes the whole has, so that the guest can come back with more room.
  @discardableResult
  public func write(_ bytes: [UInt8], at address: some GuestAddress, capacity: some GuestAddress) throws(WasmError) -> Int32 {
    guard let total = Int32(exactly: bytes.count) else {
      throw .host("\(bytes.count) bytes are more than an i32 can count")
    }
    let room = capacity.guestAddress
    if UInt64(bytes.count) <= room {
      try write(bytes, at: address)
    } else {
      // Less than the count of an array, so it fits in Int.
      try write(Array(bytes.prefix(Int(room))), at: address)
    }
    return total
  }

  /// Copies as much of a string's UTF-8 in as there is room for, cutting at any byte.
  /// - Returns: how many bytes the whole has.
  @discardableResult
  public func write(_ string: String, at address: some GuestAddress, capacity: some GuestAddress) throws(WasmError) -> Int32 {
    try write(Array(string.utf8), at: address, capacity: capacity)
  }

  /// Sets every byte of a range.
  public func fill(at address: some GuestAddress, count: some GuestAddress, with byte: UInt8) throws(WasmError) {
    try unsafe memoryRecord().view.fill(at: address.guestAddress, count: count.guestAddress, with: byte)
  }

  /// Copies within the memory; the ranges may overlap.
  public func copy(from source: some GuestAddress, to target: some GuestAddress, count: some GuestAddress) throws(WasmError) {
    let view = try unsafe memoryRecord().view
    let from = try unsafe view.buffer(at: source.guestAddress, count: count.guestAddress)
    let to = try unsafe view.buffer(at: target.guestAddress, count: count.guestAddress)
    unsafe view.copy(UnsafeRawBufferPointer(from), to: to)
  }

  /// Lends a range to `body`, without a copy. The guest must not run meanwhile in a way that depends on
  /// these bytes; the span cannot leave the closure.
  /// - Throws: also `WasmError.host` for a shared memory, which other threads may write: copy its bytes.
  public func withBytes<Result, Failure: Error>(
    at address: some GuestAddress, count: some GuestAddress, _ body: (RawSpan) throws(Failure) -> Result
  ) throws -> Result {
    let range = try unsafe memoryRecord().view.lent(at: address.guestAddress, count: count.guestAddress)
    return try body(unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(range)))
  }

  /// Lends a range to `body` for reading and writing, without a copy. The guest must not run meanwhile.
  /// - Throws: also `WasmError.host` for a shared memory.
  public func withMutableBytes<Result, Failure: Error>(
    at address: some GuestAddress, count: some GuestAddress, _ body: (inout MutableRawSpan) throws(Failure) -> Result
  ) throws -> Result {
    let range = try unsafe memoryRecord().view.lent(at: address.guestAddress, count: count.guestAddress)
    var span = unsafe MutableRawSpan(_unsafeBytes: range)
    return try body(&span)
  }
}
