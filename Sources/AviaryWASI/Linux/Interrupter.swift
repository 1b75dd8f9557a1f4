import CAviaryWASI
import Glibc

/// Ends waits from another thread.
///
/// Every wait includes `handle`, which becomes readable with the signal and
/// stays so until `clear`.
final class Interrupter: Sendable {
  let handle: Handle

  init() throws(Errno) {
    handle = Handle(owning: try Kernel.check(aviary_wasi_event()))
  }

  func signal() { _ = aviary_wasi_signal_event(handle.number) }

  func clear() { _ = aviary_wasi_clear_event(handle.number) }
}
