import ArgumentParser
import Aviary
import AviaryWASI
import Dispatch

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
  }

  func run() throws {
    let file = try ModuleFile(command[0])
    let engine = try engine.engine(pool.allocation(maxMemory: maxMemory))
    let module = try Progress.during("compiling \(file.displayName)") {
      try file.compile(with: engine, progress: $0)
    }
    let arguments = Array(command.dropFirst())
    let program = file.path.split(separator: "/").last.map(String.init) ?? file.path
    let wasi = try world.wasi(arguments: [program] + (invoke == nil ? arguments : []), isInterruptible: timeout != nil)
    let code: UInt32
    do {
      code = try limited(Store(engine, limits: StoreLimits(memory: maxMemory?.bytes)), wasi) { store in
        let linker = Linker<Void>(engine)
        wasi.define(in: linker)
        return try run(try linker.instantiate(module, in: store), arguments)
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

  /// Runs what there is to run.
  /// - Returns: the guest's exit code.
  private func run(_ instance: Instance, _ arguments: [String]) throws -> UInt32 {
    guard let invoke else {
      if instance.export("_start") != nil || instance.export("_initialize") != nil { return try WASI.run(instance) }
      let functions = instance.exports.compactMap { if case .function = $0.value { $0.name } else { nil } }
      // The start function, if there is one, has been run.
      guard instance.module.hasStartFunction || functions.isEmpty else {
        throw Failure(
          "nothing to run: no export _start or _initialize; --invoke can call "
            + functions.prefix(10).joined(separator: ", ") + (functions.count > 10 ? ", …" : ""))
      }
      return 0
    }
    let function = try instance.function(invoke)
    let values = try function.type.arguments(from: arguments, of: invoke)
    if case .function(let initialize) = instance.export("_initialize"), invoke != "_initialize" {
      _ = try initialize([])
    }
    for result in try function(values) { print(ValueText.print(result)) }
    return 0
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
      throw Failure("stopped after \(duration) in a system call", exitCode: TrapReport.exitCode)
    } catch WasmError.trap(let trap) where trap.code == .interrupted {
      throw Failure("stopped after \(duration)\n\(TrapReport.text(trap))", exitCode: TrapReport.exitCode)
    }
  }

  /// A process has 8 bits for it; what is no success stays none.
  static func exitCode(_ code: UInt32) -> Int32 {
    let low = Int32(code & 0xFF)
    return code != 0 && low == 0 ? 1 : low
  }
}
