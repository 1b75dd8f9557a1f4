import AviaryContract
@testable import AviaryCore
@testable import AviaryPool
@testable import AviaryVM
import CAviaryHost
import Testing

/// Memories that begin with an image hold what segments would have written, byte for byte.
@Suite struct ImageInstantiationTests {
  enum Allocation: String, CaseIterable {
    case onDemand, adaptive, keepResident, eager, faultThread, faultSignal

    /// What this machine permits.
    static let available = allCases.filter { allocation in
      guard let pool = allocation.pool(slots: 1) else { return true }
      return (try? MemoryPool(pool)) != nil
    }

    func pool(slots: Int) -> MemoryPoolConfiguration? {
      var pool = MemoryPoolConfiguration()
      pool.slots = slots
      pool.maxMemoryBytes = 1 << 20
      pool.keys = .off
      switch self {
      case .onDemand: return nil
      case .adaptive: pool.reset = .adaptive
      case .keepResident: pool.reset = .keepResident
      case .eager: pool.initialization = .eager
      case .faultThread: pool.initialization = .userfaultfdThread
      case .faultSignal: pool.initialization = .userfaultfdSignal
      }
      return pool
    }
  }

  static func engine(_ allocation: Allocation, slots: Int = 6) throws -> VMEngine {
    var options = VMEngineOptions()
    options.pool = allocation.pool(slots: slots)
    return try VMEngine(
      tunables: Tunables(), options: options,
      thunks: VMThunkGenerator(
        entry: { _ in GuestFunction.entryThunk.bytes }, host: { _ in GuestFunction.hostThunk.bytes }))
  }

  static func contents(_ memory: VMMemory) throws -> [UInt8] {
    unsafe Array(try #require(unsafe memory.unsafeBytes(at: 0, count: memory.byteCount)))
  }

  static func check(_ planned: ImageModule, _ module: VMModule, _ engine: VMEngine, _ comment: Comment) throws {
    let store = try VMStore(engine)
    let (memories, trapped) = try planned.instantiate(module, in: store)
    #expect(trapped == (planned.traps || planned.elementsTrap), comment)
    for (index, memory) in memories.enumerated() {
      let found = try contents(memory)
      #expect(found.count == planned.expected[index].count, comment)
      if found != planned.expected[index] {
        let place = zip(found, planned.expected[index]).enumerated().first { $0.element.0 != $0.element.1 }
        Issue.record("memory \(index) differs at \(place?.offset ?? -1): \(comment)")
      }
      // For the next one to find, if it is not cleared.
      let all = unsafe try #require(memory.unsafeBytes(at: 0, count: memory.byteCount))
      unsafe all.initializeMemory(as: UInt8.self, repeating: 0xA5)
    }
  }

  @Test func allWaysAreTested() {
    let missing = Set(Allocation.allCases).subtracting(Allocation.available)
    if !missing.isEmpty { print("this machine does not permit: \(missing.map(\.rawValue).sorted())") }
    #expect(Allocation.available.contains(.keepResident) && Allocation.available.contains(.eager))
  }

  @Test(arguments: Allocation.available) func randomModulesStartAsTheStandardSays(_ allocation: Allocation) throws {
    let engine = try Self.engine(allocation)
    var covered = 0
    for seed in UInt64(1)...100 {
      var random = SeededNumbers(seed: seed)
      let planned = ImageModule.random(&random)
      let module = try planned.module(engine)
      covered += module.memories?.isInImage.count { $0 } ?? 0
      // Again and again, in slots of its own and of others.
      for _ in 0..<3 { try Self.check(planned, module, engine, "\(allocation), seed \(seed)") }
    }
    #expect(engine.pool == nil || covered > 100)
  }

  @Test(arguments: Allocation.available) func aFailureInElementsLeavesMemoriesZero(_ allocation: Allocation) throws {
    let engine = try Self.engine(allocation)
    for isBytes in [false, true] {
      var planned = ImageModule()
      let pages: UInt64 = isBytes ? 5000 : 1
      planned.memory(MemoryType(limits: SizeLimits(minimum: pages), pageSizeLog2: isBytes ? 0 : 16))
      planned.memory(MemoryType(limits: SizeLimits(minimum: 3)))
      planned.trappingElements()
      planned.active([1, 2, 3], memory: 0, at: 4997, planned.simple(4997, is64: false))
      planned.active([4], memory: 1, at: 150_000, planned.simple(150_000, is64: false))
      let module = try planned.module(engine)
      for _ in 0..<3 { try Self.check(planned, module, engine, "\(allocation)") }
    }
  }

  @Test(arguments: Allocation.available) func modulesInTurnDoNotSeeEachOther(_ allocation: Allocation) throws {
    let engine = try Self.engine(allocation, slots: 3)
    var random = SeededNumbers(seed: 99)
    var modules: [(ImageModule, VMModule)] = []
    for round in 0..<200 {
      if modules.count < 8 || random.chance(5) {
        if modules.count >= 8 { modules.remove(at: Int.random(in: 0..<modules.count, using: &random)) }
        let planned = ImageModule.random(&random)
        modules.append((planned, try planned.module(engine)))
      }
      let (planned, module) = modules.randomElement(using: &random)!
      try Self.check(planned, module, engine, "\(allocation), round \(round)")
    }
    modules = []
    if let pool = engine.pool { #expect(pool.statistics.live == 0 && pool.statistics.warm == 0) }
  }
}

extension FaultInjectionTests {
  /// Where there is no image, segments are copied.
  @Test func imagesThatCannotBeMadeAreDoneWithout() throws {
    let engine = try ImageInstantiationTests.engine(.adaptive)
    var planned = ImageModule()
    planned.memory(MemoryType(limits: SizeLimits(minimum: 2)))
    planned.active([1, 2, 3], memory: 0, at: 5000, planned.simple(5000, is64: false))
    for operation in [
      AVIARY_SYSTEM_IMAGE_CREATE, AVIARY_SYSTEM_IMAGE_WRITE, AVIARY_SYSTEM_IMAGE_SEAL, AVIARY_SYSTEM_IMAGE_MAP,
    ] {
      let module = try Injection.failing(operations: [operation]) { try planned.module(engine) }
      #expect(module.memories?.image(ofMemory: 0) == nil)
      #expect(module.memories?.isInImage == [false])
      try ImageInstantiationTests.check(planned, module, engine, "without \(operation)")
    }
    let module = try planned.module(engine)
    #expect(module.memories?.isInImage == [true])
    try ImageInstantiationTests.check(planned, module, engine, "with an image")
  }
}
