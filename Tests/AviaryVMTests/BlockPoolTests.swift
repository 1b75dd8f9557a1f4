import AviaryContract
import AviaryCore
import AviaryPool
@testable import AviaryVM
import CAviaryContract
import Testing

/// Contexts and tables from pools.
@Suite struct BlockPoolTests {
  static func engine(_ change: (inout VMPoolLimits) -> Void) throws -> VMEngine {
    var options = VMEngineOptions()
    var limits = VMPoolLimits()
    change(&limits)
    options.limits = limits
    return try VMEngine(
      tunables: Tunables(), options: options,
      thunks: VMThunkGenerator(
        entry: { _ in GuestFunction.entryThunk.bytes }, host: { _ in GuestFunction.hostThunk.bytes }))
  }
  private static let table = TableType(element: .funcref, limits: SizeLimits(minimum: 3, maximum: nil))

  @Test func limitsAreCheckedAndNamed() throws {
    #expect(throws: VMError.configuration("a pool of 0 instances is not between 1 and \(1 << 24)")) {
      try Self.engine { $0.instances = 0 }
    }
    #expect(throws: VMError.configuration("instances of 63 bytes are not between 64 and \(1 << 30)")) {
      try Self.engine { $0.instanceBytes = 63 }
    }
    #expect(throws: VMError.configuration("tables of 10000001 elements exceed the limit of 10000000")) {
      try Self.engine { $0.tableElements = 10_000_001 }
    }
    #expect(throws: VMError.configuration("16777216 instances of \(1 << 30) bytes exceed the address space")) {
      try Self.engine {
        $0.instances = 1 << 24
        $0.instanceBytes = 1 << 30
      }
    }
  }

  /// Blocks of all sizes, taken, given back and taken again, are disjoint, and as many as there may be.
  @Test(arguments: [512, 5000, 1 << 20] as [UInt64]) func blocksOfAllSizesAreDisjoint(_ largest: UInt64) throws {
    let pool = try BlockPool("blocks", count: 5, bytes: largest)
    let sizes = ([1, 64, 1024, 1025, 4096, 4097, 16384, 16385, 1 << 20] as [UInt64]).filter { $0 <= pool.blockBytes }
    for round in 0..<sizes.count {
      var taken: [(start: UInt, bytes: UInt64)] = []
      for number in 0..<5 {
        let bytes = sizes[(round + number) % sizes.count]
        let block = unsafe try pool.take(bytes)
        unsafe block.initializeMemory(as: UInt8.self, repeating: UInt8(number + 1), count: Int(bytes))
        taken.append((UInt(bitPattern: block), bytes))
      }
      #expect(pool.used == 5)
      #expect(throws: VMError.limit("all 5 blocks of the pool are in use")) { _ = unsafe try pool.take(1) }
      for (number, block) in taken.enumerated() {
        let bytes = unsafe UnsafeRawBufferPointer(
          start: UnsafeRawPointer(bitPattern: block.start), count: Int(block.bytes))
        #expect(unsafe bytes.allSatisfy { $0 == UInt8(number + 1) })
        #expect(block.start % 64 == 0)
      }
      for block in taken {
        unsafe pool.giveBack(UnsafeMutableRawPointer(bitPattern: block.start)!, used: block.bytes)
      }
      #expect(pool.used == 0)
    }
  }

  @Test func exhaustionNamesTheNumber() throws {
    let engine = try Self.engine {
      $0.instances = 2
      $0.tables = 1
    }
    let module = try World.module(engine, [.init(.add)], .init())
    let store = try VMStore(engine)
    for _ in 0..<2 { _ = try VMInstance(module, in: store, imports: []) }
    #expect(throws: VMError.limit("all 2 instances of the pool are in use")) { try VMInstance(module, in: store, imports: []) }
    let first = try VMTable(unsafe: store, Self.table, element: VMValueType(.funcref))
    #expect(throws: VMError.limit("all 1 tables of the pool are in use")) {
      try VMTable(unsafe: store, Self.table, element: VMValueType(.funcref))
    }
    #expect(first.count == 3)
  }

  /// A table that one tenant grew far does not stay so large for the next ones.
  @Test(arguments: [false, true]) func tablesShedWhatTenantsGrew(_ isPooled: Bool) throws {
    let engine = try isPooled ? Self.engine { $0.tableElements = 1_000_000 } : World.engine()
    for minimum in [0, 3, 10_000] as [UInt64] {
      let type = TableType(element: .funcref, limits: SizeLimits(minimum: minimum, maximum: nil))
      let table = unsafe try TableState(type, element: VMValueType(.funcref), initial: 7, cell: nil, engine)
      table.takeSnapshot()
      for _ in 0..<2 {
        table.grow(to: 1_000_000, filling: 9)
        #expect(table.residentElements >= 1_000_000)
        table.shed()
        #expect(table.residentElements <= max(8192, Int(minimum)))
        table.restoreSnapshot()
        #expect(table.count == minimum)
        let elements = unsafe try #require(table.elements(at: 0, count: minimum))
        #expect(unsafe elements.allSatisfy { $0 == 7 })
      }
    }
  }

  /// A memory that there was no room for does not use up the store's limit.
  @Test func refusedMemoriesAreNotCounted() throws {
    var pool = MemoryPoolConfiguration()
    pool.slots = 1
    pool.maxMemoryBytes = 1 << 20
    let engine = try World.engine(pool: pool)
    let type = MemoryType(limits: SizeLimits(minimum: 1, maximum: 4))
    var limits = VMStoreLimits()
    limits.memoryBytes = 1 << 16
    let store = try VMStore(engine, limits: limits)
    do {
      let other = try VMStore(engine)
      _ = try VMMemory(other, type)
      #expect(throws: VMError.self) { try VMMemory(store, type) }
    }
    #expect(try VMMemory(store, type).byteCount == 1 << 16)
  }

  @Test func allGoesBack() throws {
    let engine = try Self.engine {
      $0.instances = 3
      $0.tables = 3
      $0.stacks = 3
    }
    let module = try World.module(engine, [.init(.add)], .init(tables: [Self.table]))
    for _ in 0..<20 {
      for _ in 0..<3 {
        let store = try VMStore(engine)
        _ = try VMInstance(module, in: store, imports: [])
        #expect(engine.contexts?.used == 1 && engine.tables?.used == 1)
      }
    }
    #expect(engine.contexts?.used == 0 && engine.tables?.used == 0 && engine.stacks.counts.used == 0)
  }

  @Test func tablesGrowInPlaceAndShowNothingOld() throws {
    let engine = try Self.engine {
      $0.tables = 1
      $0.tableElements = 20_000
    }
    for round in 1...3 as ClosedRange<UInt64> {
      let store = try VMStore(engine)
      let table = try VMTable(unsafe: store, Self.table, element: VMValueType(.externref), initial: round)
      let base = unsafe table.state.cell.pointee.base
      #expect((0..<3).allSatisfy { table.get($0) == round })
      #expect(try table.grow(by: 4, unsafe: 0) == 3)
      #expect((3..<7).allSatisfy { table.get($0) == 0 })
      #expect(try table.grow(by: 19_994, unsafe: 5) == nil)
      #expect(try table.grow(by: 19_993, unsafe: 0xDEAD) == 7)
      #expect(table.count == 20_000 && table.get(19_999) == 0xDEAD)
      #expect(unsafe table.state.cell.pointee.base == base)
    }
  }

  @Test func whatIsTooLargeIsRefused() throws {
    let engine = try Self.engine {
      $0.tableElements = 2
      $0.instanceBytes = 4096
    }
    let store = try VMStore(engine)
    #expect(throws: VMError.limit("a table of 3 elements exceeds the limit of 2")) {
      try VMTable(unsafe: store, Self.table, element: VMValueType(.funcref))
    }
    let large = try World.module(engine, Array(repeating: .init(.add), count: 200), .init())
    #expect(throws: VMError.limit("an instance of \(large.layout.size) bytes exceeds the pool's 4096")) {
      try VMInstance(large, in: store, imports: [])
    }
  }
}
