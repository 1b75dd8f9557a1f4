import AviaryContract

/// Compiles modules and holds what all stores share. Make one a process.
///
/// Sendable: every method may be called from any thread.
public final class Engine: Sendable {
  public let configuration: EngineConfiguration
  let tunables: Tunables

  /// - Throws: `WasmError.limit` for a configuration that contradicts itself or this machine.
  public init(_ configuration: EngineConfiguration = .init()) throws(WasmError) {
    tunables = try configuration.checked()
    self.configuration = configuration
  }
}
