/// Parameters and results of a function.
public struct FunctionType: Hashable, Sendable, CustomStringConvertible {
  public var parameters: [ValueType]
  public var results: [ValueType]
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
  public var isShared: Bool
  /// In bytes: 65,536, or 1 with custom page sizes.
  public var pageSize: Int
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
  public var element: ReferenceType
  /// In elements.
  public var minimum: UInt64
  public var maximum: UInt64?
  /// Indices are i64.
  public var is64: Bool
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

public struct GlobalType: Hashable, Sendable, CustomStringConvertible {
  public var value: ValueType
  public var isMutable: Bool
  public init(_ value: ValueType, isMutable: Bool = false) {
    self.value = value
    self.isMutable = isMutable
  }
  public var description: String { isMutable ? "(mut \(value))" : value.description }
}

public struct TagType: Hashable, Sendable {
  public var function: FunctionType
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

public struct ImportType: Hashable, Sendable {
  public var module: String
  public var name: String
  public var type: ExternType
}

public struct ExportType: Hashable, Sendable {
  public var name: String
  public var type: ExternType
}
