import AviaryPool
import CAviaryHost
import Testing

@Suite struct MemoryPoolTests {
  static let strategies: [MemoryPoolConfiguration] = [
    .small(),
    .small { $0.decommitBatch = 3 },
    .small { $0.reset = .keepResident; $0.keepResidentBytes = 16 * kibibyte },
    .small { $0.reset = .keepResident; $0.keepResidentBytes = 1 << 20 },
    .small { $0.initialization = .eager },
    .small { $0.initialization = .eager; $0.reset = .keepResident; $0.keepResidentBytes = 20 * kibibyte },
    .small { $0.keys = .unenforced },
  ]

  /// What this machine has of the others.
  static let special: [MemoryPoolConfiguration] = {
    let support = ResetSupport.probe()
    var result: [MemoryPoolConfiguration] = [.small { $0.reset = .automatic }]
    if support.scans { result.append(.small { $0.reset = .scan }) }
    if support.scans && support.protects {
      result.append(.small { $0.reset = .adaptive })
      result.append(.small { $0.reset = .adaptive; $0.keys = .unenforced; $0.residentBudgetBytes = 16 * kibibyte })
    }
    if ProtectionKeys.areSupported {
      result.append(.small { $0.keys = .required })
      result.append(.small { $0.keys = .required; $0.reset = .automatic })
    }
    for initialization in [MemoryPoolConfiguration.Initialization.userfaultfdSignal, .userfaultfdThread] {
      let mode: FaultService.Mode = initialization == .userfaultfdSignal ? .signal : .thread
      guard (try? FaultSupport.check(mode)) != nil else { continue }
      result.append(.small { $0.initialization = initialization })
      result.append(.small { $0.initialization = initialization; $0.decommitBatch = 8; $0.keys = .unenforced })
    }
    return result
  }()
  static let all = strategies + special

  @Test(arguments: all)
  func `a memory reads as its image and zeros, after others too`(configuration: MemoryPoolConfiguration) throws {
    let pool = try MemoryPool(configuration)
    let first = try TestImage(start: 8192, pages: 3, seed: 0x10)
    let second = try TestImage(start: 0, pages: 2, seed: 0x40)
    let groups = [pool.makeGroup(), pool.makeGroup()]
    let most = configuration.maxMemoryBytes
    for round in 0..<24 {
      let image: TestImage? = [first, second, nil][round % 3]
      let group: AffinityGroup? = round % 4 == 3 ? nil : groups[round % 2]
      let initial = 64 * kibibyte * UInt64(round % 3)
      if let image, image.image.start + image.image.count > initial { continue }
      let slot = try pool.acquire(
        MemoryRequest(group: group, stripe: round % pool.stripeCount, image: image?.image, initialBytes: initial))
      #expect(slot.accessibleBytes(of: most) == initial, "round \(round)")
      try slot.grow(to: most)
      // Behind it another stripe's memory may begin.
      #expect(slot.accessibleBytes(of: pool.stripeCount == 1 ? most + page : most) == most)
      let isClean = slot.reads(image, most)
      #expect(isClean, "round \(round)")
      slot.fill(0xee, most)
    }
  }

  @Test func `an image is replaced by none`() throws {
    let pool = try MemoryPool(.small(slots: 1))
    let group = pool.makeGroup()
    let image = try TestImage(start: 0, pages: 2, seed: 9)
    do {
      let slot = try pool.acquire(MemoryRequest(group: group, image: image.image, initialBytes: 64 * kibibyte))
      let isClean = slot.reads(image, 64 * kibibyte)
      #expect(isClean)
    }
    let slot = try pool.acquire(MemoryRequest(group: group, initialBytes: 64 * kibibyte))
    let isClean = slot.reads(nil, 64 * kibibyte)
      #expect(isClean)
  }

  @Test func `an image that ends behind the memory shows after growth, not before`() throws {
    let pool = try MemoryPool(.small(slots: 1))
    let image = try TestImage(start: 4096, pages: 8, seed: 3)
    let group = pool.makeGroup()
    for _ in 0..<3 {
      let slot = try pool.acquire(MemoryRequest(group: group, image: image.image, initialBytes: 12288))
      #expect(slot.accessibleBytes(of: 256 * kibibyte) == 12288)
      try slot.grow(to: 64 * kibibyte)
      let isClean = slot.reads(image, 64 * kibibyte)
      #expect(isClean)
      slot.fill(1, 64 * kibibyte)
    }
  }

