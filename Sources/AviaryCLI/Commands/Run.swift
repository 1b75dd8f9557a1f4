import ArgumentParser
import Aviary

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a module: a WASI command or reactor, or one of its exports.",
    usage: "aviary run [OPTIONS] FILE [ARGUMENTS]...",
    discussion: """
      FILE is a module in the binary or text format, an artifact of `aviary compile`, or "-" for \
      standard input. All that follows FILE goes to the guest, even if it begins with dashes; with \
      --invoke these are the function's arguments.

      The exit code is the guest's; 134 where it traps, also by --timeout.
      """)

  @OptionGroup var engine: EngineOptions

  @Option(help: ArgumentHelp("Call this export instead of the program's start, and print its results.", valueName: "name"))
  var invoke: String?

  @Option(help: ArgumentHelp("Stop the guest after a time, as 500ms or 2s.", valueName: "duration"))
  var timeout: TimeSpan?

  @Option(help: ArgumentHelp("The most that all memories of the guest may hold, as 64MiB.", valueName: "size"))
  var maxMemory: Size?

  @Argument(parsing: .captureForPassthrough, help: ArgumentHelp("FILE, then the guest's arguments.", valueName: "file"))
  var command: [String]

  func validate() throws {
    guard let file = command.first else { throw ValidationError("missing FILE") }
    if file != "-", file.hasPrefix("-") { throw ValidationError("unknown option \(file)") }
  }

  func run() throws {
    let file = try ModuleFile(command[0])
    let engine = try engine.engine()
    let module = try Progress.during("compiling \(file.displayName)") {
      try file.compile(with: engine, progress: $0)
    }
    let store = Store(engine, limits: StoreLimits(memory: maxMemory?.bytes))
    do {
      let instance = try Linker<Void>(engine).instantiate(module, in: store)
      guard let invoke else { return }
      let function = try instance.function(invoke)
      let arguments = try function.type.arguments(from: Array(command.dropFirst()), of: invoke)
      for result in try function(arguments) { print(ValueText.print(result)) }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(path: file.displayName, guest: error)
    }
  }
}
