import ArgumentParser
import Aviary

/// What code is generated for: for tests of the code generator, so that all its ways are gone.
struct CodeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Address space of a 32-bit memory, as 4GiB; with less, accesses are checked.", valueName: "size", visibility: .hidden))
  var memoryReservation: Size?

  @Option(help: ArgumentHelp("Guard behind it; accesses with larger offsets are checked.", valueName: "size", visibility: .hidden))
  var memoryGuard: Size?

  @Flag(help: ArgumentHelp("Every function compares the stack pointer with the limit.", visibility: .hidden))
  var explicitStackChecks = false

  @Flag(name: .customLong("no-avx2"), help: ArgumentHelp("Use neither AVX2 nor FMA.", visibility: .hidden))
  var avoidsAVX2 = false

  func apply(to configuration: inout EngineConfiguration) {
    if let memoryReservation { configuration.memoryReservation = memoryReservation.bytes }
    if let memoryGuard { configuration.memoryGuard = memoryGuard.bytes }
    if explicitStackChecks { configuration.explicitStackChecks = true }
    if avoidsAVX2 { configuration.avoidsAVX2 = true }
  }
}
