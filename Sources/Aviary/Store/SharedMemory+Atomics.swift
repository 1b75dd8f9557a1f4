import AviaryVM

/// The integers that atomic operations work on: 8, 16, 32 and 64 bits wide.
public protocol AtomicInteger: FixedWidthInteger & Sendable {}
extension UInt8: AtomicInteger {}
extension Int8: AtomicInteger {}
extension UInt16: AtomicInteger {}
extension Int16: AtomicInteger {}
extension UInt32: AtomicInteger {}
extension Int32: AtomicInteger {}
extension UInt64: AtomicInteger {}
extension Int64: AtomicInteger {}

// As the guests' atomic instructions: sequentially consistent, little-endian.
extension SharedMemory {
  /// Reads an integer.
  public func atomicLoad<T: AtomicInteger>(_ type: T.Type = T.self, at address: some GuestAddress) throws(WasmError) -> T {
    let place = try aligned(address.guestAddress, T.self)
    return try value(runtime.load(at: place, width: width(T.self)), place)
  }

  /// Writes an integer.
  public func atomicStore<T: AtomicInteger>(_ value: T, at address: some GuestAddress) throws(WasmError) {
    _ = try atomicExchange(value, at: address)
  }

  /// Writes an integer, and returns what was there.
  public func atomicExchange<T: AtomicInteger>(_ value: T, at address: some GuestAddress) throws(WasmError) -> T {
    try modify(address, .exchange, value)
  }

  /// Adds, wrapping around, and returns what was there.
  @discardableResult
  public func atomicAdd<T: AtomicInteger>(_ value: T, at address: some GuestAddress) throws(WasmError) -> T {
    try modify(address, .add, value)
  }

  /// Subtracts, wrapping around, and returns what was there.
  @discardableResult
  public func atomicSubtract<T: AtomicInteger>(_ value: T, at address: some GuestAddress) throws(WasmError) -> T {
    try modify(address, .sub, value)
  }

  /// Bitwise and; returns what was there.
  @discardableResult
  public func atomicAnd<T: AtomicInteger>(_ value: T, at address: some GuestAddress) throws(WasmError) -> T {
    try modify(address, .and, value)
  }

  /// Bitwise or; returns what was there.
  @discardableResult
  public func atomicOr<T: AtomicInteger>(_ value: T, at address: some GuestAddress) throws(WasmError) -> T {
    try modify(address, .or, value)
  }

  /// Bitwise exclusive or; returns what was there.
  @discardableResult
  public func atomicXor<T: AtomicInteger>(_ value: T, at address: some GuestAddress) throws(WasmError) -> T {
    try modify(address, .xor, value)
  }

  /// Writes `desired` where `expected` is found.
  /// - Returns: whether it was, and what was there.
  @discardableResult
  public func atomicCompareExchange<T: AtomicInteger>(
    expected: T, desired: T, at address: some GuestAddress
  ) throws(WasmError) -> (exchanged: Bool, original: T) {
    let place = try aligned(address.guestAddress, T.self)
    let seen: T = try value(
      runtime.compareExchange(
        at: place, width: width(T.self), expected: UInt64(truncatingIfNeeded: expected),
        desired: UInt64(truncatingIfNeeded: desired)), place)
    return (seen == expected, seen)
  }

  // MARK: -

  private func modify<T: AtomicInteger>(
    _ address: some GuestAddress, _ operation: VMAtomicOperation, _ operand: T
  ) throws(WasmError) -> T {
    let place = try aligned(address.guestAddress, T.self)
    return try value(
      runtime.modify(at: place, width: width(T.self), operation, UInt64(truncatingIfNeeded: operand)), place)
  }

  private func width<T: AtomicInteger>(_: T.Type) -> UInt32 { UInt32(T.bitWidth / 8) }

  /// A conformance of somebody else's may have any width.
  func aligned<T: AtomicInteger>(_ address: UInt64, _: T.Type) throws(WasmError) -> UInt64 {
    guard [8, 16, 32, 64].contains(T.bitWidth) else { throw .host("there is no atomic access of \(T.bitWidth) bits") }
    guard address % UInt64(T.bitWidth / 8) == 0 else {
      throw .trap(Trap(.unalignedAtomic, note: "\(T.bitWidth / 8) bytes at \(address)", address: address))
    }
    return address
  }

  private func value<T: AtomicInteger>(_ bits: UInt64?, _ address: UInt64) throws(WasmError) -> T {
    guard let bits else { throw outOfBounds(address, UInt64(T.bitWidth / 8)) }
    return T(truncatingIfNeeded: bits)
  }
}
