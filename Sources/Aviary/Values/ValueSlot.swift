/// A value as it crosses the border: 16 bytes, so that a v128 fits.
///
/// Layout-compatible with the contract's `AviaryValue`: an i32 or f32 stands in the low 4
/// bytes of `low` with zeros above. Only conformances to `WasmType` handle slots.
@frozen public struct ValueSlot: Sendable, BitwiseCopyable {
  public var low: UInt64
  /// The upper half of a v128.
  public var high: UInt64
  /// A slot of these bits.
  @inlinable public init(low: UInt64 = 0, high: UInt64 = 0) {
    self.low = low
    self.high = high
  }
}
