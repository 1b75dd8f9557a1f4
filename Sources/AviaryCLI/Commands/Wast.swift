import ArgumentParser
import AviaryWast

struct Wast: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run scripts of the specification's test suite (.wast).")

  @Argument(help: "Scripts, or folders that hold some.")
  var files: [String]

  func run() throws {
    throw Failure("scripts are not in this build")
  }
}
