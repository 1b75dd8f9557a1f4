/// Validates all constant expressions of a module, in the order of the index spaces.
///
/// A global's initialiser sees the globals before it, a table's the imported ones, a segment's all.
enum ExpressionsValidator {
  static func validate(_ tables: ModuleTables) throws(ModuleError) {
    let info = tables.info
    var validator = ConstantValidator(tables)
    for table in info.tables {
      guard let initial = table.initial else { continue }
      try validator.validate(initial, type: table.type.element, globals: info.importedGlobalCount, of: info)
    }
    for (index, global) in info.globals.enumerated() {
      guard let initial = global.initial else { continue }
      try validator.validate(initial, type: global.type.value, globals: index, of: info)
    }
    for segment in info.elements {
      do throws(ModuleError) {
        try validate(segment, tables, &validator)
      } catch {
        throw error.located(at: max(info.sectionOffsets[9], 0))
      }
    }
    for segment in info.data {
      do throws(ModuleError) {
        try validate(segment, tables, &validator)
      } catch {
        throw error.located(at: segment.range.lowerBound)
      }
    }
  }

  private static func validate(
    _ segment: ElementSegment, _ tables: ModuleTables, _ validator: inout ConstantValidator
  ) throws(ModuleError) {
    let info = tables.info
    switch segment.items {
    case .functions(let functions):
      for function in functions where Int(function) >= info.functions.count {
        throw ModuleError(.invalid, "unknown function \(function)")
      }
    case .expressions(let expressions):
      for expression in expressions {
        try validator.validate(expression, type: segment.type, globals: info.globals.count, of: info)
      }
    }
    guard case .active(let index, let offset) = segment.mode else { return }
    guard Int(index) < info.tables.count else { throw ModuleError(.invalid, "unknown table \(index)") }
    let table = info.tables[Int(index)].type
    guard tables.lattice.matches(segment.type, table.element) else {
      throw ModuleError(
        .invalid,
        "type mismatch: element segment's type \(TypeNames.name(segment.type)) does not match table's \(TypeNames.name(table.element))"
      )
    }
    try validator.validate(offset, type: table.indexType, globals: info.globals.count, of: info)
  }

  private static func validate(
    _ segment: DataSegment, _ tables: ModuleTables, _ validator: inout ConstantValidator
  ) throws(ModuleError) {
    let info = tables.info
    guard case .active(let index, let offset) = segment.mode else { return }
    guard Int(index) < info.memories.count else { throw ModuleError(.invalid, "unknown memory \(index)") }
    try validator.validate(
      offset, type: info.memories[Int(index)].indexType, globals: info.globals.count, of: info)
  }
}
