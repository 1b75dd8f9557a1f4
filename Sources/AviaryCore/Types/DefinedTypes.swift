/// Parameters and results of a function, or of a block with a type index.
public struct FunctionType: Hashable, Sendable {
  public var parameters: [ValueType]
  public var results: [ValueType]
  public init(parameters: [ValueType], results: [ValueType]) {
    self.parameters = parameters
    self.results = results
  }
}

/// A struct field's or an array element's storage: a value type or a packed integer.
public enum StorageType: Hashable, Sendable {
  case value(ValueType)
  case i8
  case i16
  /// The type on the operand stack.
  public var unpacked: ValueType {
    switch self {
    case .value(let type): type
    case .i8, .i16: .i32
    }
  }
  public var isPacked: Bool { if case .value = self { false } else { true } }
}

public struct FieldType: Hashable, Sendable {
  public var storage: StorageType
  public var isMutable: Bool
  public init(storage: StorageType, isMutable: Bool) {
    self.storage = storage
    self.isMutable = isMutable
  }
}

public enum CompositeType: Hashable, Sendable {
  case function(FunctionType)
  case structure([FieldType])
  case array(FieldType)
}

/// One entry of the type section after flattening of recursion groups.
public struct SubType: Hashable, Sendable {
  public var isFinal: Bool
  /// Type indices of the declared supertypes (at most one is valid in 3.0).
  public var supertypes: [UInt32]
  public var composite: CompositeType
  public init(isFinal: Bool = true, supertypes: [UInt32] = [], composite: CompositeType) {
    self.isFinal = isFinal
    self.supertypes = supertypes
    self.composite = composite
  }
}

/// Limits of memories (in pages) and tables (in elements); 64-bit for both index types.
public struct SizeLimits: Hashable, Sendable {
  public var minimum: UInt64
  public var maximum: UInt64?
  public init(minimum: UInt64, maximum: UInt64? = nil) {
    self.minimum = minimum
    self.maximum = maximum
  }
}

public struct MemoryType: Hashable, Sendable {
  public var limits: SizeLimits
  public var is64: Bool
  public var isShared: Bool
  /// log2 of the page size in bytes: 16, or 0 with custom page sizes.
  public var pageSizeLog2: UInt8
  public init(limits: SizeLimits, is64: Bool = false, isShared: Bool = false, pageSizeLog2: UInt8 = 16) {
    self.limits = limits
    self.is64 = is64
    self.isShared = isShared
    self.pageSizeLog2 = pageSizeLog2
  }
  public var indexType: ValueType { is64 ? .i64 : .i32 }
}

public struct TableType: Hashable, Sendable {
  public var element: ValueType
  public var limits: SizeLimits
  public var is64: Bool
  public init(element: ValueType, limits: SizeLimits, is64: Bool = false) {
    self.element = element
    self.limits = limits
    self.is64 = is64
  }
  public var indexType: ValueType { is64 ? .i64 : .i32 }
}

public struct GlobalType: Hashable, Sendable {
  public var value: ValueType
  public var isMutable: Bool
  public init(value: ValueType, isMutable: Bool) {
    self.value = value
    self.isMutable = isMutable
  }
}
