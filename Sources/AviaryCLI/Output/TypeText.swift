import AviaryCore

/// Types of a module in the text format's words.
enum TypeText {
  static func text(_ type: ValueType) -> String {
    switch type {
    case .bottom: return "bottom"
    case .i32: return "i32"
    case .i64: return "i64"
    case .f32: return "f32"
    case .f64: return "f64"
    case .v128: return "v128"
    default:
      let heap = text(type.heapType)
      if type.isNullable, !type.heapType.isConcrete, let short = shorthands[heap] { return short }
      return type.isNullable ? "(ref null \(heap))" : "(ref \(heap))"
    }
  }

  private static let shorthands = [
    "func": "funcref", "extern": "externref", "any": "anyref", "eq": "eqref", "i31": "i31ref", "struct": "structref",
    "array": "arrayref", "exn": "exnref", "none": "nullref", "nofunc": "nullfuncref", "noextern": "nullexternref",
    "noexn": "nullexnref",
  ]

  static func text(_ heap: HeapType) -> String {
    switch heap {
    case .func: "func"
    case .extern: "extern"
    case .any: "any"
    case .eq: "eq"
    case .i31: "i31"
    case .struct: "struct"
    case .array: "array"
    case .exn: "exn"
    case .none: "none"
    case .nofunc: "nofunc"
    case .noextern: "noextern"
    case .noexn: "noexn"
    default: "\(heap.typeIndex)"
    }
  }

  static func text(_ type: FunctionType) -> String {
    func list(_ types: [ValueType]) -> String { "[" + types.map(text).joined(separator: " ") + "]" }
    return list(type.parameters) + " -> " + list(type.results)
  }

  static func text(_ type: MemoryType) -> String {
    (type.is64 ? "i64 " : "") + text(type.limits) + (type.isShared ? " shared" : "")
      + (type.pageSizeLog2 == 16 ? "" : " (pagesize \(1 << min(type.pageSizeLog2, 62)))")
  }

  static func text(_ type: TableType) -> String {
    (type.is64 ? "i64 " : "") + text(type.limits) + " " + text(type.element)
  }

  static func text(_ type: GlobalType) -> String { type.isMutable ? "(mut \(text(type.value)))" : text(type.value) }

  private static func text(_ limits: SizeLimits) -> String {
    "\(limits.minimum)" + (limits.maximum.map { " \($0)" } ?? "")
  }

  static func text(_ type: SubType) -> String {
    let composite =
      switch type.composite {
      case .function(let function): "func \(text(function))"
      case .structure(let fields): "struct {" + fields.map(text).joined(separator: ", ") + "}"
      case .array(let field): "array \(text(field))"
      }
    let supers = type.supertypes.map { " \($0)" }.joined()
    return type.isFinal && supers.isEmpty ? composite : "sub\(type.isFinal ? " final" : "")\(supers) \(composite)"
  }

  private static func text(_ field: FieldType) -> String {
    let storage =
      switch field.storage {
      case .value(let type): text(type)
      case .i8: "i8"
      case .i16: "i16"
      }
    return field.isMutable ? "(mut \(storage))" : storage
  }
}
