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
package struct ValueType: Hashable, Sendable, BitwiseCopyable {
  package var rawValue: UInt32
  @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }

  @inlinable package static var bottom: ValueType { .init(rawValue: 0) }
  @inlinable package static var i32: ValueType { .init(rawValue: 0x7F) }
  @inlinable package static var i64: ValueType { .init(rawValue: 0x7E) }
  @inlinable package static var f32: ValueType { .init(rawValue: 0x7D) }
  @inlinable package static var f64: ValueType { .init(rawValue: 0x7C) }
  @inlinable package static var v128: ValueType { .init(rawValue: 0x7B) }
  @inlinable package static var funcref: ValueType { .reference(.func, nullable: true) }
  @inlinable package static var externref: ValueType { .reference(.extern, nullable: true) }
  @inlinable package static var exnref: ValueType { .reference(.exn, nullable: true) }
  @inlinable package static var anyref: ValueType { .reference(.any, nullable: true) }

  @inlinable package static func reference(_ heap: HeapType, nullable: Bool) -> ValueType {
    .init(rawValue: 0x8000_0000 | (nullable ? 0x4000_0000 : 0) | heap.rawValue)
  }

  @inlinable package var isReference: Bool { rawValue & 0x8000_0000 != 0 }
  @inlinable package var isNullable: Bool { rawValue & 0x4000_0000 != 0 }
  /// Only meaningful for references.
  @inlinable package var heapType: HeapType { .init(rawValue: rawValue & 0x3FFF_FFFF) }
  @inlinable package var isNumeric: Bool { rawValue >= 0x7C && rawValue <= 0x7F }
  @inlinable package var isVector: Bool { rawValue == 0x7B }
  /// Integer class of the ABI: i32, i64 and references.
  @inlinable package var isIntegerClass: Bool { isReference || rawValue >= 0x7E }
  /// Whether a local of the type has a default value (everything but non-null references).
  @inlinable package var isDefaultable: Bool { !isReference || isNullable }
  @inlinable package func withNullability(_ nullable: Bool) -> ValueType {
    .init(rawValue: nullable ? rawValue | 0x4000_0000 : rawValue & ~0x4000_0000)
  }
}

/// What a reference points to: an abstract heap type or a type of the module.
package struct HeapType: Hashable, Sendable, BitwiseCopyable {
  package var rawValue: UInt32
  @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }
  @inlinable package static func abstract(code: UInt8) -> HeapType { .init(rawValue: 0x2000_0000 | UInt32(code)) }
  @inlinable package static func concrete(_ index: UInt32) -> HeapType { .init(rawValue: index & 0x00FF_FFFF) }

  @inlinable package var isConcrete: Bool { rawValue & 0x2000_0000 == 0 }
  /// Only meaningful when concrete.
  @inlinable package var typeIndex: UInt32 { rawValue & 0x00FF_FFFF }
  /// The binary format's code; only meaningful when abstract.
  @inlinable package var code: UInt8 { UInt8(truncatingIfNeeded: rawValue) }

  @inlinable package static var noexn: HeapType { .abstract(code: 0x74) }
  @inlinable package static var nofunc: HeapType { .abstract(code: 0x73) }
  @inlinable package static var noextern: HeapType { .abstract(code: 0x72) }
  @inlinable package static var none: HeapType { .abstract(code: 0x71) }
  @inlinable package static var `func`: HeapType { .abstract(code: 0x70) }
  @inlinable package static var extern: HeapType { .abstract(code: 0x6F) }
  @inlinable package static var any: HeapType { .abstract(code: 0x6E) }
  @inlinable package static var eq: HeapType { .abstract(code: 0x6D) }
  @inlinable package static var i31: HeapType { .abstract(code: 0x6C) }
  @inlinable package static var `struct`: HeapType { .abstract(code: 0x6B) }
  @inlinable package static var array: HeapType { .abstract(code: 0x6A) }
  @inlinable package static var exn: HeapType { .abstract(code: 0x69) }
}
