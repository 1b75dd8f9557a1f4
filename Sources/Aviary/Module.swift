import AviaryCodegen
import AviaryContract
import AviaryCore
import AviaryPool
import AviaryVM

/// A compiled module: immutable, shared by all stores of its engine.
public final class Module: Sendable {
  /// The engine that compiled it.
  public let engine: Engine
  /// From the module's name section, else as given to `Engine.compile`.
  public let name: String?
  let runtime: VMModule
  let startFunction: UInt32?
  /// While it lives, GDB knows the code.
  private let debugger: DebuggerRegistration?

  init(
    engine: Engine, name: String?, _ module: ValidatedModule, _ artifact: Artifact, images: StoredImages? = nil
  ) throws(WasmError) {
    self.engine = engine
    startFunction = module.info.start
    self.name = module.info.names.module ?? name
    do throws(VMError) {
      runtime = try VMModule(engine.runtime, module, artifact, images: images)
      debugger = try Module.announce(runtime, artifact, engine.configuration)
    } catch { throw WasmError(error) }
  }

  /// Tells profilers and debuggers of the code, as configured.
  private static func announce(
    _ module: VMModule, _ artifact: Artifact, _ configuration: EngineConfiguration
  ) throws(VMError) -> DebuggerRegistration? {
    guard configuration.perfMap || configuration.gdbJIT else { return nil }
    let symbols = FunctionSymbol.all(of: artifact, module.module)
    let address = UInt64(module.code.text.lowerBound)
    if configuration.perfMap {
      try AviaryVM.PerfMap.append(AviaryCodegen.PerfMap.lines(symbols, textAddress: address))
    }
    guard configuration.gdbJIT else { return nil }
    return try DebuggerRegistration(
      elf: DebugObject.elf(symbols, textAddress: address, textSize: artifact.text.count))
  }

  func export(named name: String) -> Export? { Module.export(named: name, of: runtime) }
  static func export(named name: String, of module: VMModule) -> Export? {
    module.exports.position(of: name).map { module.module.info.exports[$0] }
  }

  /// What has to be given to the module, in its order.
  public var imports: [ImportType] {
    info.imports.map { ImportType(module: $0.module, name: $0.name, type: describe($0.description)) }
  }

  /// What the module gives, in its order.
  public var exports: [ExportType] {
    info.exports.map { export in
      let index = Int(export.index)
      let description: Import.Description =
        switch export.kind {
        case .function: .function(type: info.functions[index])
        case .table: .table(info.tables[index].type)
        case .memory: .memory(info.memories[index])
        case .global: .global(info.globals[index].type)
        case .tag: .tag(type: info.tags[index])
        }
      return ExportType(name: export.name, type: describe(description))
    }
  }

  func describe(_ item: Import.Description) -> ExternType {
    switch item {
    case .function(let type): .function(functionType(type))
    case .table(let type): .table(TableType(type, element: runtime.canonical(type.element), engine))
    case .memory(let type): .memory(MemoryType(type))
    case .global(let type): .global(GlobalType(ValueType(runtime.canonical(type.value), engine), isMutable: type.isMutable))
    case .tag(let type): .tag(TagType(functionType(type)))
    }
  }

  private func functionType(_ index: UInt32) -> FunctionType {
    FunctionType(VMFunctionType(info.functionType(index), ids: runtime.types.ids), engine)
  }

  /// A module whose imports can be linked but which must not be instantiated: it has no code. For modules
  /// that the compiler refuses, so that what is wrong with their imports can still be told.
  package static func withoutCode(_ engine: Engine, _ bytes: [UInt8]) throws(WasmError) -> Module {
    let module = try engine.validated(bytes)
    let trap = [UInt8](repeating: 0xCC, count: 16)
    let artifact = Artifact(
      fingerprint: engine.tunables.fingerprint, cpu: engine.tunables.cpu, text: trap,
      functions: module.info.bodies.map { _ in FunctionRange(offset: 0, size: 16) }, traps: [], addresses: [])
    return try Module(engine: engine, name: nil, module, artifact)
  }

  /// The module with its code, to be kept in a file and loaded by `Engine.load(artifact:)`.
  public func artifact() -> [UInt8] {
    ArtifactFile.bytes(runtime.module, runtime.code.artifact(engine.tunables))
  }

  /// The module in the binary format, as it was compiled.
  public var bytes: [UInt8] { unsafe Array(info.bytes.buffer) }

  /// Contents of the custom sections of that name, in order.
  public func customSections(named name: String) -> [[UInt8]] {
    info.customSections.filter { $0.name == name }.map { section in unsafe Array(info.bytes.buffer[section.range]) }
  }

  /// Bytes of machine code.
  public var codeSize: Int { runtime.code.size }
}
