import Foundation
import Testing

@testable import AviaryCLI

/// `aviary run`, as a process.
@Suite struct RunTests {
  private let folder: Folder
  init() throws { folder = try Folder() }

  private func run(
    _ program: String, options: [String] = [], _ arguments: [String] = [], input: [UInt8]? = [],
    environment: [String: String] = [:]
  ) throws -> AviaryProcess.Outcome {
    let file = try folder.write(program, as: "program.wat")
    return try AviaryProcess.run(
      ["run"] + options + [file] + arguments, input: input, in: folder, environment: environment)
  }

  /// The guest waits on its thread, or is suspended.
  static let modes = [[], ["--async"]]

  @Test(arguments: modes) func success(mode: [String]) throws {
    let outcome = try run(Programs.hello, options: mode)
    #expect(outcome.exitCode == 0)
    #expect(outcome.text == "hello\n")
    #expect(outcome.errors == "")
  }

  @Test(arguments: [(0, 0), (42, 42), (255, 255), (256, 1)] as [(UInt32, Int32)], modes)
  func theGuestsExitCode(_ code: (given: UInt32, expected: Int32), mode: [String]) throws {
    let expected = code.expected
    let outcome = try run(Programs.exit(code.given), options: mode)
    #expect(outcome.exitCode == expected)
    #expect(outcome.errors == "")
  }

  @Test(arguments: modes) func traps(mode: [String]) throws {
    let outcome = try run(Programs.arithmetic, options: mode + ["--invoke", "divide"], ["1", "0"])
    #expect(outcome.exitCode == 134)
    let lines = outcome.errors.split(separator: "\n")
    try #require(lines.count == 4, "\(outcome.errors)")
    #expect(lines[0] == "aviary: program.wat: wasm trap: integer divide by zero")
    #expect(lines[1] == "wasm backtrace:")
    #expect(lines[2].hasPrefix("    0: arithmetic!quotient (function[1]) at 0x"))
    #expect(lines[3].hasPrefix("    1: arithmetic!divide (function[2]) at 0x"))
    #expect(outcome.output.isEmpty)
  }

  /// Vectors as arguments and results, with code for this processor and for any.
  @Test(arguments: [[], ["--baseline-cpu"], ["--async"]])
  func vectors(_ options: [String]) throws {
    let program = """
      (module (func (export "add") (param v128 v128) (result v128 v128)
        (f32x4.add (local.get 0) (local.get 1)) (v128.not (local.get 1))))
      """
    let sum = try run(
      program, options: options + ["--invoke", "add"], ["f32x4:1,2,3,4", "0x42200000000000004120000000000000"])
    #expect(sum.errors == "")
    #expect(sum.text == "0x4230000040400000414000003f800000\n" + "0xbddfffffffffffffbedfffffffffffff\n")
    let wrong = try run(program, options: options + ["--invoke", "add"], ["f32x4:1,2,3", "0x1"])
    #expect(wrong.exitCode != 0)
    #expect(wrong.errors.contains("argument 1 of add: \"f32x4:1,2,3\" is no v128"))
  }

  @Test func stackOverflow() throws {
    let outcome = try run(Programs.arithmetic, options: ["--invoke", "down"], ["100000000"])
    #expect(outcome.exitCode == 134)
    #expect(outcome.errors.contains("call stack exhausted"))
    #expect(outcome.errors.contains("arithmetic!down"))
  }

  @Test func stackSize() throws {
    let depth = "50000"
    #expect(try run(Programs.arithmetic, options: ["--max-stack", "64KiB", "--invoke", "down"], [depth]).exitCode == 134)
    let outcome = try run(Programs.arithmetic, options: ["--max-stack", "64MiB", "--invoke", "down"], [depth])
    #expect(outcome.text == depth + "\n")
    let refused = try run(Programs.arithmetic, options: ["--max-stack", "1KiB", "--invoke", "down"], [depth])
    #expect(refused.exitCode == 1)
    #expect(refused.errors.contains("maxGuestStack is 1 KiB"))
  }

  @Test(.timeLimit(.minutes(1)), arguments: modes) func timeoutOfALoop(mode: [String]) throws {
    let outcome = try run(Programs.arithmetic, options: mode + ["--timeout", "100ms", "--invoke", "spin"])
    #expect(outcome.exitCode == 134)
    #expect(outcome.errors.hasPrefix("aviary: program.wat: stopped after 0.1 seconds\n"))
    #expect(outcome.errors.contains("arithmetic!spin"))
  }

  @Test(.timeLimit(.minutes(1)), arguments: modes) func timeoutOfARead(mode: [String]) throws {
    let outcome = try run(Programs.cat, options: mode + ["--timeout", "100ms"], input: nil)
    #expect(outcome.exitCode == 134)
    #expect(outcome.errors.hasPrefix("aviary: program.wat: stopped after 0.1 seconds"))
  }

  @Test func aTimeoutThatIsNotMet() throws {
    let outcome = try run(Programs.hello, options: ["--timeout", "1h"])
    #expect(outcome.exitCode == 0)
    #expect(outcome.text == "hello\n")
  }

  @Test(arguments: modes) func standardStreams(mode: [String]) throws {
    // More than a pipe holds, and not only text.
    let input = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
    let outcome = try run(Programs.cat, options: mode, input: input)
    #expect(outcome.exitCode == 0)
    #expect(outcome.output == input)
  }

