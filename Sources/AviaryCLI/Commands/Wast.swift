import ArgumentParser
import Aviary
import AviaryWast

struct Wast: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run scripts of the specification's test suite (.wast).",
    discussion: """
      Of a folder with a groups.tsv, as the suite has one, all scripts that it lists are run, each with the \
      features of its group; of any other folder, all .wast files. The last line is the sum; the exit code \
      is 1 if something failed.
      """)

  @OptionGroup var engine: EngineOptions
  @OptionGroup var code: CodeOptions
  @OptionGroup(title: "Allocation") var pool: PoolOptions

  @Option(help: ArgumentHelp("With --pool, what each memory can grow to, as 64MiB.", valueName: "size"))
  var maxMemory: Size?

  @Option(help: ArgumentHelp("A list of failures that are known: FILE LINE|* CAUSE. May be repeated.", valueName: "file"))
  var knownFailures: [String] = []

  @Flag(help: ArgumentHelp("Write each module to an artifact and load it from there.", visibility: .hidden))
  var artifacts = false

  @Flag(help: "Print sums of groups instead of each file's.")
  var summary = false

  @Flag(help: "Print why commands were skipped.")
  var causes = false

  @Argument(help: "Scripts, or folders that hold some.")
  var files: [String]

  func run() throws {
    var lists = ""
    for path in knownFailures {
      let text = String(decoding: try InputFile.read(path), as: UTF8.self)
      do throws(KnownFailures.Malformed) {
        _ = try KnownFailures(text)
      } catch {
        throw Failure(path, error)
      }
      lists += text + "\n"
    }
    let known = try KnownFailures(lists)
    var configuration = engine.configuration()
    configuration.allocation = pool.allocation(maxMemory: maxMemory)
    code.apply(to: &configuration)
    let engines = Engines(configuration)
    var report = ScriptReport(perFile: !summary, causes: causes)
    for path in files {
      for item in try ScriptSource.find(path, engine.features.isDefault ? nil : engine.features.features) {
        report.add(item, item.run(engines, known, throughArtifacts: artifacts))
      }
    }
    if summary { report.printGroups() }
    print(report.total.description)
    if report.total.failed > 0 { throw Failure.silent(1) }
  }
}
