/// Validates the type section and finds which types are equal.
///
/// Equality is iso-recursive: two recursion groups are equal when they are the same but for
/// where they stand. A group is written down as words in which an index into the group is relative and any
/// other index is replaced by its type's canonical one; equal words are equal groups, and
/// equal positions in equal groups are equal types.
///
/// Source: WebAssembly 3.0 sections 3.1.3 (equivalence) and 3.2 (validity).
struct TypeSectionValidator {
  private let types: [SubType]
  let storage: TypeStorage
  private(set) var canonical: [UInt32] = []
  private var depths: [UInt8] = []
  /// The first group of each shape.
  private var groups: [[UInt32]: Int] = [:]

  init(_ types: [SubType]) {
    self.types = types
    storage = TypeStorage(capacity: types.count)
    canonical.reserveCapacity(types.count)
  }

  mutating func validate(groups: [Range<Int>]) throws(ModuleError) {
    for group in groups {
      for index in group { try checkIndices(of: index, groupEnd: group.upperBound) }
      canonicalize(group)
      // Depths of the whole group come first: matching walks up chains of supertypes of any of it.
      for index in group { try checkDepth(of: index) }
      for index in group { try checkSupertype(of: index) }
    }
  }

  // MARK: Validity

  private func checkIndices(of index: Int, groupEnd: Int) throws(ModuleError) {
    let type = types[index]
    guard type.supertypes.count <= 1 else {
      throw ModuleError(.invalid, "sub type \(index) has more than one super type")
    }
    for supertype in type.supertypes where supertype >= index {
      guard supertype < groupEnd else { throw ModuleError(.invalid, "unknown type \(supertype)") }
      throw ModuleError(.invalid, "forward use of type \(supertype) in sub type definition")
    }
    func check(_ value: ValueType) throws(ModuleError) {
      guard value.isReference, value.heapType.isConcrete, value.heapType.typeIndex >= groupEnd else { return }
      throw ModuleError(.invalid, "unknown type \(value.heapType.typeIndex)")
    }
    switch type.composite {
    case .function(let function):
      for value in function.parameters { try check(value) }
      for value in function.results { try check(value) }
    case .structure(let fields):
      for field in fields { try check(field.storage.unpacked) }
    case .array(let field):
      try check(field.storage.unpacked)
    }
  }

  private mutating func checkDepth(of index: Int) throws(ModuleError) {
    guard let supertype = types[index].supertypes.first else {
      depths.append(0)
      return
    }
    let depth = Int(depths[Int(supertype)]) + 1
    guard depth <= Limits.subtypeDepth else {
      throw ModuleError(.unsupported, "sub type \(index) is nested too deeply")
    }
    depths.append(UInt8(depth))
  }

  private func checkSupertype(of index: Int) throws(ModuleError) {
    guard let supertype = types[index].supertypes.first else { return }
    let parent = types[Int(supertype)]
    guard !parent.isFinal, storage.lattice.matches(types[index].composite, parent.composite) else {
      throw ModuleError(.invalid, "sub type \(index) does not match super type \(supertype)")
    }
  }

  // MARK: Equality

  private mutating func canonicalize(_ group: Range<Int>) {
    var words = GroupWords(group: group)
    for index in group { words.append(types[index], canonical) }
    let first = groups[words.words] ?? group.lowerBound
    if first == group.lowerBound { groups[words.words] = first }
    for index in group {
      let type = types[index]
      let kind: TypeLattice.Kind =
        switch type.composite {
        case .function: .function
        case .structure: .structure
        case .array: .array
        }
      let equal = UInt32(first + index - group.lowerBound)
      canonical.append(equal)
      storage.append(canonical: equal, supertype: type.supertypes.first, kind: kind)
    }
  }
}

/// A recursion group as words, independent of where it stands.
private struct GroupWords {
  let group: Range<Int>
  var words: [UInt32]

  init(group: Range<Int>) {
    self.group = group
    words = [UInt32(group.count)]
  }

  mutating func append(_ type: SubType, _ canonical: [UInt32]) {
    words.append((type.isFinal ? 1 : 0) | UInt32(type.supertypes.count) << 1)
    for supertype in type.supertypes { append(index: supertype, canonical) }
    switch type.composite {
    case .function(let function):
      words += [0x60, UInt32(function.parameters.count), UInt32(function.results.count)]
      for value in function.parameters { append(value, canonical) }
      for value in function.results { append(value, canonical) }
    case .structure(let fields):
      words += [0x5F, UInt32(fields.count)]
      for field in fields { append(field, canonical) }
    case .array(let field):
      words.append(0x5E)
      append(field, canonical)
    }
  }

  private mutating func append(_ field: FieldType, _ canonical: [UInt32]) {
    words.append(field.isMutable ? 1 : 0)
    switch field.storage {
    case .i8: words.append(0x78)
    case .i16: words.append(0x77)
    case .value(let value): append(value, canonical)
    }
  }

  private mutating func append(_ value: ValueType, _ canonical: [UInt32]) {
    guard value.isReference, value.heapType.isConcrete else {
      words.append(value.rawValue)
      return
    }
    words.append(value.isNullable ? 0x63 : 0x64)
    append(index: value.heapType.typeIndex, canonical)
  }

  /// Relative in the group (with a bit that no index has), canonical outside.
  private mutating func append(index: UInt32, _ canonical: [UInt32]) {
    if Int(index) >= group.lowerBound {
      words.append(0x8000_0000 | (index - UInt32(group.lowerBound)))
    } else {
      words.append(canonical[Int(index)])
    }
  }
}
