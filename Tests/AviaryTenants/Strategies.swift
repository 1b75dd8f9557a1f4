public import Aviary
import AviaryPool

/// A way to give tenants their memories, by name.
public struct Strategy: Sendable {
  public var name: String
  public var configuration: EngineConfiguration
  /// Whether a guest that goes beyond its memory is stopped. Not where stripes are laid out with no keys behind
  /// them: what it would find there is a neighbour.
  public var isProtected = true
}

extension Strategy {
  /// On demand, and every combination of initialization and reset, each plain and striped.
  ///
  /// - Parameter memories: how many the pools have; few, so that every slot is used by many tenants, and
  ///   the pool is full now and then.
  public static func all(memories: Int = 40) -> [Strategy] {
    typealias Pool = PoolingConfiguration
    let kinds: [(String, Pool.MemoryInitialization, Pool.Reset)] = [
      ("copy-on-write, automatic", .copyOnWrite, .automatic),
      ("copy-on-write, adaptive", .copyOnWrite, .adaptive),
      ("copy-on-write, scan", .copyOnWrite, .scan),
      ("copy-on-write, keep-resident", .copyOnWrite, .keepResident),
      ("copy-on-write, decommit", .copyOnWrite, .decommit),
      ("eager, automatic", .eager, .automatic),
      ("eager, keep-resident", .eager, .keepResident),
      ("eager, decommit", .eager, .decommit),
      ("userfaultfd thread", .userfaultfd(.thread), .automatic),
      ("userfaultfd signal", .userfaultfd(.signal), .automatic),
    ]
    var strategies = [Strategy(name: "on demand", configuration: EngineConfiguration())]
    for (name, initialization, reset) in kinds {
      for isStriped in [false, true] {
        var pool = PoolingConfiguration(instances: memories, maxMemory: .mebibytes(4))
        pool.memoriesPerInstance = 2
        pool.tablesPerInstance = 2
        pool.memories = memories
        pool.memoryInitialization = initialization
        pool.reset = reset
        // Where the machine has no keys, at least the layout is striped.
        let hasKeys = ProtectionKeys.areSupported
        pool.protectionKeys = isStriped && hasKeys ? .required : .off
        pool.stripesWithoutKeys = isStriped && !hasKeys
        var configuration = EngineConfiguration()
        configuration.allocation = .pooling(pool)
        strategies.append(
          Strategy(
            name: name + (isStriped ? ", striped" : ""), configuration: configuration,
            isProtected: !isStriped || ProtectionKeys.areSupported))
      }
    }
    return strategies
  }
}
