package import AviaryCore
import AviaryPool
import CAviaryContract

/// An instance of a store.
@safe
package struct VMInstance {
  package let store: VMStore
  unowned(unsafe) let state: InstanceState

  init(_ store: VMStore, _ state: InstanceState) {
    self.store = store
    unsafe self.state = state
  }

  /// Instantiates a module: everything up to the start function, which the caller runs
  /// (`startFunction`).
  ///
  /// - Parameter imports: in the order of the module's import section.
  /// - Throws: `VMError` for imports that do not fit and for limits; `VMCallError.trap` where an active
  ///   segment does not fit. What earlier segments wrote stays written, as the standard has it.
  package init(_ module: VMModule, in store: VMStore, imports: [VMExtern]) throws {
    try module.check(imports, for: store)
    try store.checkInstanceLimit()
    let state = try InstanceState(module, store, imports: imports)
    store.adopt(state)
    self.store = store
    unsafe self.state = state
    try Instantiation(instance: state).run()
  }

  package var module: VMModule { unsafe state.module }

  /// nil where the module has no start function.
  package var startFunction: VMFunction? { unsafe state.module.info.start.map { function($0) } }

  // Entities by index. Precondition of each: the index is in the module's index space.

  package func function(_ index: UInt32) -> VMFunction {
    unsafe precondition(Int(index) < state.module.info.functions.count)
    return unsafe VMFunction(unsafe: state.functionRef(index), store)
  }
  package func memory(_ index: UInt32) -> VMMemory { unsafe VMMemory(store, state.memories[Int(index)]) }
  package func table(_ index: UInt32) -> VMTable { unsafe VMTable(store, state.tables[Int(index)]) }
  package func global(_ index: UInt32) -> VMGlobal {
    let type = unsafe state.module.info.globals[Int(index)].type
    // An imported constant's own type may be narrower; the declared one holds for it too.
    return unsafe VMGlobal(
      store, state.module.canonical(type.value), isMutable: type.isMutable, unsafe: state.globalCells[Int(index)])
  }
  package func tag(_ index: UInt32) -> VMTag {
    let type = unsafe state.module.info.tags[Int(index)]
    return unsafe VMTag(store: store, typeID: state.module.types.ids[Int(type)], identity: state.tagIdentity(index))
  }

  package func export(_ export: Export) -> VMExtern {
    switch export.kind {
    case .function: .function(function(export.index))
    case .table: .table(table(export.index))
    case .memory: .memory(memory(export.index))
    case .global: .global(global(export.index))
    case .tag: .tag(tag(export.index))
    }
  }

  /// The export of the name; a linear search, so callers that ask often keep the result.
  package func export(named name: String) -> VMExtern? {
    unsafe state.module.info.exports.first { $0.name == name }.map { export($0) }
  }
}

extension VMInstance: Equatable {
  package static func == (a: VMInstance, b: VMInstance) -> Bool { unsafe a.state === b.state }
}
