import Aviary

/// Runs tenants' transforms: a guest for each stream, a record at a time.
///
/// A guest that waits for the catalogue holds no thread. One that fails, or takes longer than `deadline`
/// for a record, is replaced; no other tenant notices. Sendable: any number of streams at a time, as many guests
/// as the engine's pool has room for; further ones wait.
public final class TransformHost: Sendable {
  public struct Settings: Sendable {
    /// Guests at a time.
    public var guests = 2048
    public var memory: ByteCount = .mebibytes(1)
    /// For one record, lookups included.
    public var deadline: Duration = .milliseconds(250)
    /// What one record may become.
    public var outputBytes = 1 << 20
    /// Changes the engine's configuration at last: tests squeeze host functions' stacks by it.
    public var configure: @Sendable (inout EngineConfiguration) -> Void = { _ in }
    public init() {}
  }

  /// What runs the guests: its pool's statistics, and what host functions use of their stacks.
  public let engine: Engine
  private let settings: Settings
  private let guests: InstancePool<Work>

  /// A module, in either of its formats.
  public enum Guest: Sendable {
    case binary([UInt8])
    case text(String)
  }

  /// - Throws: `WasmError` for a guest that is not valid or imports what there is not.
  public init(_ guest: Guest, catalogue: some Catalogue, settings: Settings = Settings()) throws {
    self.settings = settings
    var configuration = EngineConfiguration()
    configuration.allocation = .pooling(.init(instances: settings.guests, maxMemory: settings.memory))
    settings.configure(&configuration)
    engine = try Engine(configuration)
    let module = switch guest {
    case .binary(let bytes): try engine.compile(bytes)
    case .text(let text): try engine.compile(wat: text)
    }
    let plugin = try Self.linker(engine, catalogue, settings.outputBytes).link(module)
    guests = InstancePool(plugin, limits: .init(memory: settings.memory)) { Work() }
  }

  /// Transforms a tenant's records in their order. `emit` is given each record's outcome.
  ///
  /// - Throws: `CancellationError`; what `emit` and the sequence throw; what keeps a guest from being made.
  public nonisolated(nonsending) func run<Records: AsyncSequence>(
    tenant: String, _ records: Records, emit: nonisolated(nonsending) (Outcome) async throws -> Void
  ) async throws where Records.Element == Record {
    var iterator = records.makeAsyncIterator()
    var next = try await iterator.next(isolation: #isolation)
    // A guest for as long as it does well.
    while next != nil {
      try await guests.withStore { store, instance in
        store.state.tenant = tenant
        let onRecord = try instance.function("on_record", as: (() -> Void).self)
        var isWell = true
        while isWell, let record = next {
          store.state.record = record
          store.state.output = []
          do {
            try await onRecord.async(deadline: .now + settings.deadline)
            try await emit(.transformed(store.state.output))
          } catch let error as WasmError {
            isWell = false
            try await emit(.failed(record, reason: "\(error)"))
          }
          next = try await iterator.next(isolation: #isolation)
        }
      }
    }
  }
}
