import Aviary

/// Engines whose code for vectors differs: with all that this machine has and with the least, with guard pages and
/// without, with checks in loops and prologues.
enum VectorFixture {
  static func engine(_ change: (inout EngineConfiguration) -> Void = { _ in }) -> Engine {
    var configuration = EngineConfiguration()
    configuration.features = .all
    change(&configuration)
    return try! Engine(configuration)
  }

  static let plain = engine()
  static let baseline = engine { $0.usesBaselineCPU = true }
  static let checked = engine {
    $0.memoryReservation = .mebibytes(1)
    $0.memoryGuard = .kibibytes(64)
    $0.explicitStackChecks = true
  }
  static let metered = engine {
    $0.fuelMetering = true
    $0.interruption = .epoch(tick: .zero, action: .trap)
  }
  static let baselineMetered = engine {
    $0.usesBaselineCPU = true
    $0.fuelMetering = true
    $0.explicitStackChecks = true
  }
  static let names = ["plain", "baseline", "checked", "metered", "baselineMetered"]
  static func named(_ name: String) -> Engine {
    switch name {
    case "baseline": baseline
    case "checked": checked
    case "metered": metered
    case "baselineMetered": baselineMetered
    default: plain
    }
  }

  static func instance(_ wat: String, _ engine: Engine = plain, _ define: (Linker<Void>) -> Void = { _ in }) throws -> Instance {
    let linker = Linker<Void>(engine)
    define(linker)
    let store = Store(engine)
    if case .epoch = engine.configuration.interruption { try store.setEpochDeadline(ticks: 1 << 40) }
    return try linker.instantiate(try engine.compile(wat: wat), in: store)
  }
}

/// Numbers that are the same in each run.
struct VectorRandom: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  mutating func vector() -> V128 { V128(low: next(), high: next()) }
}
