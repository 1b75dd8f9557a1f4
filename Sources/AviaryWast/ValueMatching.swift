import Aviary
import AviaryCore
import AviaryText

/// Values of scripts as values of the API, and patterns of results.
///
/// Invariant: one number of `ref.extern` is one host object, so that identity survives a
/// round trip.
struct ScriptValues {
  private var externals: [UInt32: ExternRef] = [:]

  /// - Returns: nil for a value that the API cannot hold yet.
  mutating func value(_ value: ScriptValue, for type: Aviary.ValueType?) -> Value? {
    switch value {
    case .i32(let bits): .i32(Int32(bitPattern: bits))
    case .i64(let bits): .i64(Int64(bitPattern: bits))
    case .f32(let bits): .f32(Float(bitPattern: bits))
    case .f64(let bits): .f64(Double(bitPattern: bits))
    case .v128(let low, let high): .v128(V128(low: low, high: high))
    case .refNull(nil): type.flatMap(Value.init(defaultOf:)) ?? .funcref(nil)
    case .refNull(let heap?): ScriptValues.null(heap)
    case .refExtern(let number): .externref(external(number))
    case .refHost: nil
    }
  }

  private static func null(_ heap: AviaryCore.HeapType) -> Value {
    switch heap {
    case .func, .nofunc: .funcref(nil)
    case .extern, .noextern: .externref(nil)
    case .exn, .noexn: .exnref(nil)
    default: .anyref(nil)
    }
  }

  private mutating func external(_ number: UInt32) -> ExternRef {
    if let known = externals[number] { return known }
    let reference = ExternRef(number)
    externals[number] = reference
    return reference
  }

  // MARK: Patterns

  func matches(_ value: Value, _ pattern: ResultPattern) -> Bool {
    switch pattern {
    case .value(let expected): return matches(value, expected)
    case .either(let patterns): return patterns.contains { matches(value, $0) }
    case .f32CanonicalNaN:
      if case .f32(let float) = value { return LanePattern.canonicalNaN.matches32(float.bitPattern) }
    case .f32ArithmeticNaN:
      if case .f32(let float) = value { return LanePattern.arithmeticNaN.matches32(float.bitPattern) }
    case .f64CanonicalNaN:
      if case .f64(let float) = value { return LanePattern.canonicalNaN.matches64(float.bitPattern) }
    case .f64ArithmeticNaN:
      if case .f64(let float) = value { return LanePattern.arithmeticNaN.matches64(float.bitPattern) }
    case .f32x4(let lanes):
      guard case .v128(let vector) = value, lanes.count == 4 else { return false }
      let bits = [vector.low, vector.low >> 32, vector.high, vector.high >> 32].map { UInt32(truncatingIfNeeded: $0) }
      return zip(lanes, bits).allSatisfy { $0.matches32($1) }
    case .f64x2(let lanes):
      guard case .v128(let vector) = value, lanes.count == 2 else { return false }
      return lanes[0].matches64(vector.low) && lanes[1].matches64(vector.high)
    case .reference(let heap): return matches(value, heap)
    }
    return false
  }

  private func matches(_ value: Value, _ expected: ScriptValue) -> Bool {
    switch (value, expected) {
    case (.i32(let value), .i32(let bits)): UInt32(bitPattern: value) == bits
    case (.i64(let value), .i64(let bits)): UInt64(bitPattern: value) == bits
    case (.f32(let value), .f32(let bits)): value.bitPattern == bits
    case (.f64(let value), .f64(let bits)): value.bitPattern == bits
    case (.v128(let value), .v128(let low, let high)): value == V128(low: low, high: high)
    case (_, .refNull(nil)): ScriptValues.isNull(value)
    case (_, .refNull(let heap?)): value == ScriptValues.null(heap)
    case (.externref(let reference?), .refExtern(let number)): reference.value as? UInt32 == number
    default: false
    }
  }

  private func matches(_ value: Value, _ heap: AviaryCore.HeapType) -> Bool {
    switch (value, heap) {
    case (.funcref(.some), .func): true
    case (.externref(.some), .extern): true
    case (.exnref(.some), .exn): true
    case (.anyref(.some), .any): true
    default: false
    }
  }

  private static func isNull(_ value: Value) -> Bool {
    switch value {
    case .funcref(nil), .externref(nil), .anyref(nil), .exnref(nil): true
    default: false
    }
  }
}

extension LanePattern {
  func matches32(_ bits: UInt32) -> Bool {
    switch self {
    case .bits(let expected): UInt64(bits) == expected
    case .canonicalNaN: bits & 0x7FFF_FFFF == 0x7FC0_0000
    case .arithmeticNaN: bits & 0x7FC0_0000 == 0x7FC0_0000
    }
  }
  func matches64(_ bits: UInt64) -> Bool {
    switch self {
    case .bits(let expected): bits == expected
    case .canonicalNaN: bits & 0x7FFF_FFFF_FFFF_FFFF == 0x7FF8_0000_0000_0000
    case .arithmeticNaN: bits & 0x7FF8_0000_0000_0000 == 0x7FF8_0000_0000_0000
    }
  }
}
