import ArgumentParser
import AviaryText

struct Print: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print a module of the binary format as text.")

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write; standard output otherwise.", valueName: "out"))
  var output: String?

  @Argument(help: "A module, \"-\" for standard input.")
  var file: String

  func run() throws {
    throw Failure("printing is not in this build")
  }
}
