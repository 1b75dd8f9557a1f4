package import AviaryContract
package import AviaryCore
package import AviaryPool
import CAviaryContract
import CAviaryHost
import Synchronization

/// Makes the thunks between host and guest: AviaryCodegen's job, handed in by
/// `Aviary`. Position-independent code (docs/abi.md); only the classes of the
/// types matter, so the runtime asks once per shape.
package struct VMThunkGenerator: Sendable {
  package var entry: @Sendable (FunctionType) -> [UInt8]
  package var host: @Sendable (FunctionType) -> [UInt8]
  /// For host functions that do nothing but suspend their guest.
  package var waitingHost: @Sendable (FunctionType) -> [UInt8]
  /// Where GDB is to know of thunks, so that it unwinds through them: the ELF object that
  /// describes one of the name and size at the address.
  package var describe: (@Sendable (_ name: String, _ address: UInt64, _ size: Int) -> [UInt8])?
  package init(
    entry: @escaping @Sendable (FunctionType) -> [UInt8], host: @escaping @Sendable (FunctionType) -> [UInt8],
    waitingHost: (@Sendable (FunctionType) -> [UInt8])? = nil,
    describe: (@Sendable (_ name: String, _ address: UInt64, _ size: Int) -> [UInt8])? = nil
  ) {
    self.entry = entry
    self.host = host
    self.waitingHost = waitingHost ?? host
    self.describe = describe
  }
}

package struct VMEngineOptions: Sendable {
  /// Of every guest stack, what guests may use.
  package var guestStackBytes: UInt64 = 1 << 20
  /// Of every guest stack, what host functions find below that at least, 16 KiB for signals' frames
  /// included. 0: synchronous host functions run on the thread's native stack.
  package var hostStackBytes: UInt64 = 0
  /// Where stacks come from; nil: the engine makes them.
  package var stackProvider: (any VMStackProvider)?
  /// nil: host functions are not tested.
  package var hostCheck: VMHostCheck?
  /// Unused guest stacks that keep their memory for later stores.
  package var pooledStacks = 64
  /// What else there is pools for; nil: instances and tables are made on demand, and stacks as many as the
  /// machine gives.
  package var limits: VMPoolLimits?
  /// nil: every memory has a reservation of its own. Reservation and guard are taken from the tunables.
  package var pool: MemoryPoolConfiguration?
  /// Nanoseconds from one epoch to the next; nil: time does not count them.
  package var epochTick: UInt64?
  /// Guests with epoch checks let others have their turn at each epoch.
  package var yieldsAtEpochs = false
  /// What new tenants have.
  package var initialFuel = UInt64.max
  package var sharedMemories = VMSharedMemoryLimits()
  package init() {}
}

