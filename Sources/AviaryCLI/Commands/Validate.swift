import ArgumentParser
import AviaryCore

struct Validate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check that modules are valid.",
    discussion: "Says nothing of valid ones. With \"-\" the module comes from standard input.")

  @OptionGroup var features: FeatureOptions

  @Option(help: ArgumentHelp("Check on that many threads; all processors otherwise.", valueName: "count"))
  var threads: Int?

  @Flag(help: "Name the valid files too.")
  var verbose = false

  @Argument(help: "Modules, binary or text.")
  var files: [String]

  func run() throws {
    var failed = false
    for path in files {
      do {
        let file = try ModuleFile(path)
        _ = try file.validated(features.features, threads: threads)
        if verbose { print("\(file.displayName): valid") }
      } catch let failure as Failure {
        failure.report()
        failed = true
      }
    }
    if failed { throw Failure.silent(1) }
  }
}
