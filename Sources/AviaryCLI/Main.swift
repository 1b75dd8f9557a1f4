import ArgumentParser
import Glibc

// The command `aviary`, thin over the libraries.
//
//   Commands/   a file for each subcommand
//   Options/    options that several share, and how their values are read
//   Input/      files, and what kind of module they hold
//   Values/     arguments and results of `--invoke`
//   Output/     errors, traps, progress, JSON
//
// Results go to standard output, all else to standard error. Exit codes: what a guest
// says; 134 for a trap; 64 for a wrong command line; 1 for any other error.
@main
struct AviaryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "aviary",
    abstract: "WebAssembly, compiled to machine code and run.",
    discussion: """
      Exit codes are the guest's own; 134 where it traps, 64 for a wrong command line, \
      1 for any other error.
      """,
    subcommands: [
      Run.self, Compile.self, Validate.self, Inspect.self, WatToWasm.self, Print.self, Wast.self, Bench.self,
    ])

  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      failure.report()
      Glibc.exit(failure.exitCode)
    } catch {
      exit(withError: error)
    }
  }
}
