import AviaryContract
import AviaryCore
import AviaryPool
@testable import AviaryVM
import CAviaryHost
import Glibc
import Testing

/// Which memory a thread may touch at each way into the guest and out of it.
@Suite(.enabled(if: ProtectionKeys.areSupported, "this machine has no protection keys"))
struct KeyTests {
  static func world(
    _ functions: [GuestFunction], trap: TrapCode? = nil, host: HostBody? = nil
  ) throws -> World {
    var pool = MemoryPoolConfiguration()
    pool.slots = 30
    pool.maxMemoryBytes = 1 << 20
    pool.keys = .required
    var shape = World.Shape(memories: [MemoryType(limits: SizeLimits(minimum: 1, maximum: 4))])
    shape.data = [[1, 2, 3, 4]]
    shape.pool = pool
    return try World(functions.map { .init($0, trap) }, shape, host: host)
  }

  /// The bits of all pools' keys are the same for everybody while a pool lives.
  static func hostRightsAreOpen() -> Bool { aviary_pkru_read() & aviary_keys_get_bits() == 0 }

  func rights(_ world: World) -> UInt64 { UInt64(world.engine.pool!.guestRights(ofStripe: world.store.stripe)) }

  @Test func guestsHaveTheirKeyAloneAndHostsAll() throws {
    let world = try Self.world([.rights])
    let key = world.engine.pool!.keys.keys[world.store.stripe]
    #expect(rights(world) == UInt64(KeyRights.alone(key)))
    for _ in 0..<3 {
      #expect(try world.call(0) == rights(world))
      #expect(Self.hostRightsAreOpen())
    }
  }

  @Test func storesOfOneEngineHaveDifferentKeys() throws {
    let world = try Self.world([.rights])
    var seen: Set<UInt32> = []
    for _ in 0..<world.engine.pool!.stripeCount {
      let store = try VMStore(world.engine)
      let instance = try VMInstance(world.module, in: store, imports: [])
      let found = try World.call(instance.function(0), world.thunk, 0, 0)
      #expect(found == UInt64(world.engine.pool!.guestRights(ofStripe: store.stripe)))
      seen.insert(UInt32(found))
    }
    #expect(seen.count == world.engine.pool!.stripeCount)
  }

  @Test func hostFunctionsMayTouchAllAndGuestsDoNotAfterThem() throws {
    weak var weakWorld: World?
    let world = try Self.world([.importThenRights]) { _, slots in
      slots[0] = Self.hostRightsAreOpen() ? 1 : 0
      try #require(Self.hostRightsAreOpen())
      unsafe weakWorld!.instance.memory(0).unsafeBytes(at: 0, count: 1)![0] = 7
    }
    weakWorld = world
    #expect(try world.call(0) == rights(world))
    #expect(Self.hostRightsAreOpen())
  }

  @Test func builtinsMayTouchMemoryAndGuestsDoNotAfterThem() throws {
    let world = try Self.world([.growThenRights, .fill, .copy16, .initData])
    #expect(try world.call(0, 1) == rights(world))
    #expect(world.instance.memory(0).pageCount == 2)
    _ = try world.call(1, 65536, 4)
    _ = try world.call(2, 100, 65536)
    _ = try world.call(3, 200, 4)
    let memory = world.instance.memory(0)
    #expect(unsafe Array(memory.unsafeBytes(at: 100, count: 5)!) == [0x5a, 0x5a, 0x5a, 0x5a, 0])
    #expect(unsafe Array(memory.unsafeBytes(at: 200, count: 5)!) == [1, 2, 3, 4, 0])
  }

  @Test func trapsOfBothKindsGiveTheHostItsRights() throws {
    let world = try Self.world([.unreachable, .load, .rights], trap: .memoryOutOfBounds)
    for _ in 0..<3 {
      aviary_pkru_write(aviary_pkru_read() | aviary_keys_get_bits())
      #expect(world.trap(0) != nil)
      #expect(Self.hostRightsAreOpen())
      #expect(world.trap(1, 5 << 20)?.code == .memoryOutOfBounds)
      #expect(Self.hostRightsAreOpen())
      #expect(try world.call(2) == rights(world))
    }
  }

  /// In the reach of a guest lie its neighbours' slots: going there is out of bounds.
  @Test func aNeighboursMemoryIsOutOfBounds() throws {
    let world = try Self.world([.load], trap: .memoryOutOfBounds)
    let stores = try (0..<20).map { _ in
      let store = try VMStore(world.engine)
      _ = try VMMemory(store, MemoryType(limits: SizeLimits(minimum: 16, maximum: 16)))
      return store
    }
    let slot = world.engine.pool!.layout.slotBytes
    for distance in 1..<UInt64(world.engine.pool!.stripeCount) {
      #expect(world.trap(0, distance * slot)?.code == .memoryOutOfBounds)
      #expect(world.trap(0, distance * slot + 65528)?.code == .memoryOutOfBounds)
    }
    withExtendedLifetime(stores) {}
  }

