/// Finds the functions that a module names outside of bodies: by exports, element segments and
/// constant expressions. Only these may `ref.func` name in a body, so only these can become a
/// reference (`ModuleFacts.escapes`).
///
/// Source: WebAssembly 3.0 section 3.5.19, "refs".
enum DeclaredFunctions {
  /// One flag per function; indices that do not exist are left out.
  static func find(in info: ModuleInfo) -> [Bool] {
    var declared = [Bool](repeating: false, count: info.functions.count)
    func add(_ function: UInt32) {
      if Int(function) < declared.count { declared[Int(function)] = true }
    }
    func add(_ expression: ConstantExpression) {
      switch expression.simple {
      case .refFunc(let function)?: add(function)
      case .some: break
      case nil:
        for function in functions(in: expression, of: info) { add(function) }
      }
    }
    for export in info.exports where export.kind == .function { add(export.index) }
    for global in info.globals { if let initial = global.initial { add(initial) } }
    for table in info.tables { if let initial = table.initial { add(initial) } }
    for segment in info.elements {
      switch segment.items {
      case .functions(let functions): for function in functions { add(function) }
      case .expressions(let expressions): for expression in expressions { add(expression) }
      }
    }
    return declared
  }

  private static func functions(in expression: ConstantExpression, of info: ModuleInfo) -> [UInt32] {
    var structure = StructureSink(collectsFunctions: true)
    var reader = OperatorReader(ByteCursor(info.bytes, in: expression.range), features: info.features)
    do throws(ModuleError) {
      while !structure.isClosed { try reader.next(&structure) }
    } catch {
      // The decoder went over the same bytes: this does not happen, and what came before stays.
    }
    return structure.functions
  }
}
