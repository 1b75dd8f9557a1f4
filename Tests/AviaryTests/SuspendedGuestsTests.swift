import Aviary
import AviaryFibers
import Testing

/// Hundreds of guests that are suspended at a time. Long runs are `aviary-fibers`' (Fuzz/README.md).
@Suite struct SuspendedGuestsTests {
  @Test(arguments: ["on demand", "pool"]) func everyoneEndsAsPlanned(_ name: String) async throws {
    var configuration = EngineConfiguration()
    let guests = 200
    if name == "pool" { configuration.allocation = .pooling(PoolingConfiguration(instances: guests, maxMemory: .mebibytes(1))) }
    let outcome = try await SuspendedGuests(seed: 1, guests: guests).run(configuration)
    #expect(outcome.failures == [])
    #expect(outcome.ends.values.reduce(0, +) == 2 * guests)
  }
}
