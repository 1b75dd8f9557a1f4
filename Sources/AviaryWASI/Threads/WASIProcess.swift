public import Aviary
import AviaryPool
import CAviaryWASI
import Synchronization

/// A command whose guest may start threads, as the wasi-threads proposal has it: each is an instance of the same module
/// in a store of its own, on a thread of the system's, over the same shared memory.
///
/// ```swift
/// var configuration = WASI.Configuration(arguments: ["app"])
/// configuration.maximumThreads = 16
/// let wasi = try WASI(configuration)
/// let linker = Linker<Void>(engine)
/// wasi.define(in: linker)
/// let code = try WASIProcess(module, in: linker, of: wasi) { Store(engine) }.run()
/// ```
/// The process ends when `_start` returns, when any thread exits (`proc_exit`) and when one traps or fails: the others
/// are interrupted and waited for. Host functions of the embedder's own that take long keep the end waiting.
///
/// The engine has to have `WasmFeatures.threads`. All threads share the `WASI`'s files and streams; one that waits in
/// a system call keeps none of the others from theirs.
public final class WASIProcess<State>: Sendable {
  private let wasi: WASI
  private let group: ThreadGroup
  private let linked: LinkedModule<State>
  private let makeStore: @Sendable () throws -> sending Store<State>
  private let spawner: Spawner
  private let hasStarted = Atomic<Bool>(false)

  /// Links the module. Shared memories that it imports, and that the linker does not define, are made for this process;
  /// the linker itself stays as it is.
  /// - Parameters:
  ///   - linker: has the functions of `wasi`, and all else that the module imports but `wasi.thread-spawn`.
  ///   - wasi: says how many threads there may be (`Configuration.maximumThreads`). It serves one process at a time.
  ///   - makeStore: called for each thread, on the one that starts it. Fuel and limits are each store's own.
  /// - Throws: what linking throws; `WasmError.host` where threads are not granted.
  public init(
    _ module: Module, in linker: Linker<State>, of wasi: WASI,
    makeStore: @escaping @Sendable () throws -> sending Store<State>
  ) throws {
    guard wasi.maximumThreads > 0 else {
      throw WasmError.host("WASI.Configuration.maximumThreads is 0: the guest may not start threads")
    }
    let group = ThreadGroup(wasi, maximum: wasi.maximumThreads)
    let spawner = Spawner()
    let own = linker.copy()
    own.define("wasi", "thread-spawn") { (_: borrowing Caller<State>, argument: Int32) -> Int32 in
      spawner.spawn(argument)
    }
    for item in module.imports {
      guard case .memory(let type) = item.type, type.isShared, !own.defines(item.module, item.name) else { continue }
      own.define(item.module, item.name, try SharedMemory(module.engine, type))
    }
    let linked = try own.link(module)
    self.wasi = wasi
    self.group = group
    self.linked = linked
    self.makeStore = makeStore
    self.spawner = spawner
    spawner.start = { argument in
      WASIProcess.spawn(argument, group, linked, makeStore)
    }
  }

  deinit { spawner.start = nil }

  /// Runs the command on the calling thread, to its end. Once only.
  /// - Returns: the code that the guest exited with; 0 where `_start` came to its end.
  /// - Throws: what ended the process: the trap or error of the thread that failed first, `WASIInterrupted` after
  ///   `stop()`.
  public func run() throws -> UInt32 {
    guard hasStarted.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else {
      throw WasmError.host("the process was run before")
    }
    group.admitMain()
    let outcome: ThreadGroup.Outcome
    do {
      outcome = .exit(try runMain())
    } catch { outcome = .failure(error) }
    group.end(outcome, by: ThreadGroup.main)
    group.leave(ThreadGroup.main)
    group.join()
    spawner.start = nil
    wasi.resume()
    switch group.outcome {
    case .exit(let code)?: return code
    case .failure(let error)?: throw error
    case nil: preconditionFailure("a process that is over has ended")
    }
  }

  /// The stores of the threads are gone when this returns.
  private func runMain() throws -> UInt32 {
    let store = try makeStore()
    guard group.enter(ThreadGroup.main, try store.interrupter()) else { throw WASIInterrupted() }
    // Instantiation runs guest code, too, which may exit.
    do {
      return try WASI.run(try linked.instantiate(in: store))
    } catch let exit as WASIExit { return exit.code }
  }

  /// Ends all threads, from any thread that is not one of them; `run()` throws `WASIInterrupted`. Returns when they have
  /// left.
  public func stop() { group.end(.failure(WASIInterrupted()), by: nil) }

  // MARK: Threads

  /// `thread-spawn`: the thread's id, or a negative error number.
  private static func spawn(
    _ argument: Int32, _ group: ThreadGroup, _ linked: LinkedModule<State>,
    _ makeStore: @Sendable () throws -> sending Store<State>
  ) -> Int32 {
    let refused = -Int32(Errno.again.code)
    guard let id = group.admit() else { return refused }
    do {
      let store = try makeStore()
      guard group.enter(id, try store.interrupter()) else {
        group.leave(id)
        return refused
      }
      let instance = try linked.instantiate(in: store)
      let entry = try instance.function("wasi_thread_start")
      let type = entry.type
      guard type == FunctionType(parameters: [.i32, .i32]) else {
        throw WasmError.host("wasi_thread_start is of type \(type), not [i32 i32] -> []")
      }
      let thread = GuestThread(id, argument, entry, group)
      try thread.start()
      return Int32(id)
    } catch {
      // What came of it is gone: the store, and the instance with it.
      group.leave(id)
      return refused
    }
  }
}

/// What `thread-spawn` calls: set once the module is linked, and until the process is over.
private final class Spawner: Sendable {
  private let body = Mutex<(@Sendable (Int32) -> Int32)?>(nil)

  var start: (@Sendable (Int32) -> Int32)? {
    get { body.withLock { $0 } }
    set { body.withLock { $0 = newValue } }
  }

  func spawn(_ argument: Int32) -> Int32 { start?(argument) ?? -Int32(Errno.notSupported.code) }
}

/// A thread to be, and then what runs on it.
///
/// Sendable by care: the function's store is its own, and is used by the thread alone once that has started.
private final class GuestThread: @unchecked Sendable {
  private let id: UInt32
  private let argument: Int32
  /// Holds the store.
  private var entry: Function?
  private let group: ThreadGroup

  init(_ id: UInt32, _ argument: Int32, _ entry: Function, _ group: ThreadGroup) {
    self.id = id
    self.argument = argument
    self.entry = entry
    self.group = group
  }

  func start() throws(Errno) {
    let this = unsafe Unmanaged.passRetained(self)
    let error = unsafe aviary_wasi_start_thread(
      "aviary-guest",
      { argument in
        guard let argument = unsafe argument else { return }
        let this = unsafe Unmanaged<GuestThread>.fromOpaque(argument).takeRetainedValue()
        this.run()
      }, this.toOpaque())
    if error != 0 { unsafe this.release() }
    try Kernel.check(error)
  }

  private func run() {
    var outcome: ThreadGroup.Outcome?
    do {
      _ = try entry?([.i32(Int32(id)), .i32(argument)])
    } catch let exit as WASIExit {
      outcome = .exit(exit.code)
    } catch {
      outcome = .failure(error)
    }
    entry = nil
    if let outcome { group.end(outcome, by: id) }
    group.leave(id)
  }
}
