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
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.currentDirectoryURL = folder.url
    process.environment = ["PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"].merging(environment) { $1 }
    // Files, so that no pipe can fill up.
    let output = folder.url.appendingPathComponent(".stdout-\(UUID().uuidString)")
    let errors = folder.url.appendingPathComponent(".stderr-\(UUID().uuidString)")
    for file in [output, errors] { try #require(FileManager.default.createFile(atPath: file.path, contents: nil)) }
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    let silence = Pipe()
    if let input {
      let file = folder.url.appendingPathComponent(".stdin-\(UUID().uuidString)")
      try Data(input).write(to: file)
      process.standardInput = try FileHandle(forReadingFrom: file)
    } else {
      process.standardInput = silence
    }
    try process.run()
    process.waitUntilExit()
    try silence.fileHandleForWriting.close()
    let errorText = String(decoding: try Data(contentsOf: errors), as: UTF8.self)
    try #require(process.terminationReason == .exit, "ended by signal \(process.terminationStatus): \(errorText)")
    return Outcome(
      exitCode: process.terminationStatus, output: Array(try Data(contentsOf: output)), errors: errorText,
      processID: process.processIdentifier)
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
