import Foundation
import Testing

@testable import AviaryCLI

/// `aviary wast`, as a process.
@Suite struct WastTests {
  private let folder: Folder
  init() throws { folder = try Folder() }

  private static let script = """
    (module (func (export "one") (result i32) (i32.const 1)))
    (assert_return (invoke "one") (i32.const 1))
    (assert_return (invoke "one") (i32.const 2))
    """

  private func wast(_ arguments: String...) throws -> AviaryProcess.Outcome {
    try AviaryProcess.run(["wast"] + arguments, in: folder)
  }

  @Test func countsAndFailures() throws {
    try folder.write(Self.script, as: "a.wast")
    let outcome = try wast("a.wast")
    #expect(outcome.exitCode == 1)
    let lines = outcome.text.split(separator: "\n")
    try #require(lines.count == 3, "\(outcome.text)")
    #expect(lines[0].hasPrefix("a.wast:3: assert_return: "))
    #expect(lines[1] == "a.wast: 2 passed, 1 failed, 0 skipped")
    #expect(lines[2] == "2 passed, 1 failed, 0 skipped")
  }

  @Test func knownFailures() throws {
    try folder.write(Self.script, as: "a.wast")
    try folder.write("a.wast 3 one is not two\n", as: "known.txt")
    let outcome = try wast("--known-failures", "known.txt", "a.wast")
    #expect(outcome.exitCode == 0)
    #expect(outcome.text.hasSuffix("2 passed, 0 failed, 1 skipped\n"))
    try folder.write("a.wast 2 this passes\n", as: "wrong.txt")
    #expect(try wast("--known-failures", "wrong.txt", "a.wast").exitCode == 1)
    try folder.write("a.wast\n", as: "malformed.txt")
    #expect(try wast("--known-failures", "malformed.txt", "a.wast").errors.contains("malformed.txt: line 1"))
  }

  @Test func suites() throws {
    for name in ["suite", "suite/sub"] {
      try FileManager.default.createDirectory(at: folder.url.appendingPathComponent(name), withIntermediateDirectories: true)
    }
    try folder.write("(module (memory 1 1 shared))", as: "suite/sub/threads.wast")
    try folder.write("(module)", as: "suite/plain.wast")
    try folder.write("(nonsense", as: "suite/unlisted.wast")
    try folder.write("(module)", as: "suite/future.wast")
    try folder.write("plain.wast\t2.0\nsub/threads.wast\tnot-yet:threads\nfuture.wast\tnot-yet:future\n", as: "suite/groups.tsv")
    let all = try wast("--summary", "--causes", "suite")
    #expect(all.text == """
      future.wast: 1 skipped: the proposal not-yet:future
      2.0: 1 passed, 0 failed, 0 skipped
      not-yet:future: 0 passed, 0 failed, 1 skipped
      not-yet:threads: 1 passed, 0 failed, 0 skipped
      2 passed, 0 failed, 1 skipped

      """)
    #expect(all.exitCode == 0)
    // A part of a suite keeps its groups.
    #expect(try wast("suite/sub").text.hasSuffix("sub/threads.wast: 1 passed, 0 failed, 0 skipped\n1 passed, 0 failed, 0 skipped\n"))
    #expect(try wast("--feature", "no-threads", "suite/sub/threads.wast").exitCode == 1)
  }

  @Test func nothingToRun() throws {
    #expect(try wast(".").errors == "aviary: .: no scripts (.wast) below it\n")
    #expect(try wast("nowhere.wast").exitCode == 1)
  }
}
