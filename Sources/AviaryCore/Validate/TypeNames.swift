/// Types as error messages name them: the text format's names.
enum TypeNames {
  static func name(_ type: ValueType) -> String {
    switch type {
    case .bottom: return "bot"
    case .i32: return "i32"
    case .i64: return "i64"
    case .f32: return "f32"
    case .f64: return "f64"
    case .v128: return "v128"
    default:
      let heap = name(type.heapType)
      return type.isNullable ? "(ref null \(heap))" : "(ref \(heap))"
    }
  }

  static func name(_ heap: HeapType) -> String {
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
    case TypeLattice.bottom: "bot"
    default: "\(heap.typeIndex)"
    }
  }

  /// `[i32 f64]`; long lists are cut at the front, where they matter least.
  static func list<Types: RandomAccessCollection<UInt32>>(_ types: Types) -> String {
    let shown = types.suffix(32).map { name(ValueType(rawValue: $0)) }.joined(separator: " ")
    return types.count > 32 ? "[... \(shown)]" : "[\(shown)]"
  }
}
