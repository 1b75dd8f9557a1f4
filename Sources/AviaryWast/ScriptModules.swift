import Aviary
import AviaryText

/// Why a module of a script did not become an instance.
enum ModuleFailure: Error {
  /// The text is wrong.
  case text(TextError)
  /// The API refused it.
  case wasm(WasmError)
  /// It cannot be run yet: what it needs.
  case unsupported(String)
}

/// The modules of one script: definitions, instances, and those that could not be made
/// for want of support.
struct ScriptModules {
  /// An instance, or what it would have needed.
  enum State {
    case ready(Instance)
    /// Another thread's, of which this one may import the shared memories.
    case foreign([(name: String, memory: SharedMemory)])
    case unsupported(String)
  }

  let engine: Engine
  /// Modules are written to artifacts and loaded from there.
  let throughArtifacts: Bool
  let store: Store<Void>
  let linker: Linker<Void>
  private var current: State?
  private var named: [String: State] = [:]
  private var definition: Result<Module, ModuleFailure>?
  private var definitions: [String: Result<Module, ModuleFailure>] = [:]
  /// Names that were registered for modules which could not be made.
  private var missing: [String: String] = [:]

  init(engine: Engine, throughArtifacts: Bool, output: @escaping Spectest.Output) throws {
    self.engine = engine
    self.throughArtifacts = throughArtifacts
    store = Store(engine)
    linker = Linker(engine)
    try Spectest.define(in: linker, store, output: output)
  }

  // MARK: Steps

  func bytes(_ module: ScriptModule) throws(ModuleFailure) -> [UInt8] {
    do throws(TextError) { return try module.encode() } catch { throw .text(error) }
  }

  func compile(_ module: ScriptModule) throws(ModuleFailure) -> Module {
    let bytes = try bytes(module)
    do throws(WasmError) {
      let compiled = try engine.compile(bytes, name: module.name)
      return throughArtifacts ? try engine.load(artifact: compiled.artifact(), name: module.name) : compiled
    } catch {
      if case .unsupported(let diagnostic) = error { throw .unsupported(diagnostic.message) }
      throw .wasm(error)
    }
  }

  /// - Throws: `ModuleFailure` for what keeps it from running at all; other errors are the start
  ///   function's and the segments'.
  func instantiate(_ module: Module) throws -> Instance {
    if let cause = module.imports.lazy.compactMap({ missing[$0.module] }).first { throw ModuleFailure.unsupported(cause) }
    let linked: LinkedModule<Void>
    do throws(WasmError) { linked = try linker.link(module) } catch { throw ModuleFailure.wasm(error) }
    do {
      return try linked.instantiate(in: store)
    } catch WasmError.unsupported(let diagnostic) { throw ModuleFailure.unsupported(diagnostic.message) }
  }

  /// For modules that the compiler refuses: whether their imports would link.
  func linkOnly(_ module: ScriptModule) throws(ModuleFailure) {
    let bytes = try bytes(module)
    do throws(WasmError) {
      _ = try linker.link(try Module.withoutCode(engine, bytes))
    } catch { throw .wasm(error) }
  }

  // MARK: Names

  mutating func add(_ state: State, name: String?) {
    current = state
    if let name { named[name] = state }
  }

  mutating func define(_ result: Result<Module, ModuleFailure>, name: String?) {
    definition = result
    if let name { definitions[name] = result }
  }

  func definition(_ name: String?) -> Result<Module, ModuleFailure>? {
    guard let name else { return definition }
    return definitions[name]
  }

  func state(_ name: String?) -> State? {
    guard let name else { return current }
    return named[name]
  }

  mutating func register(_ name: String, _ state: State) {
    switch state {
    case .ready(let instance):
      missing[name] = nil
      linker.define(name, instance)
    case .foreign(let memories):
      for item in memories { linker.define(name, item.name, item.memory) }
    case .unsupported(let cause):
      missing[name] = cause
    }
  }
}
