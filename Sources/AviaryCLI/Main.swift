import ArgumentParser

@main
struct AviaryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "aviary", abstract: "WebAssembly, run natively.")
}
