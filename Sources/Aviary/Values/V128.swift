/// A vector of 16 bytes, without saying what its lanes are.
///
/// Byte 0 is the lowest of `low`, and of lane 0. Swift's own vectors stand for v128 too, in typed functions and here:
///
/// ```swift
/// let scale = try instance.function("scale", as: ((SIMD4<Float>, Float) -> SIMD4<Float>).self)
/// let value = Value.v128(V128(SIMD8<UInt16>(repeating: 7)))
/// ```
/// Equality is that of bits.
public struct V128: Hashable, Sendable, BitwiseCopyable {
  /// Bytes 0 to 7.
  public var low: UInt64
  /// Bytes 8 to 15.
  public var high: UInt64
  /// A vector of these bytes.
  @inlinable public init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// The vector's lanes, bit for bit.
  @inlinable public init<Vector: SIMD>(_ vector: Vector)
  where Vector.Scalar: V128Lane, Vector.Scalar.V128Vector == Vector {
    let slot = bits(vector)
    self.init(low: slot.low, high: slot.high)
  }

  /// The same bits as lanes.
  @inlinable public func lanes<Vector: SIMD>(as type: Vector.Type = Vector.self) -> Vector
  where Vector.Scalar: V128Lane, Vector.Scalar.V128Vector == Vector {
    vector(ValueSlot(low: low, high: high))
  }
}

extension V128: WasmType {
  @inlinable public static var wasmType: ValueType { .v128 }
  @inlinable public init(slot: ValueSlot, in context: StoreContext) { self.init(low: slot.low, high: slot.high) }
  @inlinable public func slot(in context: StoreContext) -> ValueSlot { .init(low: low, high: high) }
}

extension V128: CustomStringConvertible {
  /// All 32 hexadecimal digits, byte 15 first.
  public var description: String {
    func digits(_ word: UInt64) -> String {
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    return "0x" + digits(high) + digits(low)
  }
}

// MARK: Swift's vectors

/// A lane of the Swift vectors that stand for v128: those of 16 bytes.
///
/// | lanes | vectors |
/// |---|---|
/// | 16 × 8 bits | `SIMD16<Int8>`, `SIMD16<UInt8>` |
/// | 8 × 16 bits | `SIMD8<Int16>`, `SIMD8<UInt16>` |
/// | 4 × 32 bits | `SIMD4<Int32>`, `SIMD4<UInt32>`, `SIMD4<Float>` |
/// | 2 × 64 bits | `SIMD2<Int64>`, `SIMD2<UInt64>`, `SIMD2<Double>` |
///
/// Not to be conformed to by other types.
public protocol V128Lane: SIMDScalar, Hashable, Codable {
  /// The vector of such lanes that has 16 bytes.
  associatedtype V128Vector: SIMD where V128Vector.Scalar == Self
}

extension Int8: V128Lane { public typealias V128Vector = SIMD16<Int8> }
extension UInt8: V128Lane { public typealias V128Vector = SIMD16<UInt8> }
extension Int16: V128Lane { public typealias V128Vector = SIMD8<Int16> }
extension UInt16: V128Lane { public typealias V128Vector = SIMD8<UInt16> }
extension Int32: V128Lane { public typealias V128Vector = SIMD4<Int32> }
extension UInt32: V128Lane { public typealias V128Vector = SIMD4<UInt32> }
extension Float: V128Lane { public typealias V128Vector = SIMD4<Float> }
extension Int64: V128Lane { public typealias V128Vector = SIMD2<Int64> }
extension UInt64: V128Lane { public typealias V128Vector = SIMD2<UInt64> }
extension Double: V128Lane { public typealias V128Vector = SIMD2<Double> }

extension SIMD16: WasmType where Scalar: V128Lane, Scalar.V128Vector == SIMD16<Scalar> {
  @inlinable public static var wasmType: ValueType { .v128 }
  @inlinable public init(slot: ValueSlot, in context: StoreContext) { self = vector(slot) }
  @inlinable public func slot(in context: StoreContext) -> ValueSlot { bits(self) }
}
extension SIMD8: WasmType where Scalar: V128Lane, Scalar.V128Vector == SIMD8<Scalar> {
  @inlinable public static var wasmType: ValueType { .v128 }
  @inlinable public init(slot: ValueSlot, in context: StoreContext) { self = vector(slot) }
  @inlinable public func slot(in context: StoreContext) -> ValueSlot { bits(self) }
}
extension SIMD4: WasmType where Scalar: V128Lane, Scalar.V128Vector == SIMD4<Scalar> {
  @inlinable public static var wasmType: ValueType { .v128 }
  @inlinable public init(slot: ValueSlot, in context: StoreContext) { self = vector(slot) }
  @inlinable public func slot(in context: StoreContext) -> ValueSlot { bits(self) }
}
extension SIMD2: WasmType where Scalar: V128Lane, Scalar.V128Vector == SIMD2<Scalar> {
  @inlinable public static var wasmType: ValueType { .v128 }
  @inlinable public init(slot: ValueSlot, in context: StoreContext) { self = vector(slot) }
  @inlinable public func slot(in context: StoreContext) -> ValueSlot { bits(self) }
}

// Swift's vectors are aligned to 16, slots are not: unspecialised code would copy one from a slot as if it were aligned.

/// The vector of 16 bytes with a slot's bits.
@inlinable @inline(__always)
func vector<Vector: SIMD>(_ slot: ValueSlot) -> Vector {
  precondition(MemoryLayout<Vector>.size == MemoryLayout<ValueSlot>.size)
  var vector = Vector()
  unsafe withUnsafeMutableBytes(of: &vector) { unsafe $0.storeBytes(of: slot, as: ValueSlot.self) }
  return vector
}

/// The bits of a vector of 16 bytes.
@inlinable @inline(__always)
func bits<Vector: SIMD>(_ vector: Vector) -> ValueSlot {
  precondition(MemoryLayout<Vector>.size == MemoryLayout<ValueSlot>.size)
  return unsafe withUnsafeBytes(of: vector) { unsafe $0.loadUnaligned(as: ValueSlot.self) }
}

/// Whether values of the type are the 16 bytes of a v128. Folds away where the type is known.
@inlinable @inline(__always)
func isVector<T>(_ type: T.Type) -> Bool {
  type == V128.self || type == SIMD16<UInt8>.self || type == SIMD16<Int8>.self || type == SIMD8<UInt16>.self
    || type == SIMD8<Int16>.self || type == SIMD4<Float>.self || type == SIMD4<UInt32>.self
    || type == SIMD4<Int32>.self || type == SIMD2<Double>.self || type == SIMD2<UInt64>.self || type == SIMD2<Int64>.self
}
