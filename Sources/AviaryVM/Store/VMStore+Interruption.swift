import AviaryContract
package import AviaryPool
import CAviaryContract
import CAviaryHost

// Epochs and fuel (docs/interruption.md). Two epochs matter to a store: the one at which its guest traps, and
// the one at which it lets others have their turn. Machine code looks out for whichever comes first.
extension VMStore {
  /// Whether the code of the engine's stores looks at epochs.
  var hasChecks: Bool { unsafe raw.pointee.has_checks != 0 }

  /// The store's words are new.
  func prepareInterruption() throws(VMError) {
    unsafe raw.pointee.context.epoch = UnsafePointer(engine.clock.cell)
    unsafe raw.pointee.has_checks = engine.tunables.epochChecks ? 1 : 0
    unsafe raw.pointee.context.is_metered = engine.tunables.fuelMetering ? 1 : 0
    resetInterruption()
    if engine.options.yieldsAtEpochs { try engine.clock.start() }
  }

  /// What every tenant starts with: nothing of the one before.
  func resetInterruption() {
    fuel = engine.options.initialFuel
    unsafe raw.pointee.yield_epoch = engine.options.yieldsAtEpochs ? engine.clock.now &+ 1 : .max
    trapEpoch = .max
  }

  /// The epoch from which on guests trap with `interrupted` at their checks, until another is set; `.max` is never.
  package private(set) var trapEpoch: UInt64 {
    get { unsafe raw.pointee.trap_epoch }
    set {
      unsafe raw.pointee.trap_epoch = newValue
      unsafe aviary_epoch_look_out(raw)
    }
  }

  /// Sets `trapEpoch`, with the clock running.
  package func trap(atEpoch epoch: UInt64) throws(VMError) {
    if epoch != .max { try engine.clock.start() }
    trapEpoch = epoch
  }

  /// The epoch at which a guest lets others have their turn, if it can be suspended; in any case it does so again
  /// at each one after it. Of an engine whose guests yield.
  package func yield(atEpoch epoch: UInt64) {
    unsafe raw.pointee.yield_epoch = epoch
    unsafe aviary_epoch_look_out(raw)
  }

  /// At a check whose word is set. It may be set in vain.
  func reachCheck(_ context: UnsafeMutablePointer<AviaryVMContext>) {
    let now = engine.clock.now
    if unsafe aviary_interrupt_is_set(raw) || now >= trapEpoch {
      return unsafe Builtins.trap(context, AVIARY_TRAP_INTERRUPTED)
    }
    let isDue = unsafe now >= raw.pointee.yield_epoch
    if isDue { unsafe raw.pointee.yield_epoch = now &+ 1 }
    // Where another thread interrupts at this moment, the words stay set.
    unsafe aviary_epoch_look_out(raw)
    if isDue, let fiber = unsafe aviary_fiber_current(&raw.pointee.context) {
      unsafe aviary_fiber_suspend(fiber, UInt32(AVIARY_REQUEST_YIELD))
    }
  }

  // MARK: Fuel

  /// Whether the code of the engine's stores is metered.
  package var isMetered: Bool { unsafe raw.pointee.context.is_metered != 0 }

  /// Fuel left for guests that are metered. Not while one runs, save from within its host functions.
  package var fuel: UInt64 {
    get { unsafe raw.pointee.context.fuel }
    set { unsafe raw.pointee.context.fuel = newValue }
  }
}
