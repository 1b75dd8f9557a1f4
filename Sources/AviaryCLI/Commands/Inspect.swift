import ArgumentParser
import Aviary
import AviaryCore

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a module holds: sections, imports, exports, sizes, names.",
    discussion: "Takes modules, binary or text, and artifacts of `aviary compile`.")

  @OptionGroup(title: "Compilation, for --code") var engine: EngineOptions

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(help: "List all functions, not just the largest.")
  var functions = false

  @Flag(help: "Compile the module, and show the machine code's sizes and listing.")
  var code = false

  @Option(help: ArgumentHelp("With --code, show the listing of this function only: an index or a name.", valueName: "function"))
  var only: String?

  @Argument(help: "A file, \"-\" for standard input.")
  var file: String

  func run() throws {
    let file = try ModuleFile(file)
    let summary: ModuleSummary
    var module: Module?
    if code || file.form == .artifact {
      let compiled = try Progress.during("compiling \(file.displayName)") {
        try file.compile(with: try engine.engine(), progress: $0)
      }
      summary = try ModuleSummary(compiled.info, machineCode: compiled.functionCodeSizes)
      module = compiled
    } else {
      summary = try ModuleSummary(
        try file.validated(engine.features.features, threads: engine.threads).info, machineCode: nil)
    }
    if json {
      print(summary.json(file, allFunctions: functions).pretty())
    } else if only == nil || !code {
      print(summary.text(file, allFunctions: functions))
    }
    if code, !json, let module { try printListing(module, summary) }
  }

  private func printListing(_ module: Module, _ summary: ModuleSummary) throws {
    var output = StandardOutput()
    guard let only else {
      print("")
      return module.writeListing(to: &output)
    }
    let found = summary.functions.firstIndex { function in
      function.name == only || UInt32(only) == function.index
        || summary.exports.contains { $0.kind == "func" && $0.index == function.index && $0.names == [only] }
    }
    guard let found else { throw Failure("\(file): no function \(ModuleSummary.quoted(only)) is defined") }
    module.writeListing(ofDefined: found, to: &output)
  }
}

private struct StandardOutput: TextOutputStream {
  mutating func write(_ text: String) { print(text, terminator: "") }
}
