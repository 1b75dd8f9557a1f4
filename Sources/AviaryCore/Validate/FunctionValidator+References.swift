/// Tables and references.
extension FunctionValidator {
  // MARK: Tables

  func element(ofTable table: UInt32) throws(ModuleError) -> ValueType {
    guard let element = tables.tableElements[table] else { throw unknown("table", table) }
    return ValueType(rawValue: element)
  }

  func indexType(ofTable table: UInt32) throws(ModuleError) -> ValueType {
    guard let is64 = tables.tables64[table] else { throw unknown("table", table) }
    return is64 ? .i64 : .i32
  }

  func type(ofElementSegment segment: UInt32) throws(ModuleError) -> ValueType {
    guard let type = tables.elements[segment] else { throw unknown("elem segment", segment) }
    return ValueType(rawValue: type)
  }

  mutating func visitTableGet(_ table: UInt32) throws(ModuleError) {
    let element = try element(ofTable: table)
    try pop(indexType(ofTable: table))
    push(element)
  }

  mutating func visitTableSet(_ table: UInt32) throws(ModuleError) {
    let element = try element(ofTable: table)
    try pop(indexType(ofTable: table), element)
  }

  mutating func visitTableSize(_ table: UInt32) throws(ModuleError) { push(try indexType(ofTable: table)) }

  mutating func visitTableGrow(_ table: UInt32) throws(ModuleError) {
    let index = try indexType(ofTable: table)
    try pop(element(ofTable: table), index)
    push(index)
  }

  mutating func visitTableFill(_ table: UInt32) throws(ModuleError) {
    let index = try indexType(ofTable: table)
    try pop(index, element(ofTable: table), index)
  }

  mutating func visitTableCopy(destination: UInt32, source: UInt32) throws(ModuleError) {
    let to = try indexType(ofTable: destination)
    let from = try indexType(ofTable: source)
    try require(element(ofTable: source), in: element(ofTable: destination))
    try pop(to, from, to == .i64 ? from : to)
  }

  mutating func visitTableInit(segment: UInt32, table: UInt32) throws(ModuleError) {
    let index = try indexType(ofTable: table)
    try require(type(ofElementSegment: segment), in: element(ofTable: table))
    try pop(index, .i32, .i32)
  }

  /// That elements of type `sub` may go where `super` is stored.
  private func require(_ sub: ValueType, in super: ValueType) throws(ModuleError) {
    guard lattice.matches(sub, `super`) else {
      throw ModuleError(
        .invalid,
        "type mismatch: source element type \(TypeNames.name(sub)) does not match destination element type \(TypeNames.name(`super`))"
      )
    }
  }

  mutating func visitElemDrop(_ segment: UInt32) throws(ModuleError) {
    _ = try type(ofElementSegment: segment)
  }

  // MARK: References

  mutating func visitRefNull(_ heap: HeapType) throws(ModuleError) {
    try check(heap)
    push(.reference(heap, nullable: true))
  }

  mutating func visitRefFunc(_ function: UInt32) throws(ModuleError) {
    let type = try type(ofFunction: function)
    guard isConstantExpression || tables.declared[function] == true else {
      throw ModuleError(.invalid, "undeclared function reference \(function)")
    }
    push(.reference(.concrete(type), nullable: false))
  }

  /// Pops any reference.
  mutating func popReference() throws(ModuleError) -> ValueType {
    let type = try popAny()
    if type == .bottom { return .reference(TypeLattice.bottom, nullable: false) }
    guard type.isReference else {
      throw ModuleError(
        .invalid, "type mismatch: instruction requires reference type but stack has [\(TypeNames.name(type))]")
    }
    return type
  }

  mutating func visitRefIsNull() throws(ModuleError) {
    _ = try popReference()
    push(.i32)
  }

  mutating func visitRefAsNonNull() throws(ModuleError) {
    let type = try popReference()
    push(type.withNullability(false))
  }

  mutating func visitRefEq() throws(ModuleError) {
    let eq = ValueType.reference(.eq, nullable: true)
    try pop(eq, eq)
    push(.i32)
  }

  mutating func visitBrOnNull(_ depth: UInt32) throws(ModuleError) {
    let label = try label(depth)
    let type = try popReference()
    try pop(label)
    try push(label)
    push(type.withNullability(false))
  }

  mutating func visitBrOnNonNull(_ depth: UInt32) throws(ModuleError) {
    let label = try label(depth)
    let type = try popReference()
    try requireLast(type.withNullability(false), of: label)
    try replaceAllButLast(of: label)
  }

  /// That a branch may carry `type` as the last value of its label.
  private func requireLast(_ type: ValueType, of label: TypeList) throws(ModuleError) {
    guard label.count > 0, lattice.matches(type, ValueType(rawValue: label[label.count - 1])),
      ValueType(rawValue: label[label.count - 1]).isReference
    else {
      throw unsafe ModuleError(
        .invalid,
        "type mismatch: instruction requires type \(TypeNames.name(type)) but label has \(TypeNames.list(label.buffer))")
    }
  }

  /// Pops and pushes a label's values but for the last.
  private mutating func replaceAllButLast(of label: TypeList) throws(ModuleError) {
    let rest = unsafe TypeList(start: label.start, count: label.count - 1)
    try pop(rest)
    try push(rest)
  }

  // MARK: Casts

  private func checkCast(_ target: ValueType) throws(ModuleError) -> ValueType {
    try check(target)
    return .reference(lattice.top(target.heapType), nullable: true)
  }

  mutating func visitRefTest(_ op: Opcode, _ target: ValueType) throws(ModuleError) {
    try pop(checkCast(target))
    push(op == .refTest || op == .refTestNull ? .i32 : target)
  }

  mutating func visitBrOnCast(
    _ op: Opcode, depth: UInt32, from: ValueType, to: ValueType
  ) throws(ModuleError) {
    let label = try label(depth)
    try check(from)
    try check(to)
    guard lattice.matches(to, from) else {
      throw ModuleError(
        .invalid, "type mismatch on cast: type \(TypeNames.name(to)) does not match \(TypeNames.name(from))")
    }
    // What is left of `from` once `to` is taken out of it.
    let difference = to.isNullable ? from.withNullability(false) : from
    try requireLast(op == .brOnCast ? to : difference, of: label)
    try pop(from)
    try replaceAllButLast(of: label)
    push(op == .brOnCast ? difference : to)
  }
}