  @Test func arguments() throws {
    let arguments = ["-x", "--dir", "--help", "--", "", "é"]
    let outcome = try run(Programs.strings("args"), arguments)
    #expect(outcome.text.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
      == ["program.wat"] + arguments + [""])
  }

  @Test func environment() throws {
    let outcome = try run(
      Programs.strings("environ"), options: ["--env", "A=b=c", "--env", "HERE", "--env", "AVIARY_NOWHERE", "--env", "E="],
      environment: ["HERE": "there", "SECRET": "1"])
    #expect(outcome.text == "A=b=c\0HERE=there\0E=\0")
  }

  @Test func directories() throws {
    try FileManager.default.createDirectory(at: folder.url.appendingPathComponent("data"), withIntermediateDirectories: true)
    let noEntry: Int32 = 8
    #expect(try run(Programs.create).exitCode == noEntry, "no directory: a bad descriptor")
    let readOnlyFileSystem: Int32 = 69
    #expect(try run(Programs.create, options: ["--dir-ro", "data::/"]).exitCode == readOnlyFileSystem)
    let made = folder.url.appendingPathComponent("data/made").path
    #expect(!FileManager.default.fileExists(atPath: made))
    #expect(try run(Programs.create, options: ["--dir", "data::/"]).exitCode == 0)
    #expect(FileManager.default.fileExists(atPath: made))
    let missing = try run(Programs.create, options: ["--dir", "nowhere::/"])
    #expect(missing.exitCode == 1)
    #expect(missing.errors.contains("nowhere"))
  }

  @Test func listeningSockets() throws {
    let stream: Int32 = 6
    #expect(try run(Programs.fileType, options: ["--listen", "127.0.0.1:0"]).exitCode == stream)
    let wrong = try run(Programs.fileType, options: ["--listen", "localhost:0"])
    #expect(wrong.exitCode == 1)
    #expect(wrong.errors.contains("no numeric address"))
  }

  @Test func memoryLimit() throws {
    let options = ["--max-memory", "1MiB", "--invoke", "grow"]
    #expect(try run(Programs.arithmetic, options: options, ["15"]).text == "1\n")
    #expect(try run(Programs.arithmetic, options: options, ["16"]).text == "-1\n")
    let refused = try run(Programs.arithmetic, options: ["--max-memory", "1KiB", "--invoke", "grow"], ["0"])
    #expect(refused.exitCode == 1)
    #expect(refused.errors.contains("limit"))
  }

  @Test func invocations() throws {
    for mode in Self.modes {
      #expect(try run(Programs.arithmetic, options: mode + ["--invoke", "add"], ["3", "-4"]).text == "-1\n")
      #expect(
        try run(Programs.arithmetic, options: mode + ["--invoke", "swap"], ["nan:0x1", "-0.1"]).text == "-0.1\nnan:0x1\n")
      #expect(try run(Programs.reactor, options: mode + ["--invoke", "value"]).text == "7\n")
    }
    #expect(try run(Programs.reactor).exitCode == 0)
    for (options, arguments, message) in [
      (["--invoke", "add"], ["1"], "add takes 2 arguments, 1 were given; its type is [i32 i32] -> [i32]"),
      (["--invoke", "add"], ["1", "x"], "argument 2 of add: \"x\" is no i32"),
      (["--invoke", "nothing"], [], "there is no export \"nothing\""),
      (["--invoke", "memory"], [], "the export \"memory\" is no function"),
      ([], [], "nothing to run: no export _start or _initialize; --invoke can call add, divide, swap, down, spin, grow"),
    ] as [([String], [String], String)] {
      let outcome = try run(Programs.arithmetic, options: options, arguments)
      #expect(outcome.exitCode == 1)
      #expect(outcome.errors == "aviary: program.wat: \(message)\n")
    }
  }

  @Test func aStartFunctionIsEnough() throws {
    #expect(try run("(module (func $f) (func (export \"g\")) (start $f))").exitCode == 0)
  }

  @Test func fromStandardInput() throws {
    let outcome = try AviaryProcess.run(["run", "-"], input: Array(Programs.hello.utf8), in: folder)
    #expect(outcome.text == "hello\n")
  }

  @Test func maps() throws {
    let outcome = try run(Programs.arithmetic, options: ["--perf-map", "--gdb", "--invoke", "add"], ["1", "2"])
    #expect(outcome.text == "3\n")
    let path = "/tmp/perf-\(outcome.processID).map"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let map = try String(contentsOfFile: path, encoding: .utf8)
    #expect(map.contains(" wasm:quotient\n"))
    #expect(map.split(separator: "\n").count == 7)
  }

  @Test func missingImports() throws {
    let outcome = try run("(module (import \"a\" \"b\" (func)))")
    #expect(outcome.exitCode == 1)
    #expect(outcome.errors == "aviary: program.wat: unknown import \"a\" \"b\"\n")
  }

  @Test func wrongCommandLines() throws {
    for arguments in [["run"], ["run", "--nonsense", "x"], ["run", "--timeout", "soon", "x"], ["nonsense"]] {
      let outcome = try AviaryProcess.run(arguments, in: folder)
      #expect(outcome.exitCode == 64, "\(arguments)")
      #expect(outcome.errors.contains("Usage:"))
    }
    let help = try AviaryProcess.run(["run", "--help"], in: folder)
    #expect(help.exitCode == 0)
    #expect(help.text.contains("--max-memory"))
  }

  @Test func unreadableFiles() throws {
    for (path, reason) in [("nowhere.wasm", "No such file or directory"), (".", "Is a directory")] {
      let outcome = try AviaryProcess.run(["run", path], in: folder)
      #expect(outcome.exitCode == 1)
      #expect(outcome.errors == "aviary: \(path): \(reason)\n")
    }
  }
}
