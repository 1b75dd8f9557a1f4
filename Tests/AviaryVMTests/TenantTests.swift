import AviaryContract
import AviaryCore
import AviaryPool
@testable import AviaryVM
import CAviaryContract
import CAviaryHost
import Testing

/// What the runtime itself owes to the next tenant of a store; `RecyclingTests` has what guests can see.
@Suite struct TenantTests {
  final class Home {}
  final class Limiter: VMLimiter {
    func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> Bool { true }
    func tableGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> Bool { true }
  }

  private func sealed(_ engine: VMEngine, _ cache: StoreCache, _ functions: [World.Function], _ shape: World.Shape = .init())
    throws -> (VMStore, VMInstance)
  {
    let store = try VMStore(engine)
    #expect(store.isBlank)
    let instance = try VMInstance(try World.module(engine, functions, shape), in: store, imports: [])
    store.seal(Home(), cache)
    return (store, instance)
  }

  private func leave(_ store: VMStore) { unsafe VMStore.leave(unsafe: .passRetained(store)) }

  @Test func settingsEndWithTheTenant() throws {
    let engine = try World.engine()
    let cache = StoreCache(engine)
    defer { cache.close() }
    let (store, _) = try sealed(engine, cache, [.init(.add)])
    let words = unsafe store.raw
    try store.trap(atEpoch: 5)
    store.fuel = 17
    store.limiter = Limiter()
    store.hostError = VMError.wrongStore
    store.memoryBytes = 99
    unsafe words.pointee.report.pc = 42
    store.interrupter.interrupt()
    leave(store)
    let next = try #require(unsafe cache.take()?.takeRetainedValue())
    #expect(next === store)
    try next.revive(VMStoreLimits(), nil)
    #expect(next.trapEpoch == .max && next.fuel == .max)
    #expect(next.limiter == nil && next.hostError == nil && next.memoryBytes == 0)
    #expect(unsafe words.pointee.report.pc == 0 && !next.interrupter.isInterrupted)
    #expect(unsafe words.pointee.embedder == nil && words.pointee.thread == 0)
  }

  @Test func regionsAndBasesFollowTheMemory() throws {
    let engine = try World.engine()
    let cache = StoreCache(engine)
    defer { cache.close() }
    let memory = MemoryType(limits: SizeLimits(minimum: 1, maximum: 3))
    for count in 1...3 {
      let (store, _) = try sealed(
        engine, cache, [.init(.load, .memoryOutOfBounds)], .init(memories: Array(repeating: memory, count: count)))
      let instance = store.instances[0]
      for round in 0..<4 {
        leave(store)
        #expect(store.memories.allSatisfy { $0.byteCount == 0 && $0.base == 0 && $0.region.isEmpty })
        #expect(unsafe store.memoryOffset(of: store.raw.pointee.regions[0].start) == nil)
        let again = try #require(unsafe cache.take()?.takeRetainedValue())
        try again.revive(VMStoreLimits(), nil)
        #expect(unsafe instance.context.pointee.memory0_base == instance.memoryCells[0].pointee.base, "round \(round)")
        #expect(unsafe store.raw.pointee.region_count == count)
        for (index, memory) in store.memories.enumerated() {
          #expect(unsafe store.raw.pointee.regions[index].start == memory.region.lowerBound)
          #expect(unsafe store.raw.pointee.regions[index].end == memory.region.upperBound)
          #expect(memory.region.contains(memory.base) && memory.pageCount == 1)
        }
      }
    }
  }

  @Test func trapsAreTheTenantsOwn() throws {
    let engine = try World.engine()
    let cache = StoreCache(engine)
    defer { cache.close() }
    let memory = MemoryType(limits: SizeLimits(minimum: 1, maximum: 3))
    let (store, _) = try sealed(
      engine, cache, [.init(.load, .memoryOutOfBounds), .init(.recurse)], .init(memories: [memory]))
    let thunk = try engine.entryThunk(for: World.binary)
    for _ in 0..<20 {
      for (function, code) in [(0, TrapCode.memoryOutOfBounds), (1, .callStackExhausted)] as [(UInt32, TrapCode)] {
        do {
          _ = try World.call(VMInstance(store, store.instances[0]).function(function), thunk, 65536, 0)
          Issue.record("no trap")
        } catch .trap(let trap) {
          #expect(trap.code == code)
        }
      }
      leave(store)
      // Nothing of a guest that used all of the stack.
      #expect(unsafe aviary_stack_clear(store.raw.pointee.stack_open, store.raw.pointee.stack_high) == store.raw.pointee.stack_high)
      #expect(unsafe store.raw.pointee.stack_high - store.raw.pointee.stack_open <= StackShape.keptOpenBytes)
      try #require(unsafe cache.take()?.takeRetainedValue()).revive(VMStoreLimits(), nil)
    }
  }

  @Test func cachesAreBoundedAndClose() throws {
    let engine = try World.engine()
    let cache = StoreCache(engine)
    var stores: [VMStore] = []
    for _ in 0..<(StoreCache.shardCapacity + 3) { stores.append(try sealed(engine, cache, [.init(.add)]).0) }
    weak let last = stores.last
    for store in stores { leave(store) }
    stores = []
    #expect(cache.count == StoreCache.shardCapacity)
    #expect(last == nil)
    #expect(engine.stacks.counts.used == StoreCache.shardCapacity)
    cache.close()
    #expect(cache.count == 0)
    #expect(engine.stacks.counts.used == 0)
    let (late, _) = try sealed(engine, cache, [.init(.add)])
    leave(late)
    #expect(cache.count == 0)
  }

  /// Idle stores give up their stacks for new ones.
  @Test func restingStoresMakeRoom() throws {
    var options = VMEngineOptions()
    options.limits = VMPoolLimits()
    options.limits?.stacks = 2
    let engine = try VMEngine(
      tunables: Tunables(), options: options,
      thunks: VMThunkGenerator(
        entry: { _ in GuestFunction.entryThunk.bytes }, host: { _ in GuestFunction.hostThunk.bytes }))
    let cache = StoreCache(engine)
    defer { cache.close() }
    for _ in 0..<2 { try leave(sealed(engine, cache, [.init(.add)]).0) }
    var stores = [try VMStore(engine), try VMStore(engine)]
    #expect(throws: VMError.limit("all 2 guest stacks are in use")) { try VMStore(engine) }
    stores = []
    _ = try VMStore(engine)
    #expect(stores.isEmpty)
  }
}
