import ArgumentParser
import Aviary

struct Compile: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compile a module to an artifact that `run` loads without compiling.",
    discussion: """
      An artifact holds machine code for this kind of processor and these settings: run only artifacts \
      that you made yourself or trust like any program.
      """)

  @OptionGroup var engine: EngineOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Where to write; FILE with the extension .aviary otherwise, \"-\" for standard output.", valueName: "out"))
  var output: String?

  @Argument(help: "A module, binary or text; \"-\" for standard input.")
  var file: String

  func run() throws {
    let engine = try engine.engine()
    let source = try ModuleFile(file)
    guard source.form != .artifact else { throw Failure("\(source.displayName): is compiled already") }
    let module = try Progress.during("compiling \(source.displayName)") {
      try source.compile(with: engine, progress: $0)
    }
    try OutputFile.write(module.artifact(), to: output ?? OutputFile.name(for: file, extension: "aviary"))
  }
}
