/// The type of a WebAssembly value (3.0, section 2.3).
public enum ValueType: Hashable, Sendable, CustomStringConvertible {
  case i32, i64, f32, f64, v128
  case reference(ReferenceType)

  /// A function or null.
  public static let funcref = ValueType.reference(.init(.function))
  /// A host object or null.
  public static let externref = ValueType.reference(.init(.extern))
  /// A structure, array, small integer or null.
  public static let anyref = ValueType.reference(.init(.any))
  /// An exception or null.
  public static let exnref = ValueType.reference(.init(.exception))

  /// Whether it is a reference type.
  public var isReference: Bool { if case .reference = self { true } else { false } }

  public var description: String {
    switch self {
    case .i32: "i32"
    case .i64: "i64"
    case .f32: "f32"
    case .f64: "f64"
    case .v128: "v128"
    case .reference(let type): type.description
    }
  }
}

/// A reference type: what it points to, and whether it may be null.
public struct ReferenceType: Hashable, Sendable, CustomStringConvertible {
  /// What it points to.
  public var heap: HeapType
  /// Whether it may be null.
  public var isNullable: Bool
  /// A nullable reference by default.
  public init(_ heap: HeapType, isNullable: Bool = true) {
    self.heap = heap
    self.isNullable = isNullable
  }
  public var description: String { isNullable ? "(ref null \(heap))" : "(ref \(heap))" }
}

/// What a reference points to.
public enum HeapType: Hashable, Sendable, CustomStringConvertible {
  case function, noFunction
  case extern, noExtern
  case any, eq, i31, structure, array, none
  case exception, noException
  /// A type that a module defines.
  case defined(DefinedType)

  public var description: String {
    switch self {
    case .function: "func"
    case .noFunction: "nofunc"
    case .extern: "extern"
    case .noExtern: "noextern"
    case .any: "any"
    case .eq: "eq"
    case .i31: "i31"
    case .structure: "struct"
    case .array: "array"
    case .none: "none"
    case .exception: "exn"
    case .noException: "noexn"
    case .defined(let type): type.description
    }
  }
}

/// A type that a module defines, as its engine knows it: equal types of two modules of one
/// engine are equal here. Another engine refuses it.
public struct DefinedType: Hashable, Sendable, CustomStringConvertible {
  /// The engine's canonical number, from 1; never given twice.
  let id: UInt32
  /// `Engine.serial`.
  let engine: UInt64
  public var description: String { "$\(id)" }
}
