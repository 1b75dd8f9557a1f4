import Aviary
import Testing

/// Engines that differ in whatever code or the runtime does otherwise around a throw.
enum ExceptionFixture {
  struct Kind: Sendable, CustomTestStringConvertible {
    var name: String
    var engine: Engine
    var testDescription: String { name }
  }

  static func engine(_ change: (inout EngineConfiguration) -> Void = { _ in }) -> Engine {
    var configuration = EngineConfiguration()
    configuration.features.insert(.legacyExceptions)
    configuration.maxGuestStack = .mebibytes(1)
    change(&configuration)
    return try! Engine(configuration)
  }

  static let plain = engine()
  static let kinds: [Kind] = [
    Kind(name: "plain", engine: plain),
    Kind(name: "metered", engine: engine { $0.fuelMetering = true }),
    Kind(name: "epochs", engine: engine { $0.interruption = .epoch(tick: .zero, action: .trap) }),
    Kind(name: "explicit", engine: engine { $0.explicitStackChecks = true }),
    Kind(name: "host on guest", engine: engine { $0.hostStack = .guest }),
    Kind(name: "squeezed", engine: engine { $0.hostStackCheck = .squeeze(.kibibytes(256)) }),
    Kind(name: "no AVX", engine: engine { $0.usesBaselineCPU = true }),
  ]

  static func instance(_ engine: Engine, _ wat: String) throws -> Instance {
    try Linker<Void>(engine).instantiate(try engine.compile(wat: wat), in: Store(engine))
  }
}

/// The exception that a body throws.
func wasmException(_ body: () throws -> Void) -> WasmException? {
  do {
    try body()
    return nil
  } catch { return error as? WasmException }
}
