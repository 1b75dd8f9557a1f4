import AviaryCore
import AviaryPool
import CAviaryContract
import CAviaryHost

/// What `retire` and `revive` walk: the objects of a sealed store, which keeps them. References are not
/// counted, since this happens for every tenant.
@safe
struct StoreSeal {
  let instance: Unmanaged<InstanceState>
  let memories: UnsafeMutableBufferPointer<Unmanaged<MemoryState>>
  let tables: UnsafeMutableBufferPointer<Unmanaged<TableState>>
  /// nil: memories are made on demand.
  let pool: Unmanaged<MemoryPool>?
  /// Where the store rests between two tenants.
  let cache: StoreCache
  /// The same, without counting.
  let restingPlace: Unmanaged<StoreCache>
  /// What the embedder keeps with it.
  let home: AnyObject
  /// Where the guest that the tenant instantiates is known: fixed while the store is sealed.
  let reference: VMInstanceReference
}

// One tenant after the other: a store that holds one instance, which imports nothing but host functions,
// is brought back to its state before the guest's first instruction.
extension VMStore {
  /// Whether nothing was made in the store yet.
  package var isBlank: Bool {
    unsafe instances.isEmpty && memories.isEmpty && tables.isEmpty && hostFunctions.isEmpty && cells.isEmpty
      && contexts.isEmpty
  }

  /// How many objects the store owns: it grows with whatever is made.
  package var objectCount: Int {
    unsafe instances.count + memories.count + tables.count + hostFunctions.count + cells.count + contexts.count
  }

  /// Remembers the state of a store that was blank, and has now one instance that imports nothing but
  /// host functions and has not run. When its tenant leaves (`leave`), it goes to the cache.
  package func seal(_ home: AnyObject, _ cache: StoreCache) {
    guard instances.count == 1, unsafe cells.isEmpty, unsafe contexts.count == 1, unsafe seal == nil,
      memories.count == instances[0].memories.count, tables.count == instances[0].tables.count,
      !memories.contains(where: \.type.isShared)
    else { return }
    instances[0].takeSnapshot()
    let memories = UnsafeMutableBufferPointer<Unmanaged<MemoryState>>.allocate(capacity: memories.count)
    for (index, memory) in self.memories.enumerated() {
      unsafe memories.initializeElement(at: index, to: Unmanaged.passUnretained(memory))
    }
    let tables = UnsafeMutableBufferPointer<Unmanaged<TableState>>.allocate(capacity: tables.count)
    for (index, table) in self.tables.enumerated() {
      unsafe tables.initializeElement(at: index, to: Unmanaged.passUnretained(table))
    }
    let place = UnsafeMutablePointer<StoreSeal>.allocate(capacity: 1)
    unsafe place.initialize(to: StoreSeal(
      instance: .passUnretained(instances[0]), memories: memories, tables: tables,
      pool: engine.pool.map { unsafe .passUnretained($0) }, cache: cache, restingPlace: .passUnretained(cache), home: home,
      reference: VMInstanceReference(VMInstance(self, instances[0]))))
    unsafe seal = place
    isSealed = true
  }

  /// What the embedder gave to `seal`.
  package var home: AnyObject? { unsafe seal?.pointee.home }

  /// The instance of a sealed store.
  /// - Precondition: it was sealed.
  package var soleInstance: VMInstanceReference { unsafe seal.unsafelyUnwrapped.pointee.reference }

  /// The last use of a store by its tenant: it rests in its cache, or goes.
  ///
  /// Unsafe contract: consumes the reference; no other is used any more.
  package static func leave(unsafe store: Unmanaged<VMStore>) {
    let isKept = unsafe store._withUnsafeGuaranteedRef { store in
      guard store.isSealed, store.retire() else { return false }
      return unsafe store.seal.unsafelyUnwrapped.pointee.restingPlace._withUnsafeGuaranteedRef {
        unsafe $0.keep(Unmanaged.passUnretained(store))
      }
    }
    if !isKept { unsafe store.release() }
  }