  @Test func nestedGuestsHaveTheirRightsAndHostsBetweenThemTheirs() throws {
    weak var weakWorld: World?
    let other = try Self.world([.rights])
    let world = try Self.world([.importThenRights, .rights, .load], trap: .memoryOutOfBounds) { _, slots in
      let world = weakWorld!
      let inner = UInt64(world.engine.pool!.guestRights(ofStripe: world.store.stripe))
      let found = try world.call(1)
      #expect(found == inner)
      #expect(Self.hostRightsAreOpen())
      #expect(world.trap(2, 5 << 20)?.code == .memoryOutOfBounds)
      #expect(Self.hostRightsAreOpen())
      // Another engine's pool shares the keys, and its stripe may be another.
      let foreign = try other.call(0)
      #expect(foreign == UInt64(other.engine.pool!.guestRights(ofStripe: other.store.stripe)))
      #expect(Self.hostRightsAreOpen())
    }
    weakWorld = world
    #expect(try world.call(0) == rights(world))
    #expect(Self.hostRightsAreOpen())
  }

  @Test func interruptionsGiveTheHostItsRights() throws {
    let world = try Self.world([.spin, .rights])
    for _ in 0..<5 {
      let token = try world.engine.deadlines.schedule(world.store.interrupter, at: MonotonicClock.now + 1_000_000)
      #expect(world.trap(0)?.code == .interrupted)
      #expect(Self.hostRightsAreOpen())
      world.engine.deadlines.cancel(token)
      world.store.interrupter.clear()
      #expect(try world.call(1) == rights(world))
    }
  }

  /// A key of another library's: the host's rights to it are as it left them, and guests have none.
  @Test func rightsToOtherKeysAreTheHosts() async {
    // In a process of its own: there may be no key left here.
    await #expect(processExitsWith: .success) {
      let foreign = Int32(aviary_system_key_allocate())
      try #require(foreign > 0)
      let bits = KeyRights.bits(of: foreign)
      let world = try KeyTests.world([.importThenRights, .rights]) { _, _ in
        #expect(aviary_pkru_read() & bits == 0)
        aviary_pkru_write(aviary_pkru_read() | bits)
      }
      #expect(try world.call(1) & UInt64(bits) == UInt64(bits))
      #expect(aviary_pkru_read() & bits == 0)
      #expect(try world.call(0) & UInt64(bits) == UInt64(bits))
      #expect(aviary_pkru_read() & bits == bits)
    }
  }

  // MARK: Threads without rights

  static func withoutRights(_ body: () throws -> Void) rethrows {
    let before = aviary_pkru_read()
    defer { aviary_pkru_write(before) }
    // As a thread has them that was there before the keys.
    aviary_pkru_write(0x5555_5554)
    try body()
  }

  @Test func theAccessorGivesTheThreadItsRights() throws {
    let world = try Self.world([.rights])
    try Self.withoutRights {
      #expect(!Self.hostRightsAreOpen())
      let bytes = try unsafe #require(world.instance.memory(0).unsafeBytes(at: 10, count: 2))
      #expect(Self.hostRightsAreOpen())
      unsafe bytes[1] = 9
      #expect(unsafe bytes[1] == 9)
    }
  }

  @Test func aThreadWithoutRightsEntersAndLeavesWithThem() throws {
    let world = try Self.world([.rights, .load], trap: .memoryOutOfBounds)
    let expected = rights(world)
    try Self.withoutRights {
      let found = try world.call(0)
      #expect(found == expected)
      #expect(Self.hostRightsAreOpen())
    }
    Self.withoutRights {
      #expect(world.trap(1, 5 << 20)?.code == .memoryOutOfBounds)
      #expect(Self.hostRightsAreOpen())
    }
  }

  /// What forgot to ask is mended by the signal handler.
  @Test func theHostsFaultsAreMended() throws {
    let world = try Self.world([.rights])
    let bytes = try unsafe #require(world.instance.memory(0).unsafeBytes(at: 0, count: 65536))
    unsafe bytes[5] = 1
    Self.withoutRights {
      unsafe bytes[5] += 1
      #expect(unsafe bytes[5] == 2)
      #expect(Self.hostRightsAreOpen())
    }
  }

  @Test func faultsUnderOtherKeysAreNotMended() async {
    await #expect(processExitsWith: .signal(SIGSEGV)) {
      let foreign = Int32(aviary_system_key_allocate())
      let world = try KeyTests.world([.rights])
      _ = try world.call(0)
      let page = try Mapping(reserving: 4096, [.read, .write])
      guard foreign > 0, aviary_system_protect_key(page.address, 4096, 3, foreign) == 0 else { return }
      aviary_pkru_write(aviary_pkru_read() | KeyRights.bits(of: foreign))
      unsafe UnsafeMutablePointer<UInt8>(bitPattern: page.address)!.pointee = 1
    }
  }

  @Test func systemCallsReachMemoryThatIsPrepared() throws {
    let world = try Self.world([.rights])
    let bytes = try unsafe #require(world.instance.memory(0).unsafeBytes(at: 0, count: 65536))
    unsafe bytes.initializeMemory(as: UInt8.self, repeating: 3)
    var ends: [Int32] = [0, 0]
    #expect(unsafe pipe(&ends) == 0)
    defer { ends.forEach { close($0) } }
    let (input, output) = (ends[0], ends[1])
    Self.withoutRights {
      #expect(unsafe write(output, bytes.baseAddress!, 4) == -1 && errno == EFAULT)
      unsafe HostAccess.prepareForKernel(UnsafeRawBufferPointer(bytes), willWrite: false)
      #expect(unsafe write(output, bytes.baseAddress!, 4) == 4)
    }
    Self.withoutRights {
      unsafe HostAccess.prepareForKernel(UnsafeRawBufferPointer(bytes), willWrite: true)
      #expect(unsafe read(input, bytes.baseAddress! + 100, 4) == 4)
    }
  }
}
