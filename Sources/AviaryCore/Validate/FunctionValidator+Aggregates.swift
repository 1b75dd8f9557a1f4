/// Structs, arrays, i31 and conversions between the any and extern hierarchies.
extension FunctionValidator {
  mutating func visitAggregate(_ op: Opcode, _ a: UInt32, _ b: UInt32) throws(ModuleError) {
    switch op {
    case .structNew, .structNewDefault, .structGet, .structGetS, .structGetU, .structSet:
      try visitStructure(op, a, b)
    case .refI31:
      try pop(.i32)
      push(.reference(.i31, nullable: false))
    case .i31GetS, .i31GetU:
      try pop(.reference(.i31, nullable: true))
      push(.i32)
    case .anyConvertExtern: try convert(from: .extern, to: .any)
    case .externConvertAny: try convert(from: .any, to: .extern)
    case .arrayLen:
      try pop(.reference(.array, nullable: true))
      push(.i32)
    case .arrayNew, .arrayNewDefault, .arrayNewFixed, .arrayNewData, .arrayNewElem:
      try visitArrayNew(op, a, b)
    default:
      try visitArrayAccess(op, a, b)
    }
  }

  private mutating func convert(from: HeapType, to: HeapType) throws(ModuleError) {
    let type = try popAny()
    guard lattice.matches(type, .reference(from, nullable: true)) else {
      throw mismatchAgain(type, .reference(from, nullable: true))
    }
    push(.reference(to, nullable: type != .bottom && type.isNullable))
  }

  private func mismatchAgain(_ type: ValueType, _ required: ValueType) -> ModuleError {
    ModuleError(
      .invalid,
      "type mismatch: instruction requires [\(TypeNames.name(required))] but stack has [\(TypeNames.name(type))]")
  }

  // MARK: Structs

  private func fields(_ type: UInt32) throws(ModuleError) -> [FieldType] {
    guard type < signatures.count else { throw unknown("type", type) }
    guard case .structure(let fields) = tables.info.types[Int(type)].composite else {
      throw ModuleError(.invalid, "type mismatch: non-structure type \(type)")
    }
    return fields
  }

  private mutating func visitStructure(_ op: Opcode, _ type: UInt32, _ field: UInt32) throws(ModuleError) {
    let fields = try fields(type)
    let reference = ValueType.reference(.concrete(type), nullable: true)
    if op == .structNew {
      for field in fields.reversed() { try pop(field.storage.unpacked) }
      push(reference.withNullability(false))
      return
    }
    if op == .structNewDefault {
      for field in fields { try requireDefault(field) }
      push(reference.withNullability(false))
      return
    }
    guard Int(field) < fields.count else { throw unknown("field", field) }
    let accessed = fields[Int(field)]
    if op == .structSet {
      guard accessed.isMutable else { throw ModuleError(.invalid, "immutable field") }
      try pop(reference, accessed.storage.unpacked)
    } else {
      try requirePacking(accessed, signed: op != .structGet)
      try pop(reference)
      push(accessed.storage.unpacked)
    }
  }

  private func requireDefault(_ field: FieldType) throws(ModuleError) {
    guard field.storage.unpacked.isDefaultable else {
      throw ModuleError(.invalid, "type mismatch: field type is not defaultable")
    }
  }

  /// Packed storage is read with a sign, other storage without.
  private func requirePacking(_ field: FieldType, signed: Bool) throws(ModuleError) {
    guard field.storage.isPacked == signed else {
      throw ModuleError(.invalid, "type mismatch: field is \(signed ? "unpacked" : "packed")")
    }
  }

  // MARK: Arrays

  private func arrayField(_ type: UInt32) throws(ModuleError) -> FieldType {
    guard type < signatures.count else { throw unknown("type", type) }
    guard case .array(let field) = tables.info.types[Int(type)].composite else {
      throw ModuleError(.invalid, "type mismatch: non-array type \(type)")
    }
    return field
  }

  private mutating func visitArrayNew(_ op: Opcode, _ type: UInt32, _ b: UInt32) throws(ModuleError) {
    let field = try arrayField(type)
    let value = field.storage.unpacked
    switch op {
    case .arrayNew: try pop(value, .i32)
    case .arrayNewDefault:
      try requireDefault(field)
      try pop(.i32)
    case .arrayNewFixed:
      guard b <= Limits.fixedArrayOperands else {
        throw ModuleError(.unsupported, "array.new_fixed has too many operands: \(b)")
      }
      for _ in 0..<b { try pop(value) }
    case .arrayNewData:
      try requirePlain(field)
      try check(dataSegment: b)
      try pop(.i32, .i32)
    default:
      // array.new_elem
      try require(elementSegment: b, in: field)
      try pop(.i32, .i32)
    }
    push(.reference(.concrete(type), nullable: false))
  }

  private mutating func visitArrayAccess(_ op: Opcode, _ type: UInt32, _ b: UInt32) throws(ModuleError) {
    let field = try arrayField(type)
    let value = field.storage.unpacked
    let reference = ValueType.reference(.concrete(type), nullable: true)
    switch op {
    case .arrayGet, .arrayGetS, .arrayGetU:
      try requirePacking(field, signed: op != .arrayGet)
      try pop(reference, .i32)
      push(value)
      return
    case .arraySet:
      try requireMutable(field)
      try pop(reference, .i32, value)
    case .arrayFill:
      try requireMutable(field)
      try pop(.i32)
      try pop(reference, .i32, value)
    case .arrayCopy:
      let source = try arrayField(b)
      try requireMutable(field)
      guard lattice.matches(source.storage, field.storage) else {
        throw ModuleError(.invalid, "array types do not match")
      }
      try pop(.reference(.concrete(b), nullable: true), .i32, .i32)
      try pop(reference, .i32)
    case .arrayInitData:
      try requireMutable(field)
      try requirePlain(field)
      try check(dataSegment: b)
      try pop(.i32, .i32, .i32)
      try pop(reference)
    case .arrayInitElem:
      try requireMutable(field)
      try require(elementSegment: b, in: field)
      try pop(.i32, .i32, .i32)
      try pop(reference)
    default:
      preconditionFailure("\(op) is not an operator on aggregates")
    }
  }

  private func requireMutable(_ field: FieldType) throws(ModuleError) {
    guard field.isMutable else { throw ModuleError(.invalid, "immutable array") }
  }

  private func requirePlain(_ field: FieldType) throws(ModuleError) {
    guard !field.storage.unpacked.isReference else {
      throw ModuleError(.invalid, "array type is not numeric or vector")
    }
  }

  private func require(elementSegment segment: UInt32, in field: FieldType) throws(ModuleError) {
    let element = try type(ofElementSegment: segment)
    guard lattice.matches(element, field.storage.unpacked) else {
      throw ModuleError(
        .invalid,
        "type mismatch: element type \(TypeNames.name(element)) does not match array's field type \(TypeNames.name(field.storage.unpacked))"
      )
    }
  }
}