  /// Gives a store that rested a stack, where it has none, before it is revived.
  ///
  /// Unsafe contract: the store was just taken from its cache.
  /// - Throws: as making a store does; it then consumed the reference.
  package static func wake(unsafe store: Unmanaged<VMStore>) throws {
    do { try unsafe store._withUnsafeGuaranteedRef { try $0.wakeStack() } } catch {
      unsafe leaveAtRest(unsafe: store)
      throw error
    }
  }

  /// As `leave`, for a store that rested and was not revived.
  private static func leaveAtRest(unsafe store: Unmanaged<VMStore>) {
    let isKept = unsafe store._withUnsafeGuaranteedRef { store in
      unsafe store.seal.unsafelyUnwrapped.pointee.restingPlace._withUnsafeGuaranteedRef {
        unsafe $0.keep(Unmanaged.passUnretained(store))
      }
    }
    if !isKept { unsafe store.release() }
  }

  /// Ends a tenant's use: nothing of it is left, and the memories' slots are given back. False where
  /// the store cannot be used again: somebody can still interrupt it, or the system failed.
  private func retire() -> Bool {
    precondition(unsafe raw.pointee.context.activation == nil, "a store ends while its guest runs")
    // An interrupter that outlives the tenant must not hit the next one.
    guard isKnownUniquelyReferenced(&host), restStack() else { return false }
    let seal = unsafe seal.unsafelyUnwrapped
    for index in unsafe seal.pointee.memories.indices {
      unsafe seal.pointee.memories[index]._withUnsafeGuaranteedRef { $0.detach() }
    }
    for index in unsafe seal.pointee.tables.indices {
      unsafe seal.pointee.tables[index]._withUnsafeGuaranteedRef { $0.shed() }
    }
    change(to: VMStoreLimits(), nil)
    unsafe aviary_exception_clear(raw)
    resetInterruption()
    unsafe raw.pointee.interrupted = 0
    unsafe raw.pointee.report = AviaryTrapReport()
    unsafe raw.pointee.embedder = nil
    return true
  }

  /// Makes a retired store what it was when it was sealed, for a new tenant, after asking its limiter.
  ///
  /// - Precondition: its stack was woken.
  /// - Throws: as making an instance does; the store then has an instance that must not run.
  package func revive(_ limits: VMStoreLimits, _ limiter: (any VMLimiter)?) throws {
    change(to: limits, limiter)
    isSealed = false
    let seal = unsafe seal.unsafelyUnwrapped
    try unsafe checkCounts(limits, seal.pointee.memories.count, seal.pointee.tables.count)
    try unsafe seal.pointee.instance._withUnsafeGuaranteedRef { instance in
      instance.restoreSnapshot()
      for index in unsafe seal.pointee.memories.indices {
        try unsafe seal.pointee.memories[index]._withUnsafeGuaranteedRef { memory in
          try admit(memory.plan, memory.type)
          try unsafe attach(memory, seal, isFirst: index == 0)
          unsafe raw.setRegion(index, memory.region)
        }
      }
      for index in unsafe seal.pointee.tables.indices {
        try unsafe seal.pointee.tables[index]._withUnsafeGuaranteedRef { try admit($0.type) }
      }
      try instance.finishRevival()
    }
    isSealed = true
  }

  private func attach(_ memory: MemoryState, _ seal: UnsafeMutablePointer<StoreSeal>, isFirst: Bool) throws {
    guard let pool = unsafe seal.pointee.pool else { return memory.attach(try MemoryBacking(memory.plan)) }
    try unsafe pool._withUnsafeGuaranteedRef { pool in
      memory.attach(MemoryBacking(try slot(pool, memory.request, isFirst: isFirst)))
    }
  }

  private func checkCounts(_ limits: VMStoreLimits, _ memories: Int, _ tables: Int) throws(VMError) {
    guard limits.instances > 0 else {
      throw .limit("the store has reached its limit of \(limits.instances) instances")
    }
    guard memories <= limits.memories else {
      throw .limit("the store has reached its limit of \(limits.memories) memories")
    }
    guard tables <= limits.tables else {
      throw .limit("the store has reached its limit of \(limits.tables) tables")
    }
  }

  /// The embedder's object for the store, for its host functions; unretained.
  package var embedder: UnsafeMutableRawPointer? {
    get { unsafe raw.pointee.embedder }
    set { unsafe raw.pointee.embedder = newValue }
  }
}
