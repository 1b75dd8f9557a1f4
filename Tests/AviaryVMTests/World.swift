import AviaryContract
@testable import AviaryCore
import AviaryPool
@testable import AviaryVM
import CAviaryContract

/// The slots of a host function in tests: arguments in, results out.
@safe
struct Slots {
  let pointer: UnsafeMutablePointer<AviaryValue>
  subscript(index: Int) -> UInt64 {
    get { unsafe pointer[index].low }
    nonmutating set { unsafe pointer[index] = AviaryValue(low: newValue, high: 0) }
  }
}
typealias HostBody = (borrowing VMCaller, Slots) throws -> Void

/// A store with one instance whose functions are given machine code. All functions,
/// imports too, are (i64, i64) -> i64.
final class World {
  struct Function {
    let code: GuestFunction
    /// What a fault at the function's site is.
    let trap: TrapCode?
    init(_ code: GuestFunction, _ trap: TrapCode? = nil) {
      self.code = code
      self.trap = trap
    }
  }
  struct Shape {
    var memories: [MemoryType] = []
    var tables: [TableType] = []
    var data: [[UInt8]] = []
    var elements: [ElementSegment] = []
    var importsFunction = false
    var guestStackBytes: UInt64 = 1 << 20
    var pool: MemoryPoolConfiguration?
  }

  static let binary = FunctionType(parameters: [.i64, .i64], results: [.i64])
  static let binaryVM = VMFunctionType(
    parameters: [VMValueType(.i64), VMValueType(.i64)], results: [VMValueType(.i64)])

  let engine: VMEngine
  let module: VMModule
  let store: VMStore
  let instance: VMInstance
  let thunk: VMThunk

  static func engine(
    _ tunables: Tunables = Tunables(), stackBytes: UInt64 = 1 << 20, pool: MemoryPoolConfiguration? = nil
  ) throws -> VMEngine {
    var options = VMEngineOptions()
    options.pool = pool
    options.guestStackBytes = stackBytes
    return try VMEngine(
      tunables: tunables, options: options,
      thunks: VMThunkGenerator(
        entry: { _ in GuestFunction.entryThunk.bytes }, host: { _ in GuestFunction.hostThunk.bytes }))
  }

  static func module(_ engine: VMEngine, _ functions: [Function], _ shape: Shape) throws -> VMModule {
    var bytes: [UInt8] = []
    var segments: [DataSegment] = []
    for data in shape.data {
      segments.append(DataSegment(range: bytes.count..<(bytes.count + data.count), mode: .passive))
      bytes += data
    }
    var info = ModuleInfo(bytes: ModuleBytes(bytes), features: .standard)
    info.types = [SubType(composite: .function(binary))]
    info.recursionGroups = [0..<1]
    info.canonicalTypes = [0]
    if shape.importsFunction {
      info.imports = [Import(module: "env", name: "f", description: .function(type: 0))]
      info.importedFunctionCount = 1
    }
    info.functions = Array(repeating: 0, count: functions.count + info.importedFunctionCount)
    info.bodies = Array(repeating: 0..<0, count: functions.count)
    info.memories = shape.memories
    info.tables = shape.tables.map { TableDeclaration(type: $0) }
    info.data = segments
    info.elements = shape.elements
    var facts = ModuleFacts()
    facts.escapes = Array(repeating: true, count: info.functions.count)

    var artifact = Artifact(
      fingerprint: engine.tunables.fingerprint, cpu: [], text: [], functions: [], traps: [], addresses: [])
    for (index, function) in functions.enumerated() {
      while artifact.text.count % 16 != 0 { artifact.text.append(0xCC) }
      let offset = UInt32(artifact.text.count)
      artifact.text += function.code.bytes
      artifact.functions.append(FunctionRange(offset: offset, size: UInt32(function.code.bytes.count)))
      if function.code.site >= 0 {
        let site = offset + UInt32(function.code.site)
        if let trap = function.trap { artifact.traps.append(TrapSite(offset: site, code: trap)) }
        artifact.addresses.append(AddressMapping(offset: site, wasmOffset: UInt32(100 + index)))
      }
    }
    return try VMModule(engine, ValidatedModule(info: info, facts: facts), artifact)
  }

  init(
    _ functions: [Function], _ shape: Shape = Shape(), limiter: (any VMLimiter)? = nil,
    host: HostBody? = nil
  ) throws {
    engine = try World.engine(stackBytes: shape.guestStackBytes, pool: shape.pool)
    var shape = shape
    shape.importsFunction = host != nil
    module = try World.module(engine, functions, shape)
    store = try VMStore(engine, limiter: limiter)
    thunk = try engine.entryThunk(for: World.binary)
    var imports: [VMExtern] = []
    if let host {
      imports = [.function(try World.hostFunction(store, host))]
    }
    instance = try VMInstance(module, in: store, imports: imports)
  }

  static func hostFunction(_ store: VMStore, _ body: @escaping HostBody) throws -> VMFunction {
    let engine = store.engine
    return unsafe VMFunction(
      unsafe: store, try engine.types.register(binaryVM), binaryVM, thunk: try engine.hostThunk(for: binary)
    ) { caller, values in unsafe try body(caller, Slots(pointer: values)) }
  }

  /// Calls a defined function.
  func call(_ index: Int, _ a: UInt64 = 0, _ b: UInt64 = 0) throws(VMCallError) -> UInt64 {
    let function = instance.function(UInt32(index + module.info.importedFunctionCount))
    return try World.call(function, thunk, a, b)
  }

  static func call(_ function: VMFunction, _ thunk: VMThunk, _ a: UInt64, _ b: UInt64) throws(VMCallError) -> UInt64 {
    let values = UnsafeMutablePointer<AviaryValue>.allocate(capacity: 2)
    defer { unsafe values.deallocate() }
    unsafe values[0] = AviaryValue(low: a, high: 0)
    unsafe values[1] = AviaryValue(low: b, high: 0)
    unsafe try function.call(unsafe: values, thunk)
    return unsafe values[0].low
  }

  /// The trap that the call ends in; nil where it returns or fails otherwise.
  func trap(_ index: Int, _ a: UInt64 = 0, _ b: UInt64 = 0) -> VMTrap? {
    do {
      _ = try call(index, a, b)
      return nil
    } catch {
      if case .trap(let trap) = error { return trap }
      return nil
    }
  }
}
