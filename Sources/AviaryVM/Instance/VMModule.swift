package import AviaryContract
package import AviaryCore
package import AviaryPool

/// A module ready to be instantiated: its code published, its types registered, its
/// contexts laid out. Shared by all stores of the engine.
package final class VMModule: Sendable {
  package let engine: VMEngine
  package let module: ValidatedModule
  package let layout: VMContextLayout
  package let code: VMCode
  package let types: TypeRegistration
  package let defaultMemory: UInt32?
  package let exports: ExportIndex
  /// nil where memories are made on demand.
  let memories: ModuleMemories?
  var info: ModuleInfo { module.info }

  /// - Parameter images: where the module's images stand already; nil: nowhere.
  /// - Throws: see `VMCode.init` and `VMContextLayout.init`.
  package init(
    _ engine: VMEngine, _ module: ValidatedModule, _ artifact: Artifact, images: StoredImages? = nil
  ) throws(VMError) {
    self.engine = engine
    self.module = module
    guard artifact.functions.count == module.info.bodies.count else {
      throw .configuration("the artifact is not of this module")
    }
    do { layout = try VMContextLayout(module) } catch { throw .limit(error.message) }
    exports = ExportIndex(module.info.exports, layout)
    defaultMemory = VMModule.defaultMemory(of: module.info)
    types = try engine.types.register(module.info.types, groups: module.info.recursionGroups)
    code = try VMCode(artifact, tunables: engine.tunables, layout: layout)
    memories = engine.pool.map { ModuleMemories(module.info, $0, stored: images) }
    CodeIndex.shared.add(self, code.text)
  }

  deinit { CodeIndex.shared.remove(start: code.text.lowerBound) }

  func functionIndex(at pc: UInt) -> UInt32? {
    code.definedFunction(at: pc).map { UInt32(info.importedFunctionCount + $0) }
  }

  /// Whether the address is a function's first byte.
  func isEntry(_ pc: UInt) -> Bool {
    code.definedFunction(at: pc).map { code.entry(ofDefined: $0) == pc } ?? false
  }

  /// The canonical id of a function's type.
  package func typeID(ofFunction index: UInt32) -> UInt32 { types.ids[Int(info.functions[Int(index)])] }
  package func canonical(_ type: ValueType) -> VMValueType { VMValueType(type, ids: types.ids) }
}
