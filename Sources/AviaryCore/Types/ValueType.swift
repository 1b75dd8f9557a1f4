/// A value type in one 32-bit word, so that operand stacks are plain arrays.
///
/// ```
///  bit 31   30        29         28…24   23…0
///  ┌───┬─────────┬──────────┬──────────┬───────────────────────────────┐
///  │ref│nullable │abstract  │ 0        │ type index, or abstract code  │
///  └───┴─────────┴──────────┴──────────┴───────────────────────────────┘
///  numeric and vector types: bits 31…8 zero, the binary format's code below
/// ```
/// `bottom` is the type of what unreachable code leaves: it matches anything.
/// Type indices are those of the module (at most 2^20 by `Limits`).
/// Source: WebAssembly 3.0, section 2.3 and 5.3.
public struct ValueType: Hashable, Sendable, BitwiseCopyable {
  public var rawValue: UInt32
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  @inlinable public static var bottom: ValueType { .init(rawValue: 0) }
  @inlinable public static var i32: ValueType { .init(rawValue: 0x7F) }
  @inlinable public static var i64: ValueType { .init(rawValue: 0x7E) }
  @inlinable public static var f32: ValueType { .init(rawValue: 0x7D) }
  @inlinable public static var f64: ValueType { .init(rawValue: 0x7C) }
  @inlinable public static var v128: ValueType { .init(rawValue: 0x7B) }
  @inlinable public static var funcref: ValueType { .reference(.func, nullable: true) }
  @inlinable public static var externref: ValueType { .reference(.extern, nullable: true) }
  @inlinable public static var exnref: ValueType { .reference(.exn, nullable: true) }
  @inlinable public static var anyref: ValueType { .reference(.any, nullable: true) }

  @inlinable public static func reference(_ heap: HeapType, nullable: Bool) -> ValueType {
    .init(rawValue: 0x8000_0000 | (nullable ? 0x4000_0000 : 0) | heap.rawValue)
  }

  @inlinable public var isReference: Bool { rawValue & 0x8000_0000 != 0 }
  @inlinable public var isNullable: Bool { rawValue & 0x4000_0000 != 0 }
  /// Only meaningful for references.
  @inlinable public var heapType: HeapType { .init(rawValue: rawValue & 0x3FFF_FFFF) }
  @inlinable public var isNumeric: Bool { rawValue >= 0x7C && rawValue <= 0x7F }
  @inlinable public var isVector: Bool { rawValue == 0x7B }
  /// A reference to an exception, or the null of these.
  @inlinable public var isException: Bool { isReference && (heapType == .exn || heapType == .noexn) }
  /// Integer class of the ABI: i32, i64 and references.
  @inlinable public var isIntegerClass: Bool { isReference || rawValue >= 0x7E }
  /// Whether a local of the type has a default value (everything but non-null references).
  @inlinable public var isDefaultable: Bool { !isReference || isNullable }
  @inlinable public func withNullability(_ nullable: Bool) -> ValueType {
    .init(rawValue: nullable ? rawValue | 0x4000_0000 : rawValue & ~0x4000_0000)
  }
}

/// What a reference points to: an abstract heap type or a type of the module.
public struct HeapType: Hashable, Sendable, BitwiseCopyable {
  public var rawValue: UInt32
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
  @inlinable public static func abstract(code: UInt8) -> HeapType { .init(rawValue: 0x2000_0000 | UInt32(code)) }
  @inlinable public static func concrete(_ index: UInt32) -> HeapType { .init(rawValue: index & 0x00FF_FFFF) }

  @inlinable public var isConcrete: Bool { rawValue & 0x2000_0000 == 0 }
  /// Only meaningful when concrete.
  @inlinable public var typeIndex: UInt32 { rawValue & 0x00FF_FFFF }
  /// The binary format's code; only meaningful when abstract.
  @inlinable public var code: UInt8 { UInt8(truncatingIfNeeded: rawValue) }

  @inlinable public static var noexn: HeapType { .abstract(code: 0x74) }
  @inlinable public static var nofunc: HeapType { .abstract(code: 0x73) }
  @inlinable public static var noextern: HeapType { .abstract(code: 0x72) }
  @inlinable public static var none: HeapType { .abstract(code: 0x71) }
  @inlinable public static var `func`: HeapType { .abstract(code: 0x70) }
  @inlinable public static var extern: HeapType { .abstract(code: 0x6F) }
  @inlinable public static var any: HeapType { .abstract(code: 0x6E) }
  @inlinable public static var eq: HeapType { .abstract(code: 0x6D) }
  @inlinable public static var i31: HeapType { .abstract(code: 0x6C) }
  @inlinable public static var `struct`: HeapType { .abstract(code: 0x6B) }
  @inlinable public static var array: HeapType { .abstract(code: 0x6A) }
  @inlinable public static var exn: HeapType { .abstract(code: 0x69) }
}
