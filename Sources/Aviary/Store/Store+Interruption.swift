import AviaryPool
import AviaryVM

extension Engine {
  /// Counts the epoch up by one, as each tick does: guests notice at their next check whose deadline it is.
  /// Any thread; nothing happens but with `Interruption.epoch`.
  public func incrementEpoch() { runtime.clock.advance() }

  /// The epoch: how often it was counted up.
  public var currentEpoch: UInt64 { runtime.clock.now }
}

extension Store {
  /// Sets the epoch at which the engine's action is taken next, `ticks` from now: with `.trap` the guest traps at its
  /// next check from then on, until another deadline is set; with `.yield` it is suspended then, and at every epoch
  /// after it. nil is never.
  ///
  /// Not while a guest of the store runs, save from within its host functions.
  /// - Throws: `WasmError.limit` where the engine has no epochs; `.exhausted` where the clock's thread or the store
  ///   could not be made.
  public func setEpochDeadline(ticks: UInt64?) throws(WasmError) { try context.setEpochDeadline(ticks: ticks) }

  /// Fuel that is left to the store's guests: 1 for each operator that they execute (docs/interruption.md). A guest
  /// that needs more traps with `Trap.Code.outOfFuel`, and what it did not do is not charged.
  ///
  /// Not while a guest of the store runs, save from within its host functions.
  /// - Throws: `WasmError.limit` where the engine does not meter; `.exhausted` where the store could not be made.
  public var fuel: UInt64 {
    get throws(WasmError) { try context.metered().fuel }
  }

  /// Sets `fuel`. `UInt64.max` lasts for centuries.
  /// - Throws: as `fuel`.
  public func setFuel(_ fuel: UInt64) throws(WasmError) { try context.metered().fuel = fuel }
}

extension Caller {
  /// `Store.fuel`: what was used up to this call is gone.
  /// - Throws: `WasmError.limit` where the engine does not meter.
  public var fuel: UInt64 {
    get throws(WasmError) { try context.metered().fuel }
  }

  /// `Store.setFuel`: the guest goes on with it.
  /// - Throws: as `fuel`.
  public func setFuel(_ fuel: UInt64) throws(WasmError) { try context.metered().fuel = fuel }

  /// `Store.setEpochDeadline`.
  public func setEpochDeadline(ticks: UInt64?) throws(WasmError) { try context.setEpochDeadline(ticks: ticks) }
}

extension StoreContext {
  final func metered() throws(WasmError) -> VMStore {
    guard engine.configuration.fuelMetering else {
      throw .limit("the engine does not meter fuel: set fuelMetering in its configuration")
    }
    return try runtime()
  }

  final func setEpochDeadline(ticks: UInt64?) throws(WasmError) {
    let interruption = engine.configuration.interruption
    guard interruption.isEpoch else {
      throw .limit("the engine has no epochs: set interruption in its configuration")
    }
    let runtime = try runtime()
    let epoch = ticks.map { engine.runtime.clock.now.addingReportingOverflow($0) }.map { $0.overflow ? .max : $0.partialValue }
    if interruption.yields { return runtime.yield(atEpoch: epoch ?? .max) }
    extras.ownEpochDeadline = epoch ?? .max
    try updateTrapEpoch(runtime)
  }

  /// Whether deadlines of the store are epochs, not points in time.
  final var countsDeadlines: Bool { engine.runtime.clock.tick != nil }

  /// Guests trap some time from now, within two ticks of it, until `popDeadline`. Calls nest.
  /// - Precondition: `countsDeadlines`.
  final func pushDeadline(after nanoseconds: UInt64) throws(WasmError) {
    let runtime = try runtime()
    extras.epochDeadlines.append(engine.runtime.clock.epoch(after: nanoseconds))
    do throws(WasmError) { try updateTrapEpoch(runtime) } catch {
      extras.epochDeadlines.removeLast()
      throw error
    }
  }

  final func popDeadline() {
    extras.epochDeadlines.removeLast()
    // The clock runs already.
    try? updateTrapEpoch(usedRuntime)
  }

  private final func updateTrapEpoch(_ runtime: VMStore) throws(WasmError) {
    let epoch = min(extras.ownEpochDeadline, extras.epochDeadlines.min() ?? .max)
    do throws(VMError) { try runtime.trap(atEpoch: epoch) } catch { throw WasmError(error) }
  }
}
