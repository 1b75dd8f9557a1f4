import Foundation
import Testing

@testable import AviaryCLI

/// The commands that look at modules, as processes.
@Suite struct ModuleCommandTests {
  private let folder: Folder
  init() throws { folder = try Folder() }

  private func aviary(_ arguments: String..., input: [UInt8] = []) throws -> AviaryProcess.Outcome {
    try AviaryProcess.run(arguments, input: input, in: folder)
  }

  @Test func artifacts() throws {
    try folder.write(Programs.arithmetic, as: "a.wat")
    #expect(try aviary("compile", "a.wat").exitCode == 0)
    #expect(try aviary("run", "--invoke", "add", "a.aviary", "40", "2").text == "42\n")
    #expect(try aviary("compile", "a.wat", "-o", "b").exitCode == 0)
    #expect(try folder.bytes(of: "a.aviary") == folder.bytes(of: "b"))
    // Backtraces have their names from the module inside.
    #expect(try aviary("run", "--invoke", "divide", "b", "1", "0").errors.contains("arithmetic!quotient"))
    #expect(try aviary("compile", "b").errors == "aviary: b: is compiled already\n")

    var damaged = try folder.bytes(of: "b")
    damaged[damaged.count - 1] ^= 1
    try Data(damaged).write(to: folder.url.appendingPathComponent("c"))
    let outcome = try aviary("run", "c")
    #expect(outcome.exitCode == 1)
    #expect(outcome.errors.hasPrefix("aviary: c: artifact: "))
    let other = try aviary("run", "--feature", "threads", "--invoke", "add", "b", "1", "2")
    #expect(other.exitCode == 1)
    #expect(other.errors.contains("features"))
  }

  @Test func textToBinaryAndBack() throws {
    try folder.write(Programs.arithmetic, as: "a.wat")
    #expect(try aviary("wat2wasm", "a.wat").exitCode == 0)
    let binary = try folder.bytes(of: "a.wasm")
    #expect(binary.starts(with: [0, 0x61, 0x73, 0x6D]))
    #expect(try aviary("wat2wasm", "-", input: Array(Programs.arithmetic.utf8)).output == binary)
    for options in [[], ["--folded"]] {
      let text = try AviaryProcess.run(["print", "a.wasm"] + options, in: folder)
      #expect(text.exitCode == 0)
      #expect(text.text.hasSuffix("\n"))
      #expect(try aviary("wat2wasm", "-", input: text.output).output == binary)
    }
    #expect(try aviary("wat2wasm", "--strip-names", "a.wat", "-o", "b.wasm").exitCode == 0)
    #expect(try folder.bytes(of: "b.wasm").count < binary.count)
  }

