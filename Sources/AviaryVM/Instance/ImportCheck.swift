package import AviaryCore
package import AviaryPool

extension VMModule {
  /// Whether the imports fit, in the order of the module's import section.
  ///
  /// - Throws: `link` in the reference interpreter's wording, `wrongStore`.
  package func check(_ imports: [VMExtern], for store: VMStore) throws(VMError) {
    guard store.engine === engine else { throw .configuration("the module belongs to another engine") }
    guard imports.count >= info.imports.count else {
      let missing = info.imports[imports.count]
      throw .link("unknown import \(missing.module).\(missing.name)")
    }
    guard imports.count == info.imports.count else { throw .link("more imports given than the module declares") }
    for (item, declared) in zip(imports, info.imports) {
      guard item.store === store else { throw .wrongStore }
      guard fits(item, declared.description) else {
        throw .link("incompatible import type for \(declared.module).\(declared.name)")
      }
    }
  }

  /// Whether a value may be given to an import (import matching, WebAssembly 3.0, section 4.5).
  package func fits(_ item: VMExtern, _ declared: Import.Description) -> Bool {
    switch (item, declared) {
    case (.function(let function), .function(let type)):
      return engine.types.isSubtype(function.typeID, of: types.ids[Int(type)])
    case (.tag(let tag), .tag(let type)):
      return tag.typeID == types.ids[Int(type)]
    case (.memory(let memory), .memory(let type)):
      return VMModule.fits(memory.type, memory.pageCount, type)
    case (.table(let table), .table(let type)):
      return table.type.is64 == type.is64 && table.element == canonical(type.element)
        && VMModule.fits(table.count, table.type.limits.maximum, type.limits)
    case (.global(let global), .global(let type)):
      guard global.isMutable == type.isMutable else { return false }
      let expected = canonical(type.value)
      return type.isMutable ? global.value == expected : engine.types.matches(global.value, expected)
    default: return false
    }
  }

  /// The same for a shared memory that is no store's yet.
  package func fits(_ memory: VMSharedMemory, _ declared: Import.Description) -> Bool {
    guard case .memory(let type) = declared else { return false }
    return VMModule.fits(memory.type, memory.pageCount, type)
  }

  private static func fits(_ actual: MemoryType, _ count: UInt64, _ declared: MemoryType) -> Bool {
    actual.is64 == declared.is64 && actual.isShared == declared.isShared && actual.pageSizeLog2 == declared.pageSizeLog2
      && fits(count, actual.limits.maximum, declared.limits)
  }

  private static func fits(_ count: UInt64, _ maximum: UInt64?, _ declared: SizeLimits) -> Bool {
    guard count >= declared.minimum else { return false }
    guard let limit = declared.maximum else { return true }
    guard let maximum else { return false }
    return maximum <= limit
  }
}
