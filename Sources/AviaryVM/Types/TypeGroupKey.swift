import AviaryCore

/// A recursion group's structure as words: two groups are the same type exactly
/// when their keys are equal (iso-recursive equality).
///
/// A reference to a type of the group itself is its position there; one to an
/// earlier group is that type's canonical id. Every item has a fixed number of
/// words or is preceded by its count, so no two structures share a key.
struct TypeGroupKey: Hashable {
  private(set) var words: [UInt32] = []
  /// Canonical ids that the group refers to, with duplicates.
  private(set) var references: [UInt32] = []

  /// - Precondition: the types refer to indices below `start + types.count` only, and
  ///   `earlier` has the ids of all indices below `start`.
  init(_ types: ArraySlice<SubType>, start: Int, earlier: [UInt32]) {
    words.append(UInt32(types.count))
    for type in types {
      words.append(type.isFinal ? 1 : 0)
      words.append(UInt32(type.supertypes.count))
      for index in type.supertypes { append(index: index, start, earlier) }
      switch type.composite {
      case .function(let function):
        words.append(0)
        words.append(UInt32(function.parameters.count))
        for value in function.parameters { append(value, start, earlier) }
        words.append(UInt32(function.results.count))
        for value in function.results { append(value, start, earlier) }
      case .structure(let fields):
        words.append(1)
        words.append(UInt32(fields.count))
        for field in fields { append(field, start, earlier) }
      case .array(let field):
        words.append(2)
        append(field, start, earlier)
      }
    }
  }

  /// A final function type on its own, in canonical terms.
  init(_ type: VMFunctionType) {
    words = [1, 1, 0, 0, UInt32(type.parameters.count)]
    for value in type.parameters { append(value) }
    words.append(UInt32(type.results.count))
    for value in type.results { append(value) }
  }

  private mutating func append(index: UInt32, _ start: Int, _ earlier: [UInt32]) {
    if Int(index) < start {
      words.append(2)
      words.append(earlier[Int(index)])
      references.append(earlier[Int(index)])
    } else {
      words.append(1)
      words.append(index - UInt32(start))
    }
  }

  private mutating func append(_ value: ValueType, _ start: Int, _ earlier: [UInt32]) {
    guard value.isReference, value.heapType.isConcrete else { return append(VMValueType(value)) }
    words.append(ValueType.reference(.concrete(0), nullable: value.isNullable).rawValue)
    append(index: value.heapType.typeIndex, start, earlier)
  }

  private mutating func append(_ value: VMValueType) {
    words.append(value.kind.rawValue)
    words.append(value.typeID == 0 ? 0 : 2)
    words.append(value.typeID)
    if value.typeID != 0 { references.append(value.typeID) }
  }

  private mutating func append(_ field: FieldType, _ start: Int, _ earlier: [UInt32]) {
    words.append(field.isMutable ? 1 : 0)
    switch field.storage {
    case .i8: append(VMValueType(ValueType(rawValue: 0x78)))
    case .i16: append(VMValueType(ValueType(rawValue: 0x77)))
    case .value(let value): append(value, start, earlier)
    }
  }
}
