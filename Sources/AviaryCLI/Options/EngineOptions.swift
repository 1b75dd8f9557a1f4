import ArgumentParser
import Aviary

/// What an engine is made from: shared by all commands that compile.
struct EngineOptions: ParsableArguments {
  @OptionGroup var features: FeatureOptions

  @Option(help: ArgumentHelp("Compile on that many threads; all processors otherwise.", valueName: "count"))
  var threads: Int?

  @Option(help: ArgumentHelp("Size of the guest's stack, as 1MiB.", valueName: "size"))
  var maxStack: Size?

  @Option(help: ArgumentHelp("Meter the guest, and trap when it has executed that many operators.", valueName: "count"))
  var fuel: UInt64?

  @Option(help: ArgumentHelp("Stop guests by checks in their code, which look at a clock of such ticks, as 10ms; by signals otherwise.", valueName: "tick"))
  var epoch: TimeSpan?

  @Flag(
    name: .customLong("relaxed-simd-deterministic"),
    help: "Relaxed vector operators give the same results on every CPU, not the fastest ones.")
  var relaxedSIMDDeterministic = false

  @Flag(
    name: .customLong("canonical-nans"),
    help: "Float operators make no NaN but the canonical one.")
  var nanCanonicalization = false

  @Flag(
    name: .customLong("baseline-cpu"),
    help: "Make code for any x86-64-v2 processor, not just for this one.")
  var usesBaselineCPU = false

  @Flag(help: "Write /tmp/perf-PID.map, so that perf names the guest's functions.")
  var perfMap = false

  @Flag(help: "Tell GDB of the guest's functions.")
  var gdb = false

  func validate() throws {
    if let threads, threads < 1 || threads > 1024 {
      throw ValidationError("--threads is \(threads), and has to be between 1 and 1024")
    }
  }

  func configuration() -> EngineConfiguration {
    var configuration = EngineConfiguration()
    configuration.features = features.features
    configuration.parallelism = threads
    if let maxStack {
      configuration.maxGuestStack = maxStack.bytes
      configuration.fiberStackSize = max(configuration.fiberStackSize, maxStack.bytes)
    }
    if let fuel {
      configuration.fuelMetering = true
      configuration.initialFuel = fuel
    }
    if let epoch { configuration.interruption = .epoch(tick: epoch.duration, action: .trap) }
    configuration.relaxedSIMDDeterministic = relaxedSIMDDeterministic
    configuration.nanCanonicalization = nanCanonicalization
    configuration.usesBaselineCPU = usesBaselineCPU
    configuration.perfMap = perfMap
    configuration.gdbJIT = gdb
    return configuration
  }

  /// - Throws: `Failure` for numbers that do not fit.
  func engine() throws -> Engine {
    do throws(WasmError) {
      return try Engine(configuration())
    } catch {
      throw Failure("\(error)")
    }
  }
}
