/// What a module declares, decoded. Index spaces hold imports first.
///
/// Made by the decoder, possibly invalid; `ValidatedModule` wraps one that passed.
package struct ModuleInfo: Sendable {
  package var bytes: ModuleBytes
  package var features: Features

  /// The type section, recursion groups flattened.
  package var types: [SubType] = []
  /// Ranges of `types` that form one recursion group each, in order; they cover `types`.
  package var recursionGroups: [Range<Int>] = []
  /// Per type: the least index of an equal type (iso-recursive equality), so that
  /// two indices are equal types exactly when their canonical indices are equal.
  package var canonicalTypes: [UInt32] = []

  package var imports: [Import] = []
  /// Type index of each function.
  package var functions: [UInt32] = []
  package var tables: [TableDeclaration] = []
  package var memories: [MemoryType] = []
  package var globals: [GlobalDeclaration] = []
  /// Type index of each tag.
  package var tags: [UInt32] = []
  package var exports: [Export] = []
  package var start: UInt32?
  package var elements: [ElementSegment] = []
  package var data: [DataSegment] = []
  package var dataCount: UInt32?
  /// Per defined function: its body in `bytes`, from the locals' declarations to past the final `end`.
  package var bodies: [Range<Int>] = []
  package var customSections: [CustomSection] = []
  /// The custom name section, if there is a readable one.
  package var names = NameSection()

  /// Per section id: where its contents start, -1 where it is absent. For errors and `inspect`.
  package var sectionOffsets = [Int](repeating: -1, count: 14)

  package var importedFunctionCount = 0
  package var importedTableCount = 0
  package var importedMemoryCount = 0
  package var importedGlobalCount = 0
  package var importedTagCount = 0

  package init(bytes: ModuleBytes, features: Features) {
    self.bytes = bytes
    self.features = features
  }

  /// - Precondition: `index` names a function type; true for every index of a validated
  ///   module's functions, tags and `call_indirect`s.
  package func functionType(_ typeIndex: UInt32) -> FunctionType {
    guard case .function(let type) = types[Int(typeIndex)].composite else {
      preconditionFailure("type \(typeIndex) is not a function type")
    }
    return type
  }
  package func type(ofFunction index: UInt32) -> FunctionType { functionType(functions[Int(index)]) }
}

package enum ExternalKind: UInt8, Sendable, Hashable {
  case function = 0
  case table = 1
  case memory = 2
  case global = 3
  case tag = 4
}

package struct Import: Sendable, Hashable {
  package enum Description: Sendable, Hashable {
    case function(type: UInt32)
    case table(TableType)
    case memory(MemoryType)
    case global(GlobalType)
    case tag(type: UInt32)
  }
  package var module: String
  package var name: String
  package var description: Description
  package init(module: String, name: String, description: Description) {
    self.module = module
    self.name = name
    self.description = description
  }
}

package struct Export: Sendable, Hashable {
  package var name: String
  package var kind: ExternalKind
  package var index: UInt32
  package init(name: String, kind: ExternalKind, index: UInt32) {
    self.name = name
    self.kind = kind
    self.index = index
  }
}

/// A constant expression: its bytes (through the final `end`), and the value where
/// it is a single instruction.
package struct ConstantExpression: Sendable, Hashable {
  package enum Simple: Sendable, Hashable {
    case i32(UInt32)
    case i64(UInt64)
    case f32(UInt32)
    case f64(UInt64)
    case v128(low: UInt64, high: UInt64)
    case globalGet(UInt32)
    case refNull(HeapType)
    case refFunc(UInt32)
  }
  package var range: Range<Int>
  package var simple: Simple?
  package init(range: Range<Int>, simple: Simple? = nil) {
    self.range = range
    self.simple = simple
  }
}

package struct TableDeclaration: Sendable, Hashable {
  package var type: TableType
  /// Initial value of every element; nil is null. Never set for an import.
  package var initial: ConstantExpression?
  package init(type: TableType, initial: ConstantExpression? = nil) {
    self.type = type
    self.initial = initial
  }
}

package struct GlobalDeclaration: Sendable, Hashable {
  package var type: GlobalType
  /// nil exactly for imports.
  package var initial: ConstantExpression?
  package init(type: GlobalType, initial: ConstantExpression? = nil) {
    self.type = type
    self.initial = initial
  }
}

package enum SegmentMode: Sendable, Hashable {
  case passive
  /// `index` names the table or memory.
  case active(index: UInt32, offset: ConstantExpression)
  /// Elements only: declares functions for `ref.func`.
  case declarative
}

package struct ElementSegment: Sendable, Hashable {
  package enum Items: Sendable, Hashable {
    case functions([UInt32])
    case expressions([ConstantExpression])
  }
  package var type: ValueType
  package var items: Items
  package var mode: SegmentMode
  package init(type: ValueType, items: Items, mode: SegmentMode) {
    self.type = type
    self.items = items
    self.mode = mode
  }
  package var count: Int {
    switch items {
    case .functions(let functions): functions.count
    case .expressions(let expressions): expressions.count
    }
  }
}

package struct DataSegment: Sendable, Hashable {
  /// The contents, in the module's bytes.
  package var range: Range<Int>
  package var mode: SegmentMode
  package init(range: Range<Int>, mode: SegmentMode) {
    self.range = range
    self.mode = mode
  }
}

package struct CustomSection: Sendable, Hashable {
  package var name: String
  /// The contents after the name.
  package var range: Range<Int>
  package init(name: String, range: Range<Int>) {
    self.name = name
    self.range = range
  }
}

/// Names of the custom section "name". Wrong entries are dropped: the section is
/// never a reason to refuse a module.
package struct NameSection: Sendable {
  package var module: String?
  package var functions: [UInt32: String] = [:]
  package var locals: [UInt32: [UInt32: String]] = [:]
  package var types: [UInt32: String] = [:]
  package var tables: [UInt32: String] = [:]
  package var memories: [UInt32: String] = [:]
  package var globals: [UInt32: String] = [:]
  package var elements: [UInt32: String] = [:]
  package var data: [UInt32: String] = [:]
  package var tags: [UInt32: String] = [:]
  package var labels: [UInt32: [UInt32: String]] = [:]
  package var fields: [UInt32: [UInt32: String]] = [:]
  package init() {}
}
