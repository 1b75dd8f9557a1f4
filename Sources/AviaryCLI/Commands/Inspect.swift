import ArgumentParser
import AviaryCore

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a module holds: sections, imports, exports, sizes, names.")

  @OptionGroup var features: FeatureOptions

  @Flag(help: "Print JSON.")
  var json = false

  @Argument(help: "A module, binary or text.")
  var file: String

  func run() throws {
    throw Failure("inspection is not in this build")
  }
}
