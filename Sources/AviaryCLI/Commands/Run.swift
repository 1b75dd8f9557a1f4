import ArgumentParser
import Aviary
import AviaryWASI
import Dispatch
import Synchronization

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a module: a WASI command or reactor, or one of its exports.",
    usage: "aviary run [OPTIONS] FILE [ARGUMENTS]...",
    discussion: """
      FILE is a module in the binary or text format, an artifact of `aviary compile`, or "-" for \
      standard input. All that follows FILE goes to the guest, even if it begins with dashes; with \
      --invoke these are the function's arguments: numbers decimal or hexadecimal, floats also inf, nan \
      and nan:0x…, vectors as 0x and 32 digits, null references as null.

      A command's _start is run; of a reactor _initialize, and then the export that --invoke names.

      The exit code is the guest's; 134 where it traps, also by --timeout.
      """)

  @OptionGroup(title: "Compilation") var engine: EngineOptions
  @OptionGroup(title: "Allocation") var pool: PoolOptions
  @OptionGroup(title: "The guest's world") var world: WASIOptions

  @Option(help: ArgumentHelp("Call this export, and print its results.", valueName: "name"))
  var invoke: String?

  @Option(help: ArgumentHelp("Stop the guest after a time, as 500ms or 2s.", valueName: "duration"))
  var timeout: TimeSpan?

  @Flag(
    name: .customLong("async"),
    help: "Suspend the guest where it waits for streams, sockets or time, as servers do, instead of its thread.")
  var isAsync = false

  @Option(help: ArgumentHelp("The most that all memories of the guest may hold, and with --pool each, as 64MiB.", valueName: "size"))
  var maxMemory: Size?

  @Argument(parsing: .captureForPassthrough, help: ArgumentHelp("FILE, then the guest's arguments.", valueName: "file"))
  var command: [String] = []

  func validate() throws {
    // Passing through begins at the first word that is no option of ours.
    switch command.first {
    case nil: throw ValidationError("missing FILE")
    case "--help", "-h": throw CleanExit.helpRequest(Run.self)
    case let word? where word != "-" && word.hasPrefix("-"): throw ValidationError("unknown option \(word)")
    default: break
    }
    if world.wasiThreads, invoke != nil || isAsync {
      throw ValidationError("--wasi-threads runs a command's _start: without --invoke and --async")
    }
  }

  func run() throws {
    let file = try ModuleFile(command[0])
    let engine = try engine.engine(pool.allocation(maxMemory: maxMemory), addingThreads: world.wasiThreads)
    let module = try Progress.during("compiling \(file.displayName)") {
      try file.compile(with: engine, progress: $0)
    }
    let arguments = Array(command.dropFirst())
    let program = file.path.split(separator: "/").last.map(String.init) ?? file.path
    let wasi = try world.wasi(arguments: [program] + (invoke == nil ? arguments : []), isInterruptible: timeout != nil && !isAsync)
    var code: UInt32 = 0
    do {
      if world.wasiThreads {
        code = try threaded(module, wasi)
      } else if isAsync {
        try waitFor { try await suspending(module, arguments, wasi) }
      } else {
        try limited(Store(engine, limits: limits), wasi) { store in
          let linker = Linker<Void>(engine)
          wasi.define(in: linker)
          let instance = try linker.instantiate(module, in: store)
          for step in try steps(of: instance, arguments) { try step.show(step.function(step.arguments)) }
        }
      }
    } catch let exit as WASIExit {
      code = exit.code
    } catch let failure as Failure {
      throw Failure("\(file.displayName): \(failure)", exitCode: failure.exitCode)
    } catch {
      throw Failure(path: file.displayName, guest: error)
    }
    if code != 0 { throw Failure.silent(Self.exitCode(code)) }
  }

  private var limits: StoreLimits { StoreLimits(memory: maxMemory?.bytes) }

  /// One call of the host's.
  private struct Step {
    let function: Function
    var arguments: [Value] = []
    var printsResults = false

    func show(_ results: [Value]) {
      guard printsResults else { return }
      for result in results { print(ValueText.print(result)) }
    }
  }

  /// What there is to run.
  private func steps(of instance: Instance, _ arguments: [String]) throws -> [Step] {
    func function(_ name: String) -> Function? {
      if case .function(let function) = instance.export(name) { function } else { nil }
    }
    guard let invoke else {
      if let entry = function("_start") ?? function("_initialize") { return [Step(function: entry)] }
      let functions = instance.exports.compactMap { if case .function = $0.value { $0.name } else { nil } }
      // The start function, if there is one, has been run.
      guard instance.module.hasStartFunction || functions.isEmpty else {
        throw Failure(
          "nothing to run: no export _start or _initialize; --invoke can call "
            + functions.prefix(10).joined(separator: ", ") + (functions.count > 10 ? ", …" : ""))
      }
      return []
    }
    let invoked = try instance.function(invoke)
    let step = Step(
      function: invoked, arguments: try invoked.type.arguments(from: arguments, of: invoke), printsResults: true)
    guard invoke != "_initialize", let initialize = function("_initialize") else { return [step] }
    return [Step(function: initialize), step]
  }

  /// The same as a task, on whose thread nobody waits.
  private func suspending(_ module: Module, _ arguments: [String], _ wasi: WASI) async throws {
    let linker = Linker<Void>(module.engine)
    wasi.define(in: linker, mode: .async)
    let deadline = timeout.map { ContinuousClock.now + $0.duration }
    do {
      let instance = try await linker.instantiate(module, in: Store(module.engine, limits: limits))
      for step in try steps(of: instance, arguments) {
        step.show(try await step.function.async(step.arguments, deadline: deadline))
      }
    } catch WasmError.trap(let trap) where trap.code == .interrupted {
      throw stopped("", "\n\(TrapReport.text(trap))")
    }
  }

  /// A process of several threads.
  private func threaded(_ module: Module, _ wasi: WASI) throws -> UInt32 {
    let engine = module.engine
    let limits = limits
    let linker = Linker<Void>(engine)
    wasi.define(in: linker)
    let process = try WASIProcess(module, in: linker, of: wasi) { Store(engine, limits: limits) }
    if let duration = timeout?.duration {
      DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(Int(clamping: duration.nanosecondCount))) {
        process.stop()
      }
    }
    do {
      return try process.run()
    } catch is WASIInterrupted { throw stopped("") }
  }

  private func stopped(_ place: String, _ details: String = "") -> Failure {
    let duration = timeout.map { " after \($0.duration)" } ?? ""
    return Failure("stopped\(duration)\(place)\(details)", exitCode: TrapReport.exitCode)
  }

  /// Runs the guest, no longer than --timeout allows.
  private func limited<Result>(_ store: Store<Void>, _ wasi: WASI, _ body: (Store<Void>) throws -> Result) throws -> Result {
    guard let duration = timeout?.duration else { return try body(store) }
    // A guest that waits in a system call is outside of the store's reach.
    DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(Int(clamping: duration.nanosecondCount))) {
      wasi.interrupt()
    }
    do {
      return try store.withDeadline(after: duration) { try body(store) }
    } catch is WASIInterrupted {
      throw stopped(" in a system call")
    } catch WasmError.trap(let trap) where trap.code == .interrupted {
      throw stopped("", "\n\(TrapReport.text(trap))")
    }
  }

  /// A process has 8 bits for it; what is no success stays none.
  static func exitCode(_ code: UInt32) -> Int32 {
    let low = Int32(code & 0xFF)
    return code != 0 && low == 0 ? 1 : low
  }
}

/// Runs asynchronous work, and keeps the command's thread waiting for its end.
private func waitFor(_ body: @escaping @Sendable () async throws -> Void) throws {
  let outcome = Outcome()
  Task {
    do { try await body() } catch { outcome.error.withLock { $0 = error } }
    outcome.end.signal()
  }
  outcome.end.wait()
  if let error = outcome.error.withLock({ $0 }) { throw error }
}

private final class Outcome: Sendable {
  let error = Mutex<(any Error)?>(nil)
  let end = DispatchSemaphore(value: 0)
}
