/// How much a pooling engine reserves, and how it brings used memories back to their initial contents.
///
/// The defaults serve up to 1,024 instances of up to 64 MiB each. Sizes are limits: a module that declares more
/// is refused when it is linked, with an error that names both numbers. Reserved address space costs no
/// memory until a guest touches it.
///
/// ```swift
/// configuration.allocation = .pooling(.init(instances: 4096, maxMemory: .mebibytes(16)))
/// configuration.allocation = try .pooling(.fitting(memoryBudget: .gibibytes(8)))
/// ```
public struct PoolingConfiguration: Sendable, Hashable {
  // MARK: How many

  /// Instances alive at a time. One more is `WasmError.limit`; `InstancePool` waits instead.
  public var instances: Int
  /// Linear memories that one module may define.
  public var memoriesPerInstance = 1
  /// Tables that one module may define.
  public var tablesPerInstance = 1
  /// Linear memories alive at a time; nil: `instances × memoriesPerInstance`.
  public var memories: Int?
  /// Tables alive at a time; nil: `instances × tablesPerInstance`.
  public var tables: Int?
  /// Guest stacks that are reserved, one for each store that is alive at a time; nil: `instances`.
  public var stacks: Int?

  // MARK: How large

  /// What one linear memory can grow to. A multiple of 64 KiB.
  public var maxMemory: ByteCount
  /// What one table can grow to.
  public var tableElements = 20_000
  /// State of one instance: globals, imports, the tables' and memories' records.
  public var instanceSize: ByteCount = .mebibytes(1)

  // MARK: How memories are made and reset

  public var memoryInitialization: MemoryInitialization = .automatic
  public var reset: Reset = .automatic
  public var protectionKeys: ProtectionKeys
  /// The most protection keys that are taken; a process has 15, and other libraries may want some.
  public var maxProtectionKeys = 15
  /// Unused memories that stay prepared for the module that used them last; nil: all.
  public var warmMemories: Int?
  /// What one unused memory may keep of the machine's.
  public var keepResident: ByteCount = .mebibytes(1)
  /// What all unused memories together may keep.
  public var residentBudget: ByteCount = .mebibytes(256)
  /// Ranges of memory that are given back to the kernel by one system call; 1 to 1,024.
  public var decommitBatch = 64
  /// Where the machine grants less address space than asked for, the pool is made smaller, and says so in
  /// `Engine.poolReport`. false: making the engine fails.
  public var shrinksToFit = true
  /// Stripes as if there were 15 keys, with nothing behind them: for tests of everything but the protection
  /// itself on machines without keys.
  package var stripesWithoutKeys = false

  /// A pool for that many instances of modules with one memory and one table.
  public init(
    instances: Int = 1024, maxMemory: ByteCount = .mebibytes(64), protectionKeys: ProtectionKeys = .automatic
  ) {
    self.instances = instances
    self.maxMemory = maxMemory
    self.protectionKeys = protectionKeys
  }
}

extension PoolingConfiguration {
  /// The totals with nothing left open.
  package var totalMemories: Int { memories ?? product(instances, memoriesPerInstance) }
  package var totalTables: Int { tables ?? product(instances, tablesPerInstance) }
  package var totalStacks: Int { stacks ?? instances }
  package var totalWarmMemories: Int { min(warmMemories ?? totalMemories, totalMemories) }

  private func product(_ a: Int, _ b: Int) -> Int {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? .max : product
  }
}
