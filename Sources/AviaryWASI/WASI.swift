import Synchronization

/// WASI preview 1 for one guest: the 46 functions of `wasi_snapshot_preview1`
/// over what a `Configuration` grants.
///
/// ```swift
/// let wasi = try WASI(configuration)
/// wasi.define(in: linker)
/// let instance = try linker.instantiate(module, in: store)
/// let code = try WASI.run(instance)
/// ```
///
/// A guest reaches files below its preopened directories and nothing else:
/// the kernel resolves every path, and refuses to leave the directory
/// (`openat2` with RESOLVE_BENEATH). What a guest passes as an argument is
/// checked once, and answered with an error number where it is wrong.
///
/// The folders: `Functions/` has the functions, a file a family, as methods of
/// `System`; `ABI/` the layout of structs, error numbers and rights; `Files/`
/// what descriptors stand for; `Linux/` all system calls, over the C target
/// `CAviaryWASI`.
public final class WASI: Sendable {
  let system: Mutex<System>
  let interrupter: Interrupter?
  let maximumThreads: Int

  /// Opens what the configuration grants.
  /// - Throws: `WASIConfigurationError`.
  public init(_ configuration: Configuration) throws {
    guard (0...65536).contains(configuration.maximumThreads) else {
      throw WASIConfigurationError(message: "maximumThreads is \(configuration.maximumThreads), not between 0 and 65536")
    }
    maximumThreads = configuration.maximumThreads
    if configuration.isInterruptible || maximumThreads > 0 {
      do throws(Errno) { interrupter = try Interrupter() } catch {
        throw WASIConfigurationError("no event descriptor for interruption", error)
      }
    } else {
      interrupter = nil
    }
    system = Mutex(try System(configuration, interrupter))
  }

  /// Ends a call of the guest's that waits, now or later, by throwing
  /// `WASIInterrupted` out of the guest. From any thread; only where
  /// `Configuration.isInterruptible` was set. It stays in force until `resume()`.
  public func interrupt() { interrupter?.signal() }

  /// Lets the guest wait again after `interrupt()`.
  public func resume() { interrupter?.clear() }

  /// Closes everything that the guest has open.
  public func close() {
    system.withLock { $0.descriptors.removeAll() }
  }
}

/// The guest asked to end, by `proc_exit`. It comes out of the call into the
/// guest as it was thrown.
public struct WASIExit: Error, Equatable, Sendable, CustomStringConvertible {
  /// Zero for success.
  public let code: UInt32

  public init(code: UInt32) { self.code = code }

  public var description: String { "the guest exited with code \(code)" }
}

/// `WASI.interrupt()` ended a call that waited.
public struct WASIInterrupted: Error, Equatable, Sendable, CustomStringConvertible {
  public init() {}

  public var description: String { "the guest was interrupted in a system call" }
}
