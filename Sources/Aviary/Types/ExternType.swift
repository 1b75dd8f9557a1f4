/// Parameters and results of a function.
public struct FunctionType: Hashable, Sendable, CustomStringConvertible {
  /// In order.
  public var parameters: [ValueType]
  /// In order.
  public var results: [ValueType]
  /// A type; nothing and nothing by default.
  public init(parameters: [ValueType] = [], results: [ValueType] = []) {
    self.parameters = parameters
    self.results = results
  }
  public var description: String {
    func list(_ types: [ValueType]) -> String { "[" + types.map(\.description).joined(separator: " ") + "]" }
    return "\(list(parameters)) -> \(list(results))"
  }
}

/// Limits and index type of a memory.
public struct MemoryType: Hashable, Sendable, CustomStringConvertible {
  /// In pages.
  public var minimum: UInt64
  /// In pages; nil: as many as the index type addresses.
  public var maximum: UInt64?
  /// Addresses are i64.
  public var is64: Bool
  /// Declared as shared between threads.
  public var isShared: Bool
  /// In bytes: 65,536, or 1 with custom page sizes.
  public var pageSize: Int
  /// A type; sizes are in pages.
  public init(minimum: UInt64, maximum: UInt64? = nil, is64: Bool = false, isShared: Bool = false, pageSize: Int = 65536) {
    self.minimum = minimum
    self.maximum = maximum
    self.is64 = is64
    self.isShared = isShared
    self.pageSize = pageSize
  }
  public var description: String {
    "\(is64 ? "i64 " : "")\(minimum)\(maximum.map { " \($0)" } ?? "")\(isShared ? " shared" : "")"
  }
}

/// Element type, limits and index type of a table.
public struct TableType: Hashable, Sendable, CustomStringConvertible {
  /// What the table holds.
  public var element: ReferenceType
  /// In elements.
  public var minimum: UInt64
  /// In elements; nil: as many as the implementation allows.
  public var maximum: UInt64?
  /// Indices are i64.
  public var is64: Bool
  /// A type; sizes are in elements.
  public init(element: ReferenceType, minimum: UInt64, maximum: UInt64? = nil, is64: Bool = false) {
    self.element = element
    self.minimum = minimum
    self.maximum = maximum
    self.is64 = is64
  }
  public var description: String {
    "\(is64 ? "i64 " : "")\(minimum)\(maximum.map { " \($0)" } ?? "") \(element)"
  }
}

/// Value type and mutability of a global.
public struct GlobalType: Hashable, Sendable, CustomStringConvertible {
  /// The type of the value.
  public var value: ValueType
  /// Whether it can be set.
  public var isMutable: Bool
  /// A constant's type by default.
  public init(_ value: ValueType, isMutable: Bool = false) {
    self.value = value
    self.isMutable = isMutable
  }
  public var description: String { isMutable ? "(mut \(value))" : value.description }
}

/// The type of an exception's tag.
public struct TagType: Hashable, Sendable {
  /// Its parameters are what an exception carries.
  public var function: FunctionType
  /// A tag's type.
  public init(_ function: FunctionType) { self.function = function }
}

/// The type of what a module imports or exports.
public enum ExternType: Hashable, Sendable, CustomStringConvertible {
  case function(FunctionType)
  case table(TableType)
  case memory(MemoryType)
  case global(GlobalType)
  case tag(TagType)

  public var description: String {
    switch self {
    case .function(let type): "func \(type)"
    case .table(let type): "table \(type)"
    case .memory(let type): "memory \(type)"
    case .global(let type): "global \(type)"
    case .tag(let type): "tag \(type.function)"
    }
  }
}

/// What a module wants to be given, and under which names it asks.
public struct ImportType: Hashable, Sendable {
  /// The first of its two names.
  public var module: String
  /// Its name; any UTF-8, the empty one included.
  public var name: String
  /// What it is.
  public var type: ExternType
}

/// What a module gives, and under which name.
public struct ExportType: Hashable, Sendable {
  /// Its name; any UTF-8, the empty one included.
  public var name: String
  /// What it is.
  public var type: ExternType
}
