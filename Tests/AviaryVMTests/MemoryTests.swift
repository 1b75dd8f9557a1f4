import AviaryContract
import AviaryCore
import AviaryPool
@testable import AviaryVM
import Testing

@Suite struct MemoryTests {
  private func memory32(_ minimum: UInt64, _ maximum: UInt64? = nil) -> MemoryType {
    MemoryType(limits: SizeLimits(minimum: minimum, maximum: maximum))
  }

  @Test func plansOfKnownCases() throws {
    let tunables = Tunables()
    let zero = try MemoryPlan(memory32(0, 0), tunables: tunables)
    #expect(zero.capacity == 0)
    #expect(zero.behindBase == 6 << 30)
    let full = try MemoryPlan(memory32(65536), tunables: tunables)
    #expect(full.capacity == 4 << 30)
    #expect(full.initialBytes == 4 << 30)
    #expect(throws: VMError.self) { try MemoryPlan(memory32(65537), tunables: tunables) }
    let wide = try MemoryPlan(MemoryType(limits: SizeLimits(minimum: 1, maximum: 1 << 40), is64: true), tunables: tunables)
    #expect(wide.capacity == 64 << 30)
    #expect(wide.behindBase == 64 << 30 + 64 << 10)
    #expect(throws: VMError.self) {
      try MemoryPlan(MemoryType(limits: SizeLimits(minimum: 1 << 48), is64: true), tunables: tunables)
    }
    let bytes = try MemoryPlan(
      MemoryType(limits: SizeLimits(minimum: 5, maximum: 5000), pageSizeLog2: 0), tunables: tunables)
    #expect(bytes.capacity == 5000)
    #expect(bytes.initialBytes == 5)
  }

  @Test func plansHoldTheirPromises() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("MemoryTests seed \(seed)")
    var state = seed
    func random(_ bound: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 11) % bound
    }
    for _ in 0..<2000 {
      var tunables = Tunables()
      tunables.memoryReservationBytes = random(2) == 0 ? 4 << 30 : random(1 << 33)
      tunables.memoryGuardBytes = random(1 << 32)
      tunables.memory64ReservationBytes = random(1 << 40)
      let is64 = random(2) == 0
      let minimum = random(UInt64(1) << random(50))
      let maximum = random(2) == 0 ? nil : minimum + random(UInt64(1) << random(60))
      let type = MemoryType(
        limits: SizeLimits(minimum: minimum, maximum: maximum), is64: is64, pageSizeLog2: random(4) == 0 ? 0 : 16)
      guard let plan = try? MemoryPlan(type, tunables: tunables) else { continue }
      #expect(plan.initialBytes <= plan.capacity)
      #expect(plan.capacity <= plan.behindBase)
      #expect(plan.behindBase % 4096 == 0)
      #expect(plan.frontGuard >= 65536)
      if let maximum { #expect(plan.capacity >> plan.pageSizeLog2 <= maximum) }
      if !is64 {
        #expect(plan.behindBase >= tunables.memoryReservationBytes + tunables.memoryGuardBytes)
        #expect(plan.capacity <= 1 << 32)
      }
    }
  }

  @Test func aMemoryOfZeroPagesStillHasItsGuard() throws {
    let world = try World([.init(.load, .memoryOutOfBounds)], .init(memories: [memory32(0, 0)]))
    for address in [0, 65536, 0xFFFF_FFF8, 0x1_7FFF_FFF8] as [UInt64] {
      #expect(world.trap(0, address)?.code == .memoryOutOfBounds)
    }
    #expect(world.instance.memory(0).holds(0, 0))
    #expect(!world.instance.memory(0).holds(0, 1))
  }

  @Test func hostAccessIsChecked() throws {
    let world = try World([], .init(memories: [memory32(1)]))
    let memory = world.instance.memory(0)
    for (offset, count) in [(65536, 1), (0, 65537), (.max, 1), (1, .max), (.max, .max)] as [(UInt64, UInt64)] {
      #expect(!memory.holds(offset, count))
    }
    #expect(memory.holds(65536, 0))
  }

  @Test func bytesOfGrownPagesAreZero() throws {
    let store = try VMStore(World.engine())
    let memory = try VMMemory(store, memory32(0))
    #expect(try memory.grow(by: 0) == 0)
    #expect(try memory.grow(by: 2) == 0)
    let bytes = unsafe try #require(memory.unsafeBytes(at: 0, count: 131_072))
    #expect(unsafe bytes.allSatisfy { $0 == 0 })
    #expect(try memory.grow(by: 65535) == nil)
    #expect(try memory.grow(by: .max) == nil)
  }

  @Test func storesBoundTheirObjects() throws {
    var limits = VMStoreLimits()
    limits.memories = 2
    limits.tables = 1
    let store = try VMStore(World.engine(), limits: limits)
    _ = try VMMemory(store, memory32(1))
    _ = try VMMemory(store, memory32(1))
    #expect(throws: VMError.self) { try VMMemory(store, memory32(1)) }
    let table = TableType(element: .funcref, limits: SizeLimits(minimum: 1))
    _ = try VMTable(unsafe: store, table, element: VMValueType(.funcref))
    #expect(throws: VMError.self) { try VMTable(unsafe: store, table, element: VMValueType(.funcref)) }
    let huge = TableType(element: .funcref, limits: SizeLimits(minimum: 0xFFFF_FFFF))
    #expect(throws: VMError.self) {
      try VMTable(unsafe: VMStore(World.engine()), huge, element: VMValueType(.funcref))
    }
  }
}

extension VMMemory {
  fileprivate func holds(_ offset: UInt64, _ count: UInt64) -> Bool {
    unsafe unsafeBytes(at: offset, count: count) != nil
  }
}
