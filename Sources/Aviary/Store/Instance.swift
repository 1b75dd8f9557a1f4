import AviaryCore
import AviaryVM

/// A module at work in a store.
///
/// A handle: copies name the same instance, and keep its store alive.
public struct Instance {
  /// The store's identity.
  public let context: StoreContext
  let reference: VMInstanceReference
  var runtime: VMInstance { reference.instance(in: context.usedRuntime) }

  init(context: StoreContext, runtime: VMInstance) { self.init(context, VMInstanceReference(runtime)) }
  init(_ context: StoreContext, _ reference: VMInstanceReference) {
    self.context = context
    self.reference = reference
  }

  /// What it is an instance of.
  public var module: Module {
    guard let module = context.module(of: reference.module) else {
      preconditionFailure("a store knows the modules of its instances")
    }
    return module
  }

  /// What the module exports, in its order, with the instance's handles.
  public var exports: [(name: String, value: Extern)] {
    reference.module.module.info.exports.map { ($0.name, Extern(runtime.export($0), context)) }
  }

  /// The export of that name, or nil.
  public func export(_ name: String) -> Extern? {
    guard let export = Module.export(named: name, of: reference.module) else { return nil }
    return Extern(runtime.export(export), context)
  }

  /// - Throws: `WasmError.host` where there is no such export or it is of another kind.
  public func function(_ name: String) throws(WasmError) -> Function {
    if case .function(let function) = try required(name) { return function }
    throw .host("the export \"\(name)\" is no function")
  }
  /// - Throws: as `function(_:)`.
  public func memory(_ name: String = "memory") throws(WasmError) -> Memory {
    if case .memory(let memory) = try required(name) { return memory }
    throw .host("the export \"\(name)\" is no memory")
  }
  /// - Throws: as `function(_:)`.
  public func table(_ name: String) throws(WasmError) -> Table {
    if case .table(let table) = try required(name) { return table }
    throw .host("the export \"\(name)\" is no table")
  }
  /// - Throws: as `function(_:)`.
  public func global(_ name: String) throws(WasmError) -> Global {
    if case .global(let global) = try required(name) { return global }
    throw .host("the export \"\(name)\" is no global")
  }

  /// - Throws: as `function(_:)`.
  public func tag(_ name: String) throws(WasmError) -> Tag {
    if case .tag(let tag) = try required(name) { return tag }
    throw .host("the export \"\(name)\" is no tag")
  }

  private func required(_ name: String) throws(WasmError) -> Extern {
    guard let export = export(name) else { throw .host("there is no export \"\(name)\"") }
    return export
  }
}

/// Something that can be imported and exported.
public enum Extern {
  case function(Function)
  case memory(Memory)
  case table(Table)
  case global(Global)
  case tag(Tag)

  init(_ value: VMExtern, _ context: StoreContext) {
    switch value {
    case .function(let function): self = .function(Function(context: context, runtime: function))
    case .memory(let memory): self = .memory(Memory(context, memory))
    case .table(let table): self = .table(Table(context, table))
    case .global(let global): self = .global(Global(context, global))
    case .tag(let tag): self = .tag(Tag(context, tag))
    }
  }

  var runtime: VMExtern {
    switch self {
    case .function(let function): .function(function.runtime)
    case .memory(let memory): .memory(memory.runtime)
    case .table(let table): .table(table.runtime)
    case .global(let global): .global(global.runtime)
    case .tag(let tag): .tag(tag.runtime)
    }
  }

  /// The store's identity.
  public var context: StoreContext {
    switch self {
    case .function(let function): function.context
    case .memory(let memory): memory.context
    case .table(let table): table.context
    case .global(let global): global.context
    case .tag(let tag): tag.context
    }
  }

  /// What an import of it would have to say.
  public var type: ExternType {
    switch self {
    case .function(let function): .function(function.type)
    case .memory(let memory): .memory(memory.type)
    case .table(let table): .table(table.type)
    case .global(let global): .global(global.type)
    case .tag(let tag): .tag(tag.type)
    }
  }
}
