package import Aviary

/// The host module "spectest" that scripts import.
///
/// Source: the suite's own description, and the reference interpreter's `spectest.ml`.
package enum Spectest {
  /// Called with each line that a script prints.
  package typealias Output = @Sendable (String) -> Void

  package static func define(in linker: Linker<Void>, _ store: Store<Void>, output: @escaping Output = { _ in }) throws {
    let functions: [(String, [ValueType])] = [
      ("print", []), ("print_i32", [.i32]), ("print_i64", [.i64]), ("print_f32", [.f32]), ("print_f64", [.f64]),
      ("print_i32_f32", [.i32, .f32]), ("print_f64_f64", [.f64, .f64]),
      // Not the reference interpreter's: random programs call the host with vectors by it.
      ("print_v128", [.v128]),
    ]
    for (name, parameters) in functions {
      linker.define("spectest", name, FunctionType(parameters: parameters)) { (_: borrowing Caller<Void>, values: [Value]) in
        output(values.map(\.description).joined(separator: " "))
        return []
      }
    }
    let globals: [(String, ValueType, Value)] = [
      ("global_i32", .i32, .i32(666)), ("global_i64", .i64, .i64(666)), ("global_f32", .f32, .f32(666.6)),
      ("global_f64", .f64, .f64(666.6)),
    ]
    for (name, type, value) in globals {
      linker.define("spectest", name, try Global(in: store, GlobalType(type), value))
    }
    let element = ReferenceType(.function)
    linker.define("spectest", "table", try Table(in: store, TableType(element: element, minimum: 10, maximum: 20)))
    linker.define(
      "spectest", "table64", try Table(in: store, TableType(element: element, minimum: 10, maximum: 20, is64: true)))
    linker.define("spectest", "memory", try Memory(in: store, MemoryType(minimum: 1, maximum: 2)))
    if store.engine.configuration.features.contains(.threads) {
      linker.define(
        "spectest", "shared_memory", try Memory(in: store, MemoryType(minimum: 1, maximum: 2, isShared: true)))
    }
  }
}
