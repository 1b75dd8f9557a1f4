import ArgumentParser
import Aviary
import Testing

@testable import AviaryCLI

@Suite struct PoolOptionTests {
  private func pooling(_ words: String...) throws -> PoolingConfiguration? {
    let run = try Run.parse(words + ["app.wasm"])
    guard case .pooling(let pool) = run.pool.allocation(maxMemory: run.maxMemory) else { return nil }
    return pool
  }

  @Test func strategies() throws {
    #expect(try pooling() == nil)
    let plain = try #require(try pooling("--pool"))
    #expect(plain.maxMemory == .gibibytes(4) && plain.memoryInitialization == .automatic && plain.reset == .automatic)
    let pool = try #require(
      try pooling(
        "--pool", "--memory-init", "userfaultfd-thread", "--reset", "decommit", "--protection-keys", "required",
        "--pool-instances", "7"))
    #expect(pool.instances == 7 && pool.totalMemories == 7)
    #expect(pool.memoryInitialization == .userfaultfd(.thread))
    #expect(pool.reset == .decommit)
    #expect(pool.protectionKeys == .required)
    let unenforced = try #require(try pooling("--pool", "--protection-keys", "unenforced"))
    #expect(unenforced.stripesWithoutKeys)
  }

  /// The store's limit stays as it is; the pool's is the next multiple that there can be.
  @Test func sizes() throws {
    #expect(try pooling("--pool", "--max-memory", "64KiB")?.maxMemory == .kibibytes(64))
    #expect(try pooling("--pool", "--max-memory", "65537")?.maxMemory == .kibibytes(128))
    #expect(try pooling("--pool", "--max-memory", "0")?.maxMemory == .kibibytes(64))
    #expect(try pooling("--pool", "--max-memory", "18446744073709551615")?.maxMemory == .bytes(.max))
    #expect(try Run.parse(["--max-memory", "65537", "a"]).maxMemory?.bytes == .bytes(65537))
  }

  @Test(arguments: [
    ["--memory-init", "cow"], ["--reset", "scan"], ["--protection-keys", "off"], ["--pool-instances", "3"],
    ["--pool", "--memory-init", "lazy"], ["--pool", "--protection-keys", "some"],
  ])
  func wrongOnes(words: [String]) {
    #expect(throws: (any Error).self) { try Run.parse(words + ["app.wasm"]) }
    #expect(throws: (any Error).self) { try Wast.parse(words + ["a.wast"]) }
  }

  @Test func benches() throws {
    for words in [
      ["--pool"], ["--instantiate"], ["--instantiate", "--pool", "--shape", "small"], ["a.wasm", "--compile"],
      ["a.wasm", "--instantiate", "--invoke", "f", "1"], ["--density", "--live", "3"],
    ] { _ = try Bench.parse(words) }
    for words in [
      [], ["a.wasm"], ["--compile"], ["--invoke", "f"], ["a.wasm", "--instantiate"], ["--instantiate", "--density"],
      ["--instantiate", "--shape", "huge"], ["--density", "--live", "0"], ["--instantiate", "--concurrency", "0"],
    ] { #expect(throws: (any Error).self, "\(words)") { try Bench.parse(words) } }
  }
}
