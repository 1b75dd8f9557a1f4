/// Parameters and results of a function, or of a block with a type index.
package struct FunctionType: Hashable, Sendable {
  package var parameters: [ValueType]
  package var results: [ValueType]
  package init(parameters: [ValueType], results: [ValueType]) {
    self.parameters = parameters
    self.results = results
  }
}

/// A struct field's or an array element's storage: a value type or a packed integer.
package enum StorageType: Hashable, Sendable {
  case value(ValueType)
  case i8
  case i16
  /// The type on the operand stack.
  package var unpacked: ValueType {
    switch self {
    case .value(let type): type
    case .i8, .i16: .i32
    }
  }
  package var isPacked: Bool { if case .value = self { false } else { true } }
}

package struct FieldType: Hashable, Sendable {
  package var storage: StorageType
  package var isMutable: Bool
  package init(storage: StorageType, isMutable: Bool) {
    self.storage = storage
    self.isMutable = isMutable
  }
}

package enum CompositeType: Hashable, Sendable {
  case function(FunctionType)
  case structure([FieldType])
  case array(FieldType)
}

/// One entry of the type section after flattening of recursion groups.
package struct SubType: Hashable, Sendable {
  package var isFinal: Bool
  /// Type indices of the declared supertypes (at most one is valid in 3.0).
  package var supertypes: [UInt32]
  package var composite: CompositeType
  package init(isFinal: Bool = true, supertypes: [UInt32] = [], composite: CompositeType) {
    self.isFinal = isFinal
    self.supertypes = supertypes
    self.composite = composite
  }
}

/// Limits of memories (in pages) and tables (in elements); 64-bit for both index types.
package struct SizeLimits: Hashable, Sendable {
  package var minimum: UInt64
  package var maximum: UInt64?
  package init(minimum: UInt64, maximum: UInt64? = nil) {
    self.minimum = minimum
    self.maximum = maximum
  }
}

package struct MemoryType: Hashable, Sendable {
  package var limits: SizeLimits
  package var is64: Bool
  package var isShared: Bool
  /// log2 of the page size in bytes: 16, or 0 with custom page sizes.
  package var pageSizeLog2: UInt8
  package init(limits: SizeLimits, is64: Bool = false, isShared: Bool = false, pageSizeLog2: UInt8 = 16) {
    self.limits = limits
    self.is64 = is64
    self.isShared = isShared
    self.pageSizeLog2 = pageSizeLog2
  }
  package var indexType: ValueType { is64 ? .i64 : .i32 }
}

package struct TableType: Hashable, Sendable {
  package var element: ValueType
  package var limits: SizeLimits
  package var is64: Bool
  package init(element: ValueType, limits: SizeLimits, is64: Bool = false) {
    self.element = element
    self.limits = limits
    self.is64 = is64
  }
  package var indexType: ValueType { is64 ? .i64 : .i32 }
}

package struct GlobalType: Hashable, Sendable {
  package var value: ValueType
  package var isMutable: Bool
  package init(value: ValueType, isMutable: Bool) {
    self.value = value
    self.isMutable = isMutable
  }
}
