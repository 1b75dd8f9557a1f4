import AviaryCodegen
import AviaryContract
import AviaryPool
import AviaryVM
import Synchronization

/// Compiles modules and holds what all stores share. Make one a process.
///
/// Sendable: every method may be called from any thread.
public final class Engine: Sendable {
  /// What the engine was made from.
  public let configuration: EngineConfiguration
  let tunables: Tunables
  let runtime: VMEngine
  /// Tells engines apart, for good: addresses are given again, these numbers are not.
  let serial: UInt64
  /// Where `InstancePool`s wait; nil: nothing to wait for.
  let places: PermitQueue?
  private static let count = Atomic<UInt64>(0)

  /// - Throws: `WasmError.limit` for a configuration that contradicts itself or this machine, naming the
  ///   numbers; `.exhausted` where the signal handlers cannot be installed.
  public init(_ configuration: EngineConfiguration = .init()) throws(WasmError) {
    var tunables = try configuration.checked()
    tunables.cpu = configuration.usesBaselineCPU ? .baseline : .host
    if configuration.avoidsAVX2 { tunables.cpu.subtract([.avx2, .fma]) }
    var options = VMEngineOptions()
    options.guestStackBytes = configuration.maxGuestStack.bytes
    options.hostStackBytes = configuration.hostStackBytes
    options.stackProvider = configuration.stackProvider.map { StackSource(provider: $0) }
    options.epochTick = configuration.interruption.tick
    options.yieldsAtEpochs = configuration.interruption.yields
    options.initialFuel = configuration.initialFuel
    options.sharedMemories = configuration.sharedMemories.runtime
    options.hostCheck = configuration.runtimeHostCheck
    if case .pooling(let pool) = configuration.allocation {
      options.pool = pool.runtime()
      options.limits = pool.runtimeLimits
    }
    let isMetered = tunables.fuelMetering
    do throws(VMError) {
      runtime = try VMEngine(
        tunables: tunables, options: options,
        thunks: VMThunkGenerator(
          entry: { Thunks.entry($0, isMetered: isMetered) }, host: { Thunks.host($0, isMetered: isMetered) },
          waitingHost: { Thunks.host($0, isMetered: isMetered, waits: true) },
          describe: configuration.gdbJIT ? Engine.describe : nil))
    } catch { throw WasmError(error) }
    places = Engine.places(configuration.allocation, runtime)
    serial = Engine.count.add(1, ordering: .relaxed).newValue
    self.tunables = tunables
    self.configuration = configuration
  }

  /// What GDB reads of a thunk.
  private static let describe: @Sendable (String, UInt64, Int) -> [UInt8] = { name, address, size in
    let range = FunctionRange(offset: 0, size: UInt32(clamping: size))
    return DebugObject.elf([FunctionSymbol(name: name, range: range)], textAddress: address, textSize: size)
  }
}
