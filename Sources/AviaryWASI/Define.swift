public import Aviary

extension WASI {
  /// Defines all functions of preview 1 in a linker, for this one guest.
  ///
  /// The linker's `LinkedModule`s share the guest's files and streams; to give
  /// every store its own, see `define(in:for:)`.
  public func define<State>(in linker: Linker<State>) {
    Self.define(in: linker) { _ in self }
  }

  /// Defines all functions of preview 1 in a linker, for guests whose `WASI`
  /// is part of their store's state.
  ///
  /// ```swift
  /// WASI.define(in: linker) { $0.state.wasi }
  /// ```
  public static func define<State>(
    in linker: Linker<State>, for wasi: @escaping @Sendable (borrowing Caller<State>) -> WASI
  ) {
    FunctionTable.register(in: LinkerRegistrar(linker: linker, wasi: wasi))
  }

  /// Runs an instance as WASI has it: a command by its `_start`, a reactor's
  /// `_initialize` so that its exports can be called.
  /// - Returns: the code that the guest exited with; 0 where it came to its end.
  /// - Throws: what the guest's call throws, but for `WASIExit`;
  ///   `WasmError.host` where the instance has neither function.
  @discardableResult
  public static func run(_ instance: Instance) throws -> UInt32 {
    let names = ["_start", "_initialize"]
    guard let name = names.first(where: { instance.export($0) != nil }) else {
      throw WasmError.host("the module exports neither _start nor _initialize")
    }
    do {
      _ = try instance.function(name)([])
      return 0
    } catch let exit as WASIExit {
      return exit.code
    }
  }
}

/// Defines the functions in a linker.
private struct LinkerRegistrar<State>: FunctionRegistrar {
  let linker: Linker<State>
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
    unsafe linker.define(FunctionTable.module, name, parameters: types, results: [.i32]) {
      caller, memory, slots in
      let error = try wasi(caller).perform(unsafe GuestMemory(memory), unsafe Arguments(slots, count: count), body)
      unsafe slots[0] = ValueSlot(low: UInt64(error))
    }
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