  @Test func writingNowhere() throws {
    try folder.write("(module)", as: "a.wat")
    let outcome = try aviary("wat2wasm", "a.wat", "-o", "nowhere/a.wasm")
    #expect(outcome.exitCode == 1)
    #expect(outcome.errors == "aviary: nowhere/a.wasm: No such file or directory\n")
    // Nothing is left of an output that could not be finished.
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.url.path).filter { !$0.hasPrefix(".") }
    #expect(left == ["a.wat"])
  }

  @Test func validation() throws {
    try folder.write("(module)", as: "good.wat")
    try folder.write("(module (func (result i32)))", as: "invalid.wat")
    try folder.write("(module\n  (fun))", as: "malformed.wat")
    try folder.write("\0asm", as: "short.wasm")
    try folder.write("(module (memory 1 1 shared))", as: "threads.wat")
    let good = try aviary("validate", "good.wat")
    #expect((good.exitCode, good.text, good.errors) == (0, "", ""))
    #expect(try aviary("validate", "--verbose", "-", input: Array("(module)".utf8)).text == "standard input: valid\n")
    let outcome = try aviary("validate", "invalid.wat", "good.wat", "malformed.wat", "short.wasm", "nowhere.wasm")
    #expect(outcome.exitCode == 1)
    let lines = outcome.errors.split(separator: "\n")
    try #require(lines.count == 4, "\(outcome.errors)")
    #expect(lines[0].hasPrefix("aviary: invalid.wat: invalid module: type mismatch"))
    #expect(lines[0].contains("(at byte "))
    #expect(lines[1].hasPrefix("aviary: malformed.wat:2:4: "))
    #expect(lines[2].hasPrefix("aviary: short.wasm: malformed module: "))
    #expect(lines[3] == "aviary: nowhere.wasm: No such file or directory")
    #expect(try aviary("validate", "threads.wat").exitCode == 1)
    #expect(try aviary("validate", "--feature", "threads", "threads.wat").exitCode == 0)
    #expect(try aviary("validate").exitCode == 64)
  }

  @Test func inspection() throws {
    try folder.write(Programs.hello, as: "hello.wat")
    let text = try aviary("inspect", "hello.wat")
    #expect(text.exitCode == 0)
    #expect(text.text.contains("\"wasi_snapshot_preview1\" \"fd_write\"  [i32 i32 i32 i32] -> [i32]"))
    #expect(text.text.contains("\"_start\"  [] -> []"))
    let json = try aviary("inspect", "--json", "--code", "--functions", "hello.wat")
    let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output)) as? [String: Any])
    #expect(object["form"] as? String == "text")
    #expect(object["imported_functions"] as? Int == 1)
    #expect(object["data_bytes"] as? Int == 14)
    let exports = try #require(object["exports"] as? [[String: Any]])
    #expect(exports.map { $0["name"] as? String } == ["memory", "_start"])
    let functions = try #require(object["functions"] as? [[String: Any]])
    #expect(functions.count == 1)
    #expect(try #require(functions[0]["machine_code"] as? Int) > 0)
    let sections = try #require(object["sections"] as? [[String: Any]])
    #expect(sections.prefix(3).map { $0["name"] as? String } == ["type", "import", "function"])
  }

  @Test func listings() throws {
    try folder.write(Programs.arithmetic, as: "a.wat")
    let one = try aviary("inspect", "--code", "--only", "quotient", "a.wat")
    #expect(one.exitCode == 0)
    #expect(one.text.hasPrefix("function[1] \"quotient\": 0x"))
    #expect(one.text.contains("trap: integer divide by zero"))
    #expect(!one.text.contains("function[2]"))
    #expect(try aviary("inspect", "--code", "--only", "nothing", "a.wat").exitCode == 1)
    #expect(try aviary("inspect", "--code", "a.wat").text.contains("function[2]"))
  }

  @Test func benchmarks() throws {
    try folder.write(Programs.arithmetic, as: "a.wat")
    let calls = try aviary("bench", "a.wat", "--invoke", "add", "3", "-4", "--repeat", "3", "--json")
    let object = try #require(try JSONSerialization.jsonObject(with: Data(calls.output)) as? [String: Any])
    #expect((object["calls_ns"] as? [Int])?.count == 3)
    #expect(object["result"] as? Int == -1)
    #expect(object["file"] as? String == "a.wat")
    let compile = try aviary("bench", "--compile", "a.wat", "--repeat", "2", "--threads", "1", "--json")
    let times = try #require(try JSONSerialization.jsonObject(with: Data(compile.output)) as? [String: Any])
    #expect((times["compile_ns"] as? [Int])?.count == 2)
    #expect((times["validate_ns"] as? [Int])?.count == 2)
    #expect(times["threads"] as? Int == 1)
    #expect(try #require(times["code_bytes"] as? Int) > 0)
    try folder.write(Programs.hello, as: "hello.wat")
    let hello = try aviary("bench", "hello.wat", "--invoke", "_start", "--repeat", "2", "--json")
    #expect(hello.errors == "hello\nhello\n")
    #expect(try JSONSerialization.jsonObject(with: Data(hello.output)) is [String: Any])
    #expect(try aviary("bench", "a.wat", "--invoke", "divide", "1", "0").exitCode == 134)
    #expect(try aviary("bench", "a.wat").exitCode == 64)
  }
}
