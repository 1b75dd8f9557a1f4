/// A WebAssembly value of any type, for untyped calls, globals and tables.
///
/// Not Sendable: function references belong to a store. Equality compares floats by their
/// bits, so that a NaN equals itself, and references by identity.
public enum Value {
  case i32(Int32)
  case i64(Int64)
  case f32(Float)
  case f64(Double)
  case v128(V128)
  case funcref(Function?)
  case externref(ExternRef?)
  /// Null, until garbage collection comes.
  case anyref(AnyRef?)
  /// An exception that a guest caught, or null.
  case exnref(ExnRef?)

  /// The type's own default: zero or null; nil for a reference that cannot be null, and for
  /// references that this version cannot hold.
  public init?(defaultOf type: ValueType) {
    switch type {
    case .i32: self = .i32(0)
    case .i64: self = .i64(0)
    case .f32: self = .f32(0)
    case .f64: self = .f64(0)
    case .v128: self = .v128(V128(low: 0, high: 0))
    case .reference(let reference):
      guard reference.isNullable else { return nil }
      self = .null(reference.heap)
    }
  }

  /// The null of a heap type's hierarchy.
  static func null(_ heap: HeapType) -> Value {
    switch heap {
    case .function, .noFunction, .defined: .funcref(nil)
    case .extern, .noExtern: .externref(nil)
    case .exception, .noException: .exnref(nil)
    case .any, .eq, .i31, .structure, .array, .none: .anyref(nil)
    }
  }
}

extension Value: Equatable {
  public static func == (a: Value, b: Value) -> Bool {
    switch (a, b) {
    case (.i32(let a), .i32(let b)): a == b
    case (.i64(let a), .i64(let b)): a == b
    case (.f32(let a), .f32(let b)): a.bitPattern == b.bitPattern
    case (.f64(let a), .f64(let b)): a.bitPattern == b.bitPattern
    case (.v128(let a), .v128(let b)): a == b
    case (.funcref(let a), .funcref(let b)): a == b
    case (.externref(let a), .externref(let b)): a === b
    case (.anyref(let a), .anyref(let b)): a === b
    case (.exnref(let a), .exnref(let b)): a?.reference == b?.reference && a?.context === b?.context
    default: false
    }
  }
}

extension Value: CustomStringConvertible {
  public var description: String {
    switch self {
    case .i32(let value): "i32:\(value)"
    case .i64(let value): "i64:\(value)"
    case .f32(let value): value.isNaN ? "f32:nan:0x\(String(value.bitPattern & 0x7F_FFFF, radix: 16))" : "f32:\(value)"
    case .f64(let value): value.isNaN ? "f64:nan:0x\(String(value.bitPattern & 0xF_FFFF_FFFF_FFFF, radix: 16))" : "f64:\(value)"
    case .v128(let value): "v128:\(value)"
    case .funcref(nil): "ref.null func"
    case .funcref: "ref.func"
    case .externref(nil): "ref.null extern"
    case .externref: "ref.extern"
    case .anyref(nil): "ref.null any"
    case .anyref: "ref.any"
    case .exnref(nil): "ref.null exn"
    case .exnref: "ref.exn"
    }
  }
}

/// A host object that a guest may hold but not look into.
///
/// The store that it was passed to keeps it until the store goes: there is no
/// collection of external references yet.
public final class ExternRef {
  /// The host's object.
  public let value: Any
  /// Boxes a host object; two boxes are two references.
  public init(_ value: Any) { self.value = value }
}

/// A structure, array or small integer of a guest's. There are none yet.
public final class AnyRef {
  init() {}
}