/// What all stores share: types, thunks, stacks, the epoch, deadlines.
@safe
package final class VMEngine: Sendable {
  package let tunables: Tunables
  package let options: VMEngineOptions
  package let types = TypeRegistry()
  package let deadlines = DeadlineService()
  /// Not used where the embedder gives stacks.
  let stacks: StackPool
  let providedStacks: ProvidedStacks?
  let caches = StoreCaches()
  let sharedMemories: SharedMemoryLedger
  /// nil: host functions are called directly.
  let hostChecks: HostCheckLedger?
  /// Of instances' contexts, and of tables' elements; nil: they are made on demand.
  let contexts: BlockPool?
  let tables: BlockPool?
  /// nil: memories are made on demand.
  package let pool: MemoryPool?
  private let stripes = Atomic<Int>(0)
  private let generator: VMThunkGenerator
  private let thunkMemory = ThunkMemory()
  private struct Thunks {
    var entry: [[UInt8]: UInt] = [:]
    var host: [[UInt8]: UInt] = [:]
    var waitingHost: [[UInt8]: UInt] = [:]
    var debugger: [DebuggerRegistration] = []
  }
  private let thunks = Mutex(Thunks())
  package let clock: EpochClock

  /// - Throws: `configuration`, naming the numbers, or `system` where the signal handlers
  ///   cannot be installed.
  package init(
    tunables: Tunables, options: VMEngineOptions = VMEngineOptions(), thunks: VMThunkGenerator
  ) throws(VMError) {
    if let refusal = CPUFeatures.hostRefusal { throw .configuration(refusal) }
    guard tunables.cpu.isSubset(of: .host) else {
      throw .configuration("the settings ask for CPU features that this machine lacks")
    }
    let stack = options.guestStackBytes
    guard stack % Page.size == 0, stack >= 64 << 10, stack <= 1 << 30 else {
      throw .configuration("a guest stack of \(stack) bytes is not a multiple of 4096 between 65536 and \(1 << 30)")
    }
    let hostBytes = options.hostStackBytes
    guard hostBytes % Page.size == 0, hostBytes == 0 || hostBytes >= 64 << 10, hostBytes <= 2 << 30 else {
      throw .configuration(
        "\(hostBytes) bytes of a guest's stack for host functions are not a multiple of 4096 between 65536 and \(2 << 30)")
    }
    let guardBytes = tunables.stackGuardBytes
    guard guardBytes % Page.size == 0, guardBytes >= 1 << 17, guardBytes <= 1 << 30 else {
      throw .configuration("a stack guard of \(guardBytes) bytes is not a multiple of 4096 between 131072 and \(1 << 30)")
    }
    try options.limits?.check()
    Builtins.install()
    let error = aviary_host_install()
    guard error == 0 else { throw Mapping.failure("installing signal handlers", -Int(error), 0) }
    self.tunables = tunables
    self.options = options
    sharedMemories = SharedMemoryLedger(options.sharedMemories)
    hostChecks = options.hostCheck.map { HostCheckLedger($0) }
    // Before the pool of memories, which takes what is left of the address space.
    if let limits = options.limits {
      contexts = try BlockPool("instances", count: limits.instances, bytes: limits.instanceBytes)
      tables = try BlockPool("tables", count: limits.tables, bytes: limits.tableElements * 8)
    } else {
      contexts = nil
      tables = nil
    }
    stacks = StackPool(
      usableBytes: stack + hostBytes, guardBytes: guardBytes, hostBytes: hostBytes, limit: options.limits?.stacks,
      keep: options.pooledStacks)
    if let provider = options.stackProvider {
      providedStacks = try ProvidedStacks(
        provider, usableBytes: stack + hostBytes, hostBytes: hostBytes, guardBytes: guardBytes,
        isChecked: tunables.stackCheck == .explicit)
    } else {
      providedStacks = nil
      if options.limits != nil { try stacks.reserve() }
    }
    if var configuration = options.pool {
      configuration.reservationBytes = tunables.memoryReservationBytes
      configuration.guardBytes = tunables.memoryGuardBytes
      pool = try MemoryPool(configuration)
    } else {
      pool = nil
    }
    generator = thunks
    clock = EpochClock(tick: options.epochTick)
  }

  /// Lets go of everything that is kept for later tenants and not in use.
  package func releaseIdle() {
    _ = caches.drain()
    pool?.trim()
  }

  /// Stripes are given to stores in turn.
  func nextStripe() -> Int {
    guard let pool, pool.stripeCount > 1 else { return 0 }
    return (stripes.add(1, ordering: .relaxed).oldValue & .max) % pool.stripeCount
  }

  /// The code that enters functions of the type; lives as long as the engine.
  package func entryThunk(for type: FunctionType) throws(VMError) -> VMThunk {
    try thunk(type, \.entry, generator.entry, "entry thunk")
  }
  /// The code that guests call for host functions of the type.
  package func hostThunk(for type: FunctionType, waits: Bool = false) throws(VMError) -> VMThunk {
    waits
      ? try thunk(type, \.waitingHost, generator.waitingHost, "waiting host thunk")
      : try thunk(type, \.host, generator.host, "host thunk")
  }

  private func thunk(
    _ type: FunctionType, _ path: WritableKeyPath<Thunks, [[UInt8]: UInt]>, _ generate: (FunctionType) -> [UInt8],
    _ name: String
  ) throws(VMError) -> VMThunk {
    let shape = VMEngine.shape(type)
    let address = try thunks.withLock { thunks throws(VMError) -> UInt in
      if let known = thunks[keyPath: path][shape] { return known }
      let code = generate(type)
      let address = try thunkMemory.publish(code)
      if let describe = generator.describe {
        thunks.debugger.append(try DebuggerRegistration(elf: describe(name, UInt64(address), code.count)))
      }
      thunks[keyPath: path][shape] = address
      return address
    }
    return VMThunk(address: address)
  }

  /// What the ABI tells apart.
  private static func shape(_ type: FunctionType) -> [UInt8] {
    func code(_ value: ValueType) -> UInt8 { value.isReference ? 0x7E : UInt8(truncatingIfNeeded: value.rawValue) }
    return type.parameters.map(code) + [0] + type.results.map(code)
  }
}

/// The address of a thunk of an engine.
package struct VMThunk: Sendable, Hashable {
  let address: UInt
}
