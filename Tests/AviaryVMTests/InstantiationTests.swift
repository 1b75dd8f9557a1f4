import AviaryContract
@testable import AviaryCore
import AviaryPool
@testable import AviaryVM
import CAviaryContract
import Testing

/// A module without functions of its own, made by hand, and instances of it.
private struct Builder {
  var info: ModuleInfo
  var bytes: [UInt8] = []

  init() { info = ModuleInfo(bytes: ModuleBytes([]), features: .standard) }

  mutating func expression(_ code: [UInt8]) -> ConstantExpression {
    defer { bytes += code }
    return ConstantExpression(range: bytes.count..<(bytes.count + code.count))
  }
  mutating func data(_ contents: [UInt8], _ mode: SegmentMode) {
    info.data.append(DataSegment(range: bytes.count..<(bytes.count + contents.count), mode: mode))
    bytes += contents
  }
  mutating func global(_ type: ValueType, _ initial: ConstantExpression, mutable: Bool = false) {
    info.globals.append(GlobalDeclaration(type: GlobalType(value: type, isMutable: mutable), initial: initial))
  }
  static func i32(_ value: UInt32) -> ConstantExpression { ConstantExpression(range: 0..<0, simple: .i32(value)) }

  func module(_ engine: VMEngine) throws -> VMModule {
    var info = info
    info.bytes = ModuleBytes(bytes)
    var facts = ModuleFacts()
    facts.escapes = Array(repeating: true, count: info.functions.count)
    return try VMModule(
      engine, ValidatedModule(info: info, facts: facts),
      Artifact(
        fingerprint: engine.tunables.fingerprint, cpu: [], text: [], functions: [], traps: [], addresses: []))
  }
}

@Suite struct InstantiationTests {
  let engine: VMEngine
  let store: VMStore
  init() throws {
    engine = try World.engine()
    store = try VMStore(engine)
  }

  private func message(_ body: () throws -> VMInstance) -> String? {
    do {
      _ = try body()
      return nil
    } catch { return "\(error)" }
  }

