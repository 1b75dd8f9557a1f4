import AviaryContract
import AviaryCore
package import AviaryPool
import CAviaryContract
import CAviaryHost

/// The owner of everything that guests use: instances, memories, tables, globals,
/// host functions. They live as long as the store, and so do the addresses that
/// machine code knows.
///
/// Used by one thread at a time. Not Sendable; `Aviary` moves it with `sending`.
@safe
package final class VMStore {
  package let engine: VMEngine
  // Stored in private, so that no access of theirs is checked at run time.
  private var ownLimits: VMStoreLimits
  private var ownLimiter: (any VMLimiter)?
  package var limits: VMStoreLimits { ownLimits }
  package var limiter: (any VMLimiter)? {
    get { ownLimiter }
    set { ownLimiter = newValue }
  }

  /// Of all memories of the store: they are under one key. A store that has none moves to where there is room.
  var stripe: Int { ownStripe }
  private var ownStripe: Int
  var host: HostStore
  /// The same as `host.pointer`: one load on the way into the guest.
  let raw: UnsafeMutablePointer<AviaryHostStore>
  /// How far it is open stands in `raw`. nil in `deinit`, where there was none to be had too, and of a store
  /// at rest that had an embedder's.
  var stack: GuestStack?

  /// The error behind a pending or returned `AVIARY_TRAP_HOST`.
  var hostError: (any Error)?

  /// Of all memories.
  var memoryBytes: UInt64 = 0
  /// Whether the store holds one instance with what it brought, as `seal` saw it, and can serve
  /// another tenant.
  var isSealed = false
  /// Of a store that was sealed once: stays as long as the store.
  var seal: UnsafeMutablePointer<StoreSeal>?

  private(set) var instances: [InstanceState] = []
  private(set) var memories: [MemoryState] = []
  /// Those among them that are shared: few, if any.
  private(set) var sharedMemories: [MemoryState] = []
  private(set) var tables: [TableState] = []
  private(set) var hostFunctions: [HostFunctionState] = []
  private(set) var cells: [UnsafeMutablePointer<AviaryValue>] = unsafe []
  /// Of the host's tags: hold the ids of their types.
  private var tagTypes: [TypeRegistration] = []
  /// Instances' contexts. Words of memories and tables stand in them, so they go last.
  private(set) var contexts: [UnsafeMutableRawBufferPointer] = unsafe []

  /// - Throws: `system` where there is no address space for a stack.
  package init(_ engine: VMEngine, limiter: (any VMLimiter)? = nil, limits: VMStoreLimits = VMStoreLimits()) throws(VMError) {
    self.engine = engine
    ownLimiter = limiter
    ownLimits = limits
    ownStripe = engine.nextStripe()
    host = HostStore(engine.deadlines)
    unsafe raw = host.pointer
    stack = try unsafe VMStore.takeStack(engine, raw)
    unsafe raw.pointee.context.guest_pkru = engine.pool?.guestRights(ofStripe: ownStripe) ?? 0
    unsafe raw.pointee.context.owner = Unmanaged.passUnretained(self).toOpaque()
    try prepareInterruption()
  }

  deinit {
    precondition(unsafe raw.pointee.context.activation == nil, "a store ends while its guest runs")
    instances = []
    tables = []
    memories = []
    sharedMemories = []
    if let seal = unsafe seal {
      unsafe seal.pointee.memories.deallocate()
      unsafe seal.pointee.tables.deallocate()
      unsafe seal.deinitialize(count: 1)
      unsafe seal.deallocate()
    }
    if hasChecks { unsafe aviary_epoch_forget(raw) }
    unsafe aviary_exception_clear(raw)
    for unsafe context in unsafe contexts { unsafe engine.freeContext(context) }
    for unsafe cell in unsafe cells { unsafe cell.deallocate() }
    giveStackBack()
  }

  /// Stops this store's guest from any thread.
  package var interrupter: VMInterrupter { interrupter(.embedder) }
  package func interrupter(_ reason: VMInterrupter.Reason) -> VMInterrupter { VMInterrupter(store: host, reason: reason) }

  /// Whether a guest of this store is being run, perhaps suspended in a host function.
  package var isExecuting: Bool { unsafe raw.pointee.context.activation != nil }

  /// Whether its guest is suspended: no thread is inside.
  package var isSuspended: Bool { unsafe aviary_fiber_is_suspended(&raw.pointee.context) }

  // MARK: What the store owns

  func adopt(_ instance: InstanceState) {
    isSealed = false
    instances.append(instance)
  }

  /// Takes over an instance's context.
  func keep(_ context: UnsafeMutableRawBufferPointer) {
    isSealed = false
    unsafe contexts.append(context)
  }

  func checkInstanceLimit() throws(VMError) {
    guard instances.count < limits.instances else {
      throw .limit("the store has reached its limit of \(limits.instances) instances")
    }
  }

  /// Makes a memory that the store owns, after the limiter has agreed.
  ///
  /// - Parameters:
  ///   - group: of the module's memory, where the pool is to prefer slots that had its image.
  ///   - image: initial contents; nil is zeros. Without a pool it has to be nil.
  ///   - cell: see `MemoryState.init`.
  func makeMemory(
    _ type: MemoryType, group: AffinityGroup? = nil, image: MemoryImage? = nil,
    cell: UnsafeMutablePointer<AviaryMemory>?
  ) throws(VMError) -> MemoryState {
    guard memories.count < limits.memories else {
      throw .limit("the store has reached its limit of \(limits.memories) memories")
    }
    if type.isShared {
      try admit(try MemoryPlan(type, tunables: engine.tunables), type)
      return try adopt(try VMSharedMemory(engine, type))
    }
    let plan = try MemoryPlan(type, tunables: engine.tunables, slotBytes: engine.pool?.configuration.maxMemoryBytes)
    try admit(plan, type)
    isSealed = false
    let request = MemoryRequest(group: group, stripe: stripe, image: image, initialBytes: plan.initialBytes)
    let backing: MemoryBacking
    do throws(VMError) { backing = try self.backing(plan, request, isFirst: memories.isEmpty) } catch {
      // There is none: a later attempt counts anew.
      memoryBytes -= plan.initialBytes
      throw error
    }
    let memory = unsafe MemoryState(type, plan, request, backing, cell: cell)
    host.addRegion(memory.region)
    memories.append(memory)
    return memory
  }

  /// This store's view of a shared memory: one and the same each time.
  func adopt(_ shared: VMSharedMemory) throws(VMError) -> MemoryState {
    if let known = sharedMemories.first(where: { $0.shared === shared }) { return known }
    guard memories.count < limits.memories else {
      throw .limit("the store has reached its limit of \(limits.memories) memories")
    }
    isSealed = false
    let memory = MemoryState(shared)
    host.addRegion(memory.region)
    memories.append(memory)
    sharedMemories.append(memory)
    return memory
  }

  /// Ends what one tenant chose, and takes over what the next one does.
  func change(to limits: VMStoreLimits, _ limiter: (any VMLimiter)?) {
    ownLimits = limits
    ownLimiter = limiter
    hostError = nil
    memoryBytes = 0
  }

  /// Memory of the plan, from the pool or of its own.
  ///
  /// - Parameter isFirst: the tenant has no memory yet.
  func backing(_ plan: MemoryPlan, _ request: MemoryRequest, isFirst: Bool) throws(VMError) -> MemoryBacking {
    guard let pool = engine.pool else {
      precondition(request.image == nil, "an image needs a pool")
      return try MemoryBacking(plan)
    }
    return MemoryBacking(try slot(pool, request, isFirst: isFirst))
  }

  /// A slot of the store's stripe. With its first memory the store moves to another one where its own is full.
  @inline(__always)
  func slot(_ pool: MemoryPool, _ request: MemoryRequest, isFirst: Bool) throws(VMError) -> MemorySlot {
    pool.stripeCount == 1 ? try pool.acquire(request) : try stripedSlot(pool, request, isFirst)
  }

  @inline(never)
  private func stripedSlot(_ pool: MemoryPool, _ request: MemoryRequest, _ isFirst: Bool) throws(VMError) -> MemorySlot {
    var request = request
    request.stripe = ownStripe
    // A guest that runs has its rights already.
    request.takesAnyStripe = isFirst && !isExecuting
    let slot = try pool.acquire(request)
    if request.takesAnyStripe {
      ownStripe = pool.stripe(ofSlot: slot.index)
      unsafe raw.pointee.context.guest_pkru = pool.guestRights(ofStripe: ownStripe)
    }
    return slot
  }

  /// The address relative to the memory whose reservation it lies in.
  func memoryOffset(of address: UInt) -> Int64? {
    guard address != 0, let memory = memories.first(where: { $0.region.contains(address) }) else { return nil }
    return Int64(bitPattern: UInt64(address &- memory.base))
  }

  func makeTable(
    _ type: TableType, element: VMValueType, initial: UInt64, cell: UnsafeMutablePointer<AviaryTable>?
  ) throws(VMError) -> TableState {
    guard tables.count < limits.tables else {
      throw .limit("the store has reached its limit of \(limits.tables) tables")
    }
    try admit(type)
    isSealed = false
    let table = unsafe try TableState(type, element: element, initial: initial, cell: cell, engine)
    tables.append(table)
    return table
  }

  func makeCell(_ value: AviaryValue) -> UnsafeMutablePointer<AviaryValue> {
    let cell = UnsafeMutablePointer<AviaryValue>.allocate(capacity: 1)
    isSealed = false
    unsafe cell.initialize(to: value)
    unsafe cells.append(cell)
    return unsafe cell
  }

  /// A tag of the host's: its cell, which is its identity.
  func makeTag(_ registration: TypeRegistration, valueCount: Int) -> UnsafeMutableRawPointer {
    let cell = unsafe UnsafeMutableRawPointer(makeCell(AviaryValue()))
    unsafe cell.storeBytes(
      of: AviaryTag(type_id: registration.ids[0], value_count: UInt32(valueCount), reserved: 0), as: AviaryTag.self)
    tagTypes.append(registration)
    return unsafe cell
  }

  func adopt(_ function: HostFunctionState) {
    isSealed = false
    hostFunctions.append(function)
  }
}