  @Test func `a warm slot of the same module takes no system call`() throws {
    let pool = try MemoryPool(.small { $0.decommitBatch = 64 })
    let image = try TestImage(start: 0, pages: 2, seed: 1)
    let request = MemoryRequest(group: pool.makeGroup(), image: image.image, initialBytes: 64 * kibibyte)
    do { _ = try pool.acquire(request) }
    pool.flush()
    let calls = try SystemCalls.during { _ = try pool.acquire(request) }.count
    #expect(calls == 0)
    #expect(pool.statistics.affineAcquisitions == 1)
  }

  @Test func `a full pool says so, and drops what waits first`() throws {
    let pool = try MemoryPool(.small(slots: 2) { $0.decommitBatch = 64 })
    let request = MemoryRequest(group: pool.makeGroup(), initialBytes: page)
    let first = try pool.acquire(request)
    do {
      let second = try pool.acquire(request)
      #expect(throws: VMError.limit("all memories of the pool's 2 are in use")) { _ = try pool.acquire(request) }
      second.write(1, at: 5)
    }
    #expect(pool.statistics.live == 2)
    let third = try pool.acquire(request)
    let isClean = third.reads(nil, page)
      #expect(isClean)
    #expect(third.base != first.base)
  }

  @Test func `requests beyond a slot are refused`() throws {
    let pool = try MemoryPool(.small())
    let most = pool.configuration.maxMemoryBytes
    let image = try TestImage(start: most, pages: 1, seed: 1)
    #expect(throws: VMError.self) { _ = try pool.acquire(MemoryRequest(initialBytes: most + 1)) }
    #expect(throws: VMError.self) { _ = try pool.acquire(MemoryRequest(initialBytes: .max)) }
    #expect(throws: VMError.self) { _ = try pool.acquire(MemoryRequest(image: image.image, initialBytes: 0)) }
    var astray = MemoryRequest(initialBytes: 0)
    astray.stripe = 1
    #expect(throws: VMError.self) { _ = try pool.acquire(astray) }
    let slot = try pool.acquire(MemoryRequest(initialBytes: page))
    #expect(throws: VMError.self) { try slot.grow(to: most + 1) }
    #expect(throws: VMError.self) { try slot.grow(to: .max) }
    #expect(slot.accessibleBytes(of: most) == page)
    try slot.grow(to: 0)
    #expect(slot.accessibleBytes(of: most) == page)
  }

  @Test func `a purged module leaves nothing mapped`() throws {
    let pool = try MemoryPool(.small { $0.decommitBatch = 64 })
    let group = pool.makeGroup()
    weak var remains: MemoryImage?
    let inUse: MemorySlot
    do {
      let image = try TestImage(start: 0, pages: 2, seed: 1)
      remains = image.image
      let request = MemoryRequest(group: group, image: image.image, initialBytes: 64 * kibibyte)
      inUse = try pool.acquire(request)
      _ = try pool.acquire(request)
      #expect(pool.statistics.live == 2)
    }
    pool.purge(group)
    #expect(pool.statistics.warm == 0)
    #expect(remains != nil)
    do { _ = consume inUse }
    pool.flush()
    #expect(remains == nil)
    #expect(pool.statistics.warm == 0)
    #expect(pool.statistics.cold == 4)
  }

  @Test func `a pool lives until its last lease ends`() throws {
    weak var remains: MemoryPool?
    do {
      let slot: MemorySlot
      do {
        let pool = try MemoryPool(.small())
        remains = pool
        slot = try pool.acquire(MemoryRequest(initialBytes: page))
      }
      slot.write(1, at: 0)
      #expect(remains != nil)
    }
    #expect(remains == nil)
  }

  /// In a process of its own: what other tests hold would be counted too.
  @Test func `no pool leaves a file or a mapping`() async {
    await #expect(processExitsWith: .success) {
      func use(_ configuration: MemoryPoolConfiguration) throws {
        let pool = try MemoryPool(configuration)
        let image = try TestImage(start: 0, pages: 2, seed: 1)
        let request = MemoryRequest(group: pool.makeGroup(), image: image.image, initialBytes: 64 * kibibyte)
        for _ in 0..<12 { try pool.acquire(request).write(1, at: 0) }
        let last = try pool.acquire(request)
        last.write(1, at: 5000)
      }
      // The process itself may come to a mapping or a file more, or a thread; not to one for each pool.
      let pools = 40
      for configuration in MemoryPoolTests.all {
        try use(configuration)
        let files = Holdings.files()
        let mappings = Holdings.mappings(in: 0..<UInt.max)
        for _ in 0..<pools { try use(configuration) }
        precondition(Holdings.files() < files + pools / 2, "files are left of \(configuration)")
        precondition(Holdings.mappings(in: 0..<UInt.max) < mappings + pools / 2, "mappings are left of \(configuration)")
      }
    }
  }
}
