import AviaryContract
import AviaryCore
import AviaryPool
@testable import AviaryVM
import CAviaryContract
import CAviaryHost
import Testing

@Suite struct InterruptTests {
  @Test func aDeadlineStopsASpinningGuest() throws {
    let world = try World([.init(.spin), .init(.add)])
    for _ in 0..<20 {
      let token = try world.engine.deadlines.schedule(world.store.interrupter, at: MonotonicClock.now + 1_000_000)
      #expect(world.trap(0)?.code == .interrupted)
      world.engine.deadlines.cancel(token)
      #expect(world.trap(1)?.code == .interrupted)
      world.store.interrupter.clear()
      #expect(try world.call(1, 1, 2) == 3)
    }
  }

  @Test func aDeadlineStopsAGuestThatIsMostlyInTheHost() throws {
    let world = try World([.init(.spinImport)], host: { _, slots in slots[0] += 1 })
    for microseconds in 0..<60 {
      let token = try world.engine.deadlines.schedule(
        world.store.interrupter, at: MonotonicClock.now + UInt64(microseconds) * 17_000)
      #expect(world.trap(0)?.code == .interrupted)
      world.engine.deadlines.cancel(token)
      world.store.interrupter.clear()
    }
  }

  @Test func anEarlyInterruptionStopsTheNextEntry() throws {
    let world = try World([.init(.spin), .init(.add)])
    #expect(!world.store.interrupter.interrupt())
    #expect(world.store.interrupter.isInterrupted)
    #expect(world.trap(0)?.code == .interrupted)
    world.store.interrupter.clear()
    #expect(try world.call(1, 1, 2) == 3)
  }

  @Test func aCancelledDeadlineDoesNothing() throws {
    let world = try World([.init(.add)])
    let token = try world.engine.deadlines.schedule(world.store.interrupter, at: MonotonicClock.now + 20_000_000)
    world.engine.deadlines.cancel(token)
    let end = MonotonicClock.now + 60_000_000
    while MonotonicClock.now < end { #expect(try world.call(0, 1, 2) == 3) }
  }

  @Test func nestedGuestsStopOnTheirWayOut() throws {
    // The inner guest spins; the host function between swallows its trap.
    weak var weakWorld: World?
    let world = try World([.init(.callImport), .init(.spin)], host: { _, slots in
      slots[0] = weakWorld!.trap(1) == nil ? 0 : 1
    })
    weakWorld = world
    let token = try world.engine.deadlines.schedule(world.store.interrupter, at: MonotonicClock.now + 1_000_000)
    #expect(world.trap(0)?.code == .interrupted)
    world.engine.deadlines.cancel(token)
  }

  @Test func aStoreIsStoppedAndNoOther() throws {
    // A guest of the second store runs inside of a host function of the first.
    let inner = try World([.init(.add)])
    let world = try World([.init(.spinImport)], host: { _, slots in
      for _ in 0..<1000 { slots[0] = try inner.call(0, 1, 2) }
    })
    let token = try world.engine.deadlines.schedule(world.store.interrupter, at: MonotonicClock.now + 1_000_000)
    #expect(world.trap(0)?.code == .interrupted)
    world.engine.deadlines.cancel(token)
    #expect(try inner.call(0, 2, 3) == 5)
  }

  @Test func threadsOfPoolsAreReached() async throws {
    // Dispatch's and Swift's threads block signals unless told otherwise.
    let codes = await withTaskGroup(of: TrapCode?.self) { group in
      for _ in 0..<4 {
        group.addTask {
          guard let world = try? World([.init(.spin)]),
            (try? world.engine.deadlines.schedule(world.store.interrupter, at: MonotonicClock.now + 2_000_000)) != nil
          else { return nil }
          return world.trap(0)?.code
        }
      }
      return await group.reduce(into: [TrapCode?]()) { $0.append($1) }
    }
    #expect(codes == [.interrupted, .interrupted, .interrupted, .interrupted])
  }

  @Test func epochDeadlines() throws {
    let world = try World([.init(.epoch)])
    try world.store.trap(atEpoch: 2)
    world.engine.clock.advance()
    #expect(try world.call(0) == 7)
    world.engine.clock.advance()
    #expect(world.trap(0)?.code == .interrupted)
    try world.store.trap(atEpoch: 3)
    #expect(try world.call(0) == 7)
  }

  /// Between a charge and the jump that takes it back, and behind a builtin that was charged for, the register has more
  /// than is left.
  @Test(arguments: [(400, 400), (1000, 1000), (1001, 1000), (UInt64.max, 0), (UInt64.max - 100_000, 0)] as [(UInt64, UInt64)])
  func interruptionsGiveNoFuel(_ register: UInt64, _ left: UInt64) throws {
    let world = try World([.init(.spinWithFuel)])
    unsafe world.store.raw.pointee.context.is_metered = 1
    world.store.fuel = 1000
    let token = try world.engine.deadlines.schedule(world.store.interrupter, at: MonotonicClock.now + 1_000_000)
    #expect(world.trap(0, register)?.code == .interrupted)
    world.engine.deadlines.cancel(token)
    #expect(world.store.fuel == left)
  }
}
