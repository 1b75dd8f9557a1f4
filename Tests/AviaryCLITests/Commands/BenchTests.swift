import Foundation
import Testing

@testable import AviaryCLI

/// `aviary bench`, as a process. What it measures is not judged, that it measures is.
@Suite struct BenchTests {
  private let folder: Folder
  init() throws { folder = try Folder() }

  private func bench(_ arguments: String...) throws -> AviaryProcess.Outcome {
    try AviaryProcess.run(["bench"] + arguments, in: folder)
  }

  @Test func aPoolIsDrawn() throws {
    let outcome = try bench(
      "--pool", "--pool-instances", "10", "--max-memory", "1MiB", "--protection-keys", "off", "--svg", "pool.svg")
    #expect(outcome.exitCode == 0, "\(outcome.errors)")
    #expect(outcome.text.contains("10 memories of up to 1 MiB"))
    #expect(outcome.text.contains("memories of 1 MiB, with "))
    #expect(outcome.text.contains("memories of 1 MiB, by userfaultfd, with "))
    let svg = try String(contentsOf: folder.url.appendingPathComponent("pool.svg"), encoding: .utf8)
    #expect(svg.hasPrefix("<svg") && svg.contains("</svg>"))
  }

  @Test(arguments: [[], ["--pool", "--pool-instances", "4"], ["--pool", "--pool-instances", "4", "--memory-init", "eager"]])
  func instantiation(pool: [String]) throws {
    let words = ["bench", "--instantiate", "--shape", "small", "--duration", "5ms", "--concurrency", "2", "--json"]
    let outcome = try AviaryProcess.run(words + pool, in: folder)
    #expect(outcome.exitCode == 0, "\(outcome.errors)")
    let report = try #require(try JSONSerialization.jsonObject(with: Data(outcome.text.utf8)) as? [String: Any])
    let modules = try #require(report["modules"] as? [[String: Any]])
    #expect(modules.count == 1)
    #expect((modules[0]["wall_ns"] as? Int ?? 0) > 0)
    #expect((modules[0]["wall_batches_ns"] as? [[Int]])?.count == 2)
  }

  @Test func instantiationOfAFile() throws {
    try folder.write("(module (memory 1) (func (export \"f\") (param i32) (result i32) (local.get 0)))", as: "a.wat")
    let outcome = try bench("a.wat", "--instantiate", "--invoke", "f", "1", "--duration", "5ms", "--pool")
    #expect(outcome.exitCode == 0, "\(outcome.errors)")
    #expect(outcome.text.contains("wall_ns"))
  }

  @Test func shapesAreSaved() throws {
    let outcome = try bench("--instantiate", "--save-shapes", ".")
    #expect(outcome.exitCode == 0, "\(outcome.errors)")
    for name in ["small", "medium", "large"] {
      #expect(FileManager.default.fileExists(atPath: folder.url.appendingPathComponent("\(name).wasm").path))
    }
  }

  @Test func density() throws {
    let outcome = try bench("--density", "--live", "20", "--json")
    #expect(outcome.exitCode == 0, "\(outcome.errors)")
    let report = try #require(try JSONSerialization.jsonObject(with: Data(outcome.text.utf8)) as? [String: Any])
    let pools = try #require(report["pools"] as? [[String: Any]])
    #expect(pools.count == 4)
    #expect(pools[0]["live"] as? Int == 20)
    #expect(pools[1]["live"] as? Int == 20)
    #expect((pools[0]["memories_granted"] as? Int ?? 0) >= 1000)
  }
}
