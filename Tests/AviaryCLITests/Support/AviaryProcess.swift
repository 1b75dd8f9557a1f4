import AviaryProcesses
import Foundation
import Testing

/// The built command, run as a process of its own.
enum AviaryProcess {
  struct Outcome {
    var exitCode: Int32
    var output: [UInt8]
    var errors: String
    var processID: Int32
    var text: String { String(decoding: output, as: UTF8.self) }
  }

  /// The product stands beside the test bundle.
  static let executable: URL = {
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return tests.deletingLastPathComponent().appendingPathComponent("aviary")
  }()

  /// Runs the command to its end.
  /// - Parameter input: given on standard input, which then ends; nil leaves it open and silent.
  static func run(
    _ arguments: [String], input: [UInt8]? = [], in folder: Folder, environment: [String: String] = [:]
  ) throws -> Outcome {
    try #require(
      FileManager.default.isExecutableFile(atPath: executable.path),
      "the product aviary is not beside the tests: \(executable.path)")
    var process = ChildProcess(executable.path, arguments)
    process.folder = folder.url.path
    process.environment.merge(environment) { $1 }
    let files = ["out", "err", "in"].map { folder.url.appendingPathComponent(".std\($0)-\(UUID().uuidString)") }
    process.output = files[0].path
    process.errors = files[1].path
    if let input {
      try Data(input).write(to: files[2])
      process.input = files[2].path
    } else {
      process.hasSilentInput = true
    }
    let (end, processID) = try process.run()
    let errorText = String(decoding: try Data(contentsOf: files[1]), as: UTF8.self)
    guard case .status(let exitCode) = end else { throw EndedBySignal(end: end, errors: errorText) }
    return Outcome(
      exitCode: exitCode, output: Array(try Data(contentsOf: files[0])), errors: errorText, processID: processID)
  }

  struct EndedBySignal: Error {
    var end: ChildProcess.End
    var errors: String
  }
}

/// A folder of a test's own, removed with it.
final class Folder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("aviary-cli-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// Writes a file and gives its path relative to the folder.
  @discardableResult
  func write(_ text: String, as name: String) throws -> String {
    try Data(text.utf8).write(to: url.appendingPathComponent(name))
    return name
  }

  func bytes(of name: String) throws -> [UInt8] { Array(try Data(contentsOf: url.appendingPathComponent(name))) }
}