  @Test func constantExpressions() throws {
    var builder = Builder()
    // 1000 - 3 * 7 in i32
    builder.global(.i32, builder.expression([0x41, 0xE8, 0x07, 0x41, 3, 0x41, 7, 0x6C, 0x6B, 0x0B]))
    // 2 + global 0 … as i64: -1 + 5
    builder.global(.i64, builder.expression([0x42, 0x7F, 0x42, 5, 0x7C, 0x0B]))
    // 0 - 1 in i32 is zero-extended
    builder.global(.i32, builder.expression([0x41, 0, 0x41, 1, 0x6B, 0x0B]))
    builder.global(.i32, builder.expression([0x23, 0, 0x41, 1, 0x6A, 0x0B]))
    builder.global(.f32, builder.expression([0x43, 1, 2, 3, 4, 0x0B]))
    builder.global(.f64, builder.expression([0x44, 1, 2, 3, 4, 5, 6, 7, 8, 0x0B]))
    builder.global(.v128, builder.expression([0xFD, 12] + Array(1...16) + [0x0B]))
    builder.global(.funcref, builder.expression([0xD0, 0x70, 0x0B]))
    let instance = try VMInstance(builder.module(engine), in: store, imports: [])
    let lows = (0..<8).map { instance.global($0).get().low }
    #expect(
      lows == [979, 4, 0xFFFF_FFFF, 980, 0x0403_0201, 0x0807_0605_0403_0201, 0x0807_0605_0403_0201, 0])
    #expect(instance.global(6).get().high == 0x100F_0E0D_0C0B_0A09)
  }

  @Test func unreadableExpressionsAreErrors() throws {
    for code in [[], [0x0B], [0x41], [0x41, 1], [0x6A, 0x0B], [0xFB, 0, 0, 0x0B], [0x41, 1, 0x41, 2, 0x0B], [0x23, 9, 0x0B]]
      as [[UInt8]]
    {
      var builder = Builder()
      builder.global(.i32, builder.expression(code))
      #expect(throws: VMError.self) { try VMInstance(builder.module(engine), in: store, imports: []) }
    }
  }

  @Test func activeSegmentsWriteInOrderAndTrap() throws {
    var builder = Builder()
    builder.info.imports = [
      Import(module: "m", name: "memory", description: .memory(MemoryType(limits: SizeLimits(minimum: 1))))
    ]
    builder.info.memories = [MemoryType(limits: SizeLimits(minimum: 1))]
    builder.info.importedMemoryCount = 1
    builder.data([1, 2, 3], .active(index: 0, offset: Builder.i32(10)))
    builder.data([9], .active(index: 0, offset: Builder.i32(11)))
    builder.data([7, 7], .active(index: 0, offset: Builder.i32(65535)))
    builder.data([8], .active(index: 0, offset: Builder.i32(0)))
    let memory = try VMMemory(store, MemoryType(limits: SizeLimits(minimum: 1)))
    let module = try builder.module(engine)
    do {
      _ = try VMInstance(module, in: store, imports: [.memory(memory)])
      Issue.record("no trap")
    } catch let error as VMCallError {
      guard case .trap(let trap) = error else { throw error }
      #expect(trap.code == .memoryOutOfBounds)
    }
    let bytes = unsafe try #require(memory.unsafeBytes(at: 0, count: 65536))
    #expect(unsafe Array(bytes[10..<13]) == [1, 9, 3])
    #expect(unsafe bytes[65535] == 0)
    #expect(unsafe bytes[0] == 0)
  }

  @Test func elementSegmentsFillTables() throws {
    var builder = Builder()
    builder.info.types = [SubType(composite: .function(World.binary))]
    builder.info.recursionGroups = [0..<1]
    builder.info.imports = [Import(module: "m", name: "f", description: .function(type: 0))]
    builder.info.functions = [0]
    builder.info.importedFunctionCount = 1
    builder.info.tables = [
      TableDeclaration(
        type: TableType(element: .funcref, limits: SizeLimits(minimum: 4)),
        initial: ConstantExpression(range: 0..<0, simple: .refFunc(0)))
    ]
    builder.info.elements = [
      ElementSegment(
        type: .funcref, items: .expressions([ConstantExpression(range: 0..<0, simple: .refNull(.func))]),
        mode: .active(index: 0, offset: Builder.i32(2))),
      ElementSegment(type: .funcref, items: .functions([0, 0, 0]), mode: .active(index: 0, offset: Builder.i32(2))),
    ]
    let function = try World.hostFunction(store) { _, _ in }
    let module = try builder.module(engine)
    #expect(throws: VMCallError.self) { try VMInstance(module, in: store, imports: [.function(function)]) }
    let table = VMInstance(store, store.instances[0]).table(0)
    #expect((0..<4).map { table.get($0) } == [function.reference, function.reference, 0, function.reference])
    #expect(store.function(unsafe: try #require(table.get(0))) == function)
    #expect(store.function(unsafe: 0) == nil)
  }

  @Test func importsAreMatched() throws {
    var builder = Builder()
    builder.info.types = [SubType(composite: .function(World.binary))]
    builder.info.recursionGroups = [0..<1]
    let memoryType = MemoryType(limits: SizeLimits(minimum: 2, maximum: 4))
    let tableType = TableType(element: .funcref, limits: SizeLimits(minimum: 1))
    builder.info.imports = [
      Import(module: "m", name: "f", description: .function(type: 0)),
      Import(module: "m", name: "memory", description: .memory(memoryType)),
      Import(module: "m", name: "table", description: .table(tableType)),
      Import(module: "m", name: "global", description: .global(GlobalType(value: .i32, isMutable: true))),
    ]
    builder.info.functions = [0]
    builder.info.memories = [memoryType]
    builder.info.tables = [TableDeclaration(type: tableType)]
    builder.info.globals = [GlobalDeclaration(type: GlobalType(value: .i32, isMutable: true))]
    builder.info.importedFunctionCount = 1
    builder.info.importedMemoryCount = 1
    builder.info.importedTableCount = 1
    builder.info.importedGlobalCount = 1
    let module = try builder.module(engine)

    func memory(_ minimum: UInt64, _ maximum: UInt64?, in store: VMStore, is64: Bool = false) throws -> VMExtern {
      .memory(try VMMemory(store, MemoryType(limits: SizeLimits(minimum: minimum, maximum: maximum), is64: is64)))
    }
    func global(_ type: ValueType, _ isMutable: Bool) -> VMExtern {
      .global(VMGlobal(unsafe: store, VMValueType(type), isMutable: isMutable, initial: AviaryValue(low: 0, high: 0)))
    }
    func table(_ element: ValueType) throws -> VMExtern {
      .table(
        try VMTable(
          unsafe: store, TableType(element: element, limits: SizeLimits(minimum: 1)), element: VMValueType(element)))
    }
    let function = VMExtern.function(try World.hostFunction(store) { _, _ in })
    let good = [function, try memory(2, 4, in: store), try table(.funcref), global(.i32, true)]
    #expect(message { try VMInstance(module, in: store, imports: good) } == nil)

    func refused(_ position: Int, _ item: VMExtern) -> Bool {
      var imports = good
      imports[position] = item
      let message = message { try VMInstance(module, in: store, imports: imports) }
      return message?.hasPrefix("incompatible import type") ?? false
    }
    #expect(refused(0, good[1]))
    #expect(refused(1, try memory(1, 4, in: store)))
    #expect(refused(1, try memory(2, 5, in: store)))
    #expect(refused(1, try memory(2, nil, in: store)))
    #expect(refused(1, try memory(2, 4, in: store, is64: true)))
    #expect(!refused(1, try memory(3, 3, in: store)))
    #expect(refused(2, try table(.externref)))
    #expect(refused(3, global(.i64, true)))
    #expect(refused(3, global(.i32, false)))
    let other = VMFunctionType(parameters: [], results: [])
    #expect(
      refused(
        0,
        .function(
          unsafe VMFunction(
            unsafe: store, try engine.types.register(other), other, thunk: try engine.hostThunk(for: World.binary)
          ) { _, _ in })))

    let stranger = try VMStore(engine)
    var imports = good
    imports[1] = try memory(2, 4, in: stranger)
    #expect(message { try VMInstance(module, in: store, imports: imports) } == VMError.wrongStore.description)
    #expect(message { try VMInstance(module, in: store, imports: Array(good.dropLast())) } == "unknown import m.global")
    #expect(message { try VMInstance(module, in: VMStore(World.engine()), imports: good) } != nil)
  }

  @Test func instancesAreBounded() throws {
    var limits = VMStoreLimits()
    limits.instances = 2
    let store = try VMStore(engine, limits: limits)
    let module = try Builder().module(engine)
    _ = try VMInstance(module, in: store, imports: [])
    _ = try VMInstance(module, in: store, imports: [])
    #expect(throws: VMError.self) { try VMInstance(module, in: store, imports: []) }
  }

  @Test func aFailedInstantiationLeavesTheStoreUsable() throws {
    var limits = VMStoreLimits()
    limits.memories = 3
    let store = try VMStore(engine, limits: limits)
    var builder = Builder()
    builder.info.memories = Array(repeating: MemoryType(limits: SizeLimits(minimum: 1)), count: 4)
    let module = try builder.module(engine)
    #expect(throws: VMError.self) { try VMInstance(module, in: store, imports: []) }
    #expect(store.instances.isEmpty)
    #expect(throws: VMError.self) { try VMMemory(store, MemoryType(limits: SizeLimits(minimum: 1))) }
  }
}
