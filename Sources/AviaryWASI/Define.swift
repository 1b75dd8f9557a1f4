public import Aviary
import AviaryPool

extension WASI {
  /// How a guest waits for bytes, connections and time: in `fd_read`, `fd_write`, `sock_accept`,
  /// `sock_recv`, `sock_send`, `poll_oneoff` and `sched_yield`.
  public enum Mode: Sendable {
    /// Its thread does, in the kernel.
    case sync
    /// The guest is suspended, and no thread waits: for guests that are called by `async(…)`. One that
    /// is called synchronously, or by a synchronous host function, waits as with `sync`.
    ///
    /// Cancelling the task ends the wait at once, with `CancellationError`; so does the deadline of the call.
    /// Files do not wait for anyone, and are read and written at once, on the guest's thread.
    case async
  }

  /// Defines all functions of preview 1 in a linker, for this one guest.
  ///
  /// The linker's `LinkedModule`s share the guest's files and streams; to give
  /// every store its own, see `define(in:mode:for:)`.
  public func define<State>(in linker: Linker<State>, mode: Mode = .sync) {
    Self.define(in: linker, mode: mode) { _ in self }
  }

  /// Defines all functions of preview 1 in a linker, for guests whose `WASI`
  /// is part of their store's state.
  ///
  /// ```swift
  /// WASI.define(in: linker, mode: .async) { $0.state.wasi }
  /// ```
  public static func define<State>(
    in linker: Linker<State>, mode: Mode = .sync, for wasi: @escaping @Sendable (borrowing Caller<State>) -> WASI
  ) {
    FunctionTable.register(in: LinkerRegistrar(linker: linker, mode: mode, wasi: wasi))
  }

  /// Runs an instance as WASI has it: a command by its `_start`, a reactor's
  /// `_initialize` so that its exports can be called.
  /// - Returns: the code that the guest exited with; 0 where it came to its end.
  /// - Throws: what the guest's call throws, but for `WASIExit`;
  ///   `WasmError.host` where the instance has neither function.
  @discardableResult
  public static func run(_ instance: Instance) throws -> UInt32 {
    do {
      _ = try entry(instance)([])
      return 0
    } catch let exit as WASIExit {
      return exit.code
    }
  }

  /// The same for an instance whose functions suspend it while they wait (`Mode.async`).
  /// - Parameter deadline: ends the guest, also while it waits; nil for none.
  /// - Returns: the code that the guest exited with; 0 where it came to its end.
  /// - Throws: as the synchronous one; `CancellationError` where the task was cancelled.
  @discardableResult
  public nonisolated(nonsending) static func run(
    _ instance: Instance, deadline: ContinuousClock.Instant? = nil
  ) async throws -> UInt32 {
    do {
      _ = try await entry(instance).async([], deadline: deadline)
      return 0
    } catch let exit as WASIExit {
      return exit.code
    }
  }

  private static func entry(_ instance: Instance) throws -> Function {
    let names = ["_start", "_initialize"]
    guard let name = names.first(where: { instance.export($0) != nil }) else {
      throw WasmError.host("the module exports neither _start nor _initialize")
    }
    return try instance.function(name)
  }
}

/// Defines the functions in a linker.
private struct LinkerRegistrar<State>: FunctionRegistrar {
  let linker: Linker<State>
  let mode: WASI.Mode
  let wasi: @Sendable (borrowing Caller<State>) -> WASI

  func add(_ name: String, _ parameters: String, _ body: @escaping Body) {
    let wasi = wasi
    let types = parameters.map { $0 == "I" ? ValueType.i64 : .i32 }
    let count = types.count
    unsafe linker.define(FunctionTable.module, name, parameters: types, results: [.i32]) {
      caller, memory, slots in
      let error = try wasi(caller).perform(unsafe GuestMemory(memory)) {
        (system, memory) throws(Errno) in
        try body(&system, memory, unsafe Arguments(slots, count: count))
      }
      unsafe slots[0] = ValueSlot(low: UInt64(error))
    }
  }

  func addWaiting(_ name: String, _ parameters: String, _ body: @escaping WaitingBody) {
    let wasi = wasi
    let types = parameters.map { $0 == "I" ? ValueType.i64 : .i32 }
    let count = types.count
    guard case .async = mode else {
      unsafe linker.define(FunctionTable.module, name, parameters: types, results: [.i32]) {
        caller, memory, slots in
        let error = try wasi(caller).perform(unsafe GuestMemory(memory), unsafe Arguments(slots, count: count), body)
        unsafe slots[0] = ValueSlot(low: UInt64(error))
      }
      return
    }
    // What the attempt has transferred already goes on in the upper half of the first slot: arguments use the lower.
    unsafe linker.define(
      FunctionTable.module, name, parameters: types, results: [.i32],
      attempt: { caller, slots, canSuspend in
        let memory = unsafe GuestMemory(caller.memoryBytes)
        var call: WaitingCall = canSuspend ? .suspending() : .blocking
        let error = try wasi(caller).attempt(memory, &call, unsafe Arguments(slots, count: count), body)
        guard let error else {
          unsafe slots[0].high = UInt64(call.transferred)
          return false
        }
        unsafe slots[0] = ValueSlot(low: UInt64(error))
        return true
      },
      body: { caller, slots in
        let call = WaitingCall.suspending(transferred: unsafe Int(truncatingIfNeeded: slots[0].high))
        let error = try await wasi(caller).finish(call, unsafe Arguments(slots, count: count), body) {
          // The task may have come to a thread that never was in a guest.
          HostAccess.allow()
          return unsafe GuestMemory(caller.memoryBytes)
        }
        unsafe slots[0] = ValueSlot(low: UInt64(error))
      })
  }

  func addExit(_ name: String) {
    linker.define(FunctionTable.module, name) {
      (caller: borrowing Caller<State>, code: UInt32) throws -> Void in
      throw WASIExit(code: code)
    }
  }

  func addRaise(_ name: String) {
    let wasi = wasi
    linker.define(FunctionTable.module, name) {
      (caller: borrowing Caller<State>, signal: UInt32) throws -> UInt32 in
      try wasi(caller).raise(signal)
    }
  }
}
