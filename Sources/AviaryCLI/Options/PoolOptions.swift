import ArgumentParser
import Aviary

/// Where the guest's memories come from.
struct PoolOptions: ParsableArguments {
  @Flag(help: "Take memories, tables and stacks from a pool that is reserved in advance.")
  var pool = false

  @Option(
    help: ArgumentHelp(
      "How a pool's memories come to their initial contents: \(MemoryInit.list).", valueName: "how"))
  var memoryInit: MemoryInit?

  @Option(help: ArgumentHelp("How a pool's memories are brought back to them: \(ResetKind.list).", valueName: "how"))
  var reset: ResetKind?

  @Option(
    help: ArgumentHelp(
      "Whether protection keys keep a pool's memories apart: \(Keys.list).",
      discussion: "unenforced: laid out as with keys, but there are none; for tests, not for guests that are not trusted.",
      valueName: "when"))
  var protectionKeys: Keys?

  @Option(help: ArgumentHelp("Instances that a pool holds.", valueName: "count"))
  var poolInstances: Int?

  func validate() throws {
    let needing: [(String, Bool)] = [
      ("--memory-init", memoryInit != nil), ("--reset", reset != nil), ("--protection-keys", protectionKeys != nil),
      ("--pool-instances", poolInstances != nil),
    ]
    for (option, isGiven) in needing where isGiven && !pool { throw ValidationError("\(option) needs --pool") }
  }

  /// - Parameters:
  ///   - maxMemory: what one memory can grow to. Without it 4 GiB: all that a 32-bit memory can have, and
  ///     without protection keys no more address space than less would take.
  ///   - instances: where the command line does not say.
  func allocation(maxMemory: Size?, instances: Int = 1024) -> AllocationStrategy {
    guard pool else { return .onDemand }
    let page: UInt64 = 64 << 10
    // What is no multiple is a limit of the store's; the pool's is the next one.
    let size = maxMemory.map { max($0.bytes.bytes, 1) }.map { $0 > .max - page ? $0 : ($0 + page - 1) / page * page }
    var configuration = PoolingConfiguration(instances: poolInstances ?? instances)
    configuration.maxMemory = size.map { .bytes($0) } ?? .gibibytes(4)
    // A module of the command line is one of a kind: what it may define is bounded by the totals alone.
    configuration.memories = configuration.instances
    configuration.memoriesPerInstance = max(1, min(configuration.instances, 1000))
    configuration.tables = max(configuration.instances, 1000)
    configuration.tablesPerInstance = 1000
    configuration.tableElements = 10_000_000
    configuration.instanceSize = .mebibytes(16)
    if let memoryInit { configuration.memoryInitialization = memoryInit.value }
    if let reset { configuration.reset = reset.value }
    switch protectionKeys {
    case .unenforced: configuration.stripesWithoutKeys = true
    case let keys?: configuration.protectionKeys = keys.value
    case nil: break
    }
    return .pooling(configuration)
  }

  enum MemoryInit: String, ExpressibleByArgument, CaseIterable {
    case automatic, cow, eager
    case userfaultfdThread = "userfaultfd-thread"
    case userfaultfdSignal = "userfaultfd-signal"
    static var list: String { names(allCases) }
    var value: PoolingConfiguration.MemoryInitialization {
      switch self {
      case .automatic: .automatic
      case .cow: .copyOnWrite
      case .eager: .eager
      case .userfaultfdThread: .userfaultfd(.thread)
      case .userfaultfdSignal: .userfaultfd(.signal)
      }
    }
  }

  enum ResetKind: String, ExpressibleByArgument, CaseIterable {
    case automatic, adaptive, scan, decommit
    case keepResident = "keep-resident"
    static var list: String { names(allCases) }
    var value: PoolingConfiguration.Reset {
      switch self {
      case .automatic: .automatic
      case .adaptive: .adaptive
      case .scan: .scan
      case .decommit: .decommit
      case .keepResident: .keepResident
      }
    }
  }

  enum Keys: String, ExpressibleByArgument, CaseIterable {
    case automatic, required, off, unenforced
    static var list: String { names(allCases.filter { $0 != .unenforced }) }
    var value: PoolingConfiguration.ProtectionKeys {
      switch self {
      case .automatic: .automatic
      case .required: .required
      case .off, .unenforced: .off
      }
    }
  }

  private static func names(_ values: [some RawRepresentable<String>]) -> String {
    values.map(\.rawValue).joined(separator: ", ")
  }
}

extension EngineOptions {
  /// What the pool did not get is said on standard error, once.
  /// - Throws: `Failure` for numbers that do not fit, and for what the machine does not have.
  func engine(_ allocation: AllocationStrategy, addingThreads: Bool = false) throws -> Engine {
    var configuration = configuration()
    configuration.allocation = allocation
    if addingThreads { configuration.features.insert(.threads) }
    do throws(WasmError) {
      let engine = try Engine(configuration)
      for notice in engine.poolReport?.notices ?? [] { Console.error("aviary: note: \(notice)") }
      return engine
    } catch {
      throw Failure("\(error)")
    }
  }
}
