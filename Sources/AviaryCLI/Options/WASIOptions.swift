import ArgumentParser
import AviaryWASI
import Glibc

/// What a guest gets of the system.
struct WASIOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Let the guest use a directory, under the name after \"::\" or its own. May be repeated.", valueName: "host[::guest]"))
  var dir: [DirectoryOption] = []

  @Option(help: ArgumentHelp("The same for reading only; comes after those of --dir.", valueName: "host[::guest]"))
  var dirRo: [DirectoryOption] = []

  @Option(
    help: ArgumentHelp(
      "Set a variable of the guest's environment; without a value, to what it is here. May be repeated.",
      valueName: "name[=value]"))
  var env: [EnvironmentOption] = []

  @Option(
    help: ArgumentHelp(
      "Listen on a numeric address, as 127.0.0.1:8080, and give the guest the socket. May be repeated.",
      valueName: "address:port"))
  var listen: [ListenAddress] = []

  @Flag(help: "Let a command start threads (wasi-threads): not with --invoke, nor with --async.")
  var wasiThreads = false

  @Option(help: ArgumentHelp("With --wasi-threads, the most threads at a time beside the main one.", valueName: "count"))
  var maxWasiThreads = 64

  func validate() throws {
    guard (1...65536).contains(maxWasiThreads) else {
      throw ValidationError("--max-wasi-threads is \(maxWasiThreads), and has to be between 1 and 65536")
    }
  }

  /// - Parameters:
  ///   - arguments: the program's name first.
  ///   - output: where the guest's standard output goes.
  /// - Throws: `Failure`.
  func wasi(arguments: [String], isInterruptible: Bool, output: WASI.Output = .inherited) throws -> WASI {
    var configuration = WASI.Configuration(arguments: arguments)
    configuration.inheritStandardStreams()
    configuration.standardOutput = output
    configuration.isInterruptible = isInterruptible
    configuration.maximumThreads = wasiThreads ? maxWasiThreads : 0
    configuration.environment = env.compactMap { option in option.value.map { (option.name, $0) } }
    for directory in dir { configuration.addDirectory(directory.host, as: directory.guest) }
    for directory in dirRo { configuration.addDirectory(directory.host, as: directory.guest, readOnly: true) }
    for address in listen {
      configuration.addSocket(try ListeningSocket.open(address), closing: true)
    }
    do {
      return try WASI(configuration)
    } catch {
      throw Failure("\(error)")
    }
  }
}

/// HOST or HOST::GUEST.
struct DirectoryOption: ExpressibleByArgument {
  var host: String
  var guest: String

  init?(argument: String) {
    let parts = argument.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, !first.isEmpty, parts.count == 1 || !parts[1].isEmpty else { return nil }
    host = String(first)
    guest = String(parts.count == 2 ? parts[1] : first)
  }
}

/// NAME=VALUE, or NAME for the value that it has here.
struct EnvironmentOption: ExpressibleByArgument {
  var name: String
  /// nil where there is no such variable here.
  var value: String?

  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, !first.isEmpty else { return nil }
    name = String(first)
    if parts.count == 2 {
      value = String(parts[1])
    } else if let here = unsafe getenv(name) {
      value = unsafe String(cString: here)
    }
  }
}
