internal import AviaryCore

/// Types as text.
struct PrintedTypes {
  let types: [SubType]
  let names: PrintedNames

  func text(_ heap: HeapType) -> String {
    heap.isConcrete ? names.reference(.type, heap.typeIndex) : Self.abstractName(heap.code).name
  }

  func text(_ type: ValueType) -> String {
    if !type.isReference {
      switch type {
      case .i32: return "i32"
      case .i64: return "i64"
      case .f32: return "f32"
      case .f64: return "f64"
      default: return "v128"
      }
    }
    let heap = type.heapType
    if type.isNullable {
      return heap.isConcrete ? "(ref null " + text(heap) + ")" : Self.abstractName(heap.code).reference
    }
    return "(ref " + text(heap) + ")"
  }

  private static func abstractName(_ code: UInt8) -> (name: String, reference: String) {
    switch code {
    case 0x74: ("noexn", "nullexnref")
    case 0x73: ("nofunc", "nullfuncref")
    case 0x72: ("noextern", "nullexternref")
    case 0x71: ("none", "nullref")
    case 0x70: ("func", "funcref")
    case 0x6F: ("extern", "externref")
    case 0x6E: ("any", "anyref")
    case 0x6D: ("eq", "eqref")
    case 0x6C: ("i31", "i31ref")
    case 0x6B: ("struct", "structref")
    case 0x6A: ("array", "arrayref")
    default: ("exn", "exnref")
    }
  }

  /// The function type at `index`, if it is one.
  func function(_ index: UInt32) -> FunctionType? {
    guard Int(index) < types.count, case .function(let type) = types[Int(index)].composite else { return nil }
    return type
  }

  /// ` (param …) (result …)`; `parameterName` names single parameters.
  func text(_ type: FunctionType, parameterName: (UInt32) -> String? = { _ in nil }) -> String {
    var text = list("param", type.parameters, name: parameterName)
    text += list("result", type.results, name: { _ in nil })
    return text
  }

  /// Groups of types in parentheses of their own; a named one stands alone.
  func list(
    _ word: String, _ types: [ValueType], from first: UInt32 = 0, name: (UInt32) -> String?
  ) -> String {
    var text = ""
    var isOpen = false
    for (offset, type) in types.enumerated() {
      if let identifier = name(first &+ UInt32(truncatingIfNeeded: offset)) {
        if isOpen { text += ")" }
        isOpen = false
        text += " (" + word + " " + identifier + " " + self.text(type) + ")"
      } else {
        if !isOpen { text += " (" + word }
        isOpen = true
        text += " " + self.text(type)
      }
    }
    return isOpen ? text + ")" : text
  }

  // MARK: Definitions

  private func text(_ field: FieldType) -> String {
    let storage: String
    switch field.storage {
    case .i8: storage = "i8"
    case .i16: storage = "i16"
    case .value(let type): storage = text(type)
    }
    return field.isMutable ? "(mut " + storage + ")" : storage
  }

  /// `(type …)` for the type at `index`.
  func definition(_ index: UInt32) -> String {
    let type = types[Int(index)]
    var composite: String
    switch type.composite {
    case .function(let function): composite = "(func" + text(function) + ")"
    case .array(let field): composite = "(array " + text(field) + ")"
    case .structure(let fields):
      composite = "(struct"
      for (position, field) in fields.enumerated() {
        let name = names.fieldDefinition(index, UInt32(truncatingIfNeeded: position))
        composite += " (field " + (name.map { $0 + " " } ?? "") + text(field) + ")"
      }
      composite += ")"
    }
    if !type.isFinal || !type.supertypes.isEmpty {
      let supertypes = type.supertypes.map { " " + names.reference(.type, $0) }.joined()
      composite = "(sub" + (type.isFinal ? " final" : "") + supertypes + " " + composite + ")"
    }
    return "(type" + names.definition(.type, index) + " " + composite + ")"
  }

  // MARK: Types of external things

  private func text(_ limits: SizeLimits, is64: Bool) -> String {
    (is64 ? " i64" : "") + " \(limits.minimum)" + (limits.maximum.map { " \($0)" } ?? "")
  }
  func text(_ table: TableType) -> String {
    text(table.limits, is64: table.is64) + " " + text(table.element)
  }
  func text(_ memory: MemoryType) -> String {
    text(memory.limits, is64: memory.is64) + (memory.isShared ? " shared" : "")
      + (memory.pageSizeLog2 == 16 ? "" : " (pagesize \(UInt64(1) << UInt64(memory.pageSizeLog2 & 63)))")
  }
  func text(_ global: GlobalType) -> String {
    global.isMutable ? " (mut " + text(global.value) + ")" : " " + text(global.value)
  }
}
