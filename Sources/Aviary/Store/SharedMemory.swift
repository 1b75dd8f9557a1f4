import AviaryCore
import AviaryPool
import AviaryVM

/// A linear memory that guests on several threads, in several stores of one engine, use at a time.
///
/// Made by the host and imported by modules (`Linker.define`), or made by a module that declares it, and found by
/// `Memory.shared`. It lives as long as a store or a value of this type has it.
///
/// Thread-safe. Its bytes may change at any time, so they are never lent: methods copy, or are atomic. Where guests or
/// threads race, what a copy reads may be of different times, byte by byte, and nothing worse happens. Source: the
/// threads proposal.
///
/// Every method throws `WasmError.trap` with the code `memoryOutOfBounds` on a bad range; atomic ones with
/// `unalignedAtomic` where the address is no multiple of the width.
public struct SharedMemory: Sendable {
  /// All its stores are this engine's.
  public let engine: Engine
  let runtime: VMSharedMemory

  init(_ engine: Engine, _ runtime: VMSharedMemory) {
    self.engine = engine
    self.runtime = runtime
  }

  /// Makes a memory of zeros. The address space of its maximum is reserved at once.
  /// - Parameter type: has a maximum; it is shared, whatever the type says.
  /// - Throws: `WasmError.limit` for a type that is too large or has no maximum, and at the limits of
  ///   `EngineConfiguration.sharedMemories`; `.exhausted` where the machine has no address space left.
  public init(_ engine: Engine, _ type: MemoryType) throws(WasmError) {
    guard var core = type.core else { throw .limit("a page size of \(type.pageSize) bytes, neither 1 nor 65536") }
    guard let maximum = type.maximum else { throw .limit("a shared memory needs a maximum") }
    guard maximum >= type.minimum else {
      throw .limit("a memory of at least \(type.minimum) and at most \(maximum) pages")
    }
    core.isShared = true
    self.engine = engine
    do throws(VMError) { runtime = try VMSharedMemory(engine.runtime, core) } catch { throw WasmError(error) }
  }

  /// As declared: the minimum is that of the type, not the present size.
  public var type: MemoryType { MemoryType(runtime.type) }
  /// In bytes; it only grows.
  public var byteCount: UInt64 { runtime.byteCount }
  /// Bytes of a page.
  public var pageSize: Int { type.pageSize }
  /// In pages.
  public var pageCount: UInt64 { runtime.pageCount }

  /// Grows by a number of pages. No store's limiter is asked.
  /// - Returns: the old size in pages.
  /// - Throws: `WasmError.limit` where the type, the engine's limit or the machine forbids it.
  @discardableResult
  public func grow(by pages: UInt64) throws(WasmError) -> UInt64 {
    guard let old = runtime.grow(by: pages) else {
      throw .limit("a shared memory of \(pageCount) pages cannot grow by \(pages)")
    }
    return old
  }

  /// The memory as one of a store's.
  /// - Throws: `WasmError.host` for a store of another engine; `.limit` for one that has as many memories as it may.
  public func memory<State>(in store: Store<State>) throws(WasmError) -> Memory {
    let context = store.context
    guard context.engine === engine else { throw .host("the memory belongs to another engine") }
    let runtime = try context.runtime()
    do throws(VMError) { return Memory(context, try VMMemory(runtime, self.runtime)) } catch { throw WasmError(error) }
  }

  // MARK: Copies

  /// Copies bytes out.
  public func bytes(at address: some GuestAddress, count: some GuestAddress) throws(WasmError) -> [UInt8] {
    let (address, count) = (address.guestAddress, count.guestAddress)
    try check(address, count)
    // Inside of the memory, so it fits in Int.
    return unsafe [UInt8](unsafeUninitializedCapacity: Int(count)) { target, initialized in
      let isInside = unsafe runtime.read(
        at: address, into: UnsafeMutableRawBufferPointer(start: target.baseAddress, count: Int(count)))
      initialized = isInside ? Int(count) : 0
    }
  }

  /// Copies a string out; what is not UTF-8 becomes U+FFFD.
  public func string(at address: some GuestAddress, count: some GuestAddress) throws(WasmError) -> String {
    String(decoding: try bytes(at: address, count: count), as: UTF8.self)
  }

  /// Copies bytes in.
  public func write(_ bytes: [UInt8], at address: some GuestAddress) throws(WasmError) {
    try unsafe write(bytes.span.bytes, at: address)
  }

  /// Copies the bytes of a span in.
  public func write(_ bytes: RawSpan, at address: some GuestAddress) throws(WasmError) {
    let isInside = unsafe bytes.withUnsafeBytes { unsafe runtime.write($0, at: address.guestAddress) }
    guard isInside else { throw outOfBounds(address.guestAddress, UInt64(bytes.byteCount)) }
  }

  /// Copies a string's UTF-8 in, without a terminator.
  public func write(_ string: String, at address: some GuestAddress) throws(WasmError) {
    try write(Array(string.utf8), at: address)
  }

  /// Sets every byte of a range.
  public func fill(at address: some GuestAddress, count: some GuestAddress, with byte: UInt8) throws(WasmError) {
    guard runtime.fill(byte, at: address.guestAddress, count: count.guestAddress) else {
      throw outOfBounds(address.guestAddress, count.guestAddress)
    }
  }

  /// Copies within the memory; the ranges may overlap.
  public func copy(from source: some GuestAddress, to target: some GuestAddress, count: some GuestAddress) throws(WasmError) {
    try check(source.guestAddress, count.guestAddress)
    guard runtime.copy(from: source.guestAddress, to: target.guestAddress, count: count.guestAddress) else {
      throw outOfBounds(target.guestAddress, count.guestAddress)
    }
  }

  private func check(_ address: UInt64, _ count: UInt64) throws(WasmError) {
    let size = byteCount
    guard address <= size, count <= size - address else { throw outOfBounds(address, count) }
  }

  func outOfBounds(_ address: UInt64, _ count: UInt64) -> WasmError {
    .trap(
      Trap(
        .memoryOutOfBounds, note: "\(count) bytes at \(address) of a shared memory of \(byteCount) bytes",
        address: address))
  }
}

extension SharedMemory: Equatable {
  /// Identity.
  public static func == (a: SharedMemory, b: SharedMemory) -> Bool { a.runtime === b.runtime }
}
