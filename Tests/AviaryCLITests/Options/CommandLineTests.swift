import ArgumentParser
import Aviary
import Testing

@testable import AviaryCLI

@Suite struct CommandLineTests {
  @Test func allBehindTheFileIsTheGuests() throws {
    let run = try Run.parse(["--env", "A=B", "app.wasm", "-x", "--env", "C=D", "--", "--help", "-"])
    #expect(run.command == ["app.wasm", "-x", "--env", "C=D", "--", "--help", "-"])
    #expect(run.world.env.map(\.name) == ["A"])
  }

  @Test(arguments: [[], ["--nonsense", "app.wasm"], ["--timeout", "soon", "app.wasm"], ["--max-memory", "much", "a"],
    ["--threads", "0", "a"], ["--dir", "", "a"], ["--dir", "a::", "b"], ["--env", "=x", "a"], ["--listen", "8080", "a"],
    ["--feature", "nonsense", "a"]])
  func wrongRuns(arguments: [String]) { #expect(throws: (any Error).self) { try Run.parse(arguments) } }

  @Test func directories() throws {
    let run = try Run.parse(["--dir", "/srv/a::/a", "--dir", "b", "--dir-ro", "c::d::e", "-"])
    #expect(run.world.dir.map(\.host) == ["/srv/a", "b"])
    #expect(run.world.dir.map(\.guest) == ["/a", "b"])
    #expect(run.world.dirRo.map(\.host) == ["c"])
    #expect(run.world.dirRo.map(\.guest) == ["d::e"])
  }

  @Test func environment() throws {
    #expect(try #require(EnvironmentOption(argument: "A=b=c")).value == "b=c")
    #expect(try #require(EnvironmentOption(argument: "A=")).value == "")
    #expect(try #require(EnvironmentOption(argument: "AVIARY_NO_SUCH_VARIABLE")).value == nil)
  }

  @Test func addresses() throws {
    let v6 = try #require(ListenAddress(argument: "[::1]:8080"))
    #expect(v6.host == "::1")
    #expect(v6.port == 8080)
    #expect(v6.text == "[::1]:8080")
    #expect(ListenAddress(argument: "1.2.3.4:65536") == nil)
    #expect(ListenAddress(argument: ":80") == nil)
  }

  @Test func features() throws {
    let options = try FeatureOptions.parse(["--feature", "no-simd", "--feature", "threads"])
    #expect(options.features == WasmFeatures.standard.subtracting(.simd).union(.threads))
    #expect(try FeatureOptions.parse([]).features == .standard)
    #expect(try FeatureOptions.parse(["--feature", "all"]).features == .all)
    // Every feature has a name, and every name its own feature.
    #expect(FeatureSwitch.names.reduce(into: WasmFeatures()) { $0.formUnion($1.features) } == .all)
    #expect(Set(FeatureSwitch.names.map(\.features)).count == FeatureSwitch.names.count)
  }

  @Test func outputNames() {
    #expect(OutputFile.name(for: "a/b.c/module.wat", extension: "wasm") == "a/b.c/module.wasm")
    #expect(OutputFile.name(for: "a/b.c/module", extension: "wasm") == "a/b.c/module.wasm")
    #expect(OutputFile.name(for: ".wat", extension: "wasm") == ".wat.wasm")
    #expect(OutputFile.name(for: "-", extension: "wasm") == "-")
  }

  @Test func forms() {
    #expect(ModuleFile.form(of: [0, 0x61, 0x73, 0x6D, 1], path: "a.wat") == .binary)
    #expect(ModuleFile.form(of: Array("  \n(module)".utf8), path: "-") == .text)
    #expect(ModuleFile.form(of: Array(";; comment".utf8), path: "-") == .text)
    #expect(ModuleFile.form(of: [], path: "a.wat") == .text)
    #expect(ModuleFile.form(of: [], path: "a.wasm") == .binary)
    #expect(ModuleFile.form(of: [0x7F, 0x45], path: "a") == .binary)
  }

  @Test func exitCodes() {
    #expect([0, 1, 42, 255, 256, 257, 512, .max].map { Run.exitCode($0) } == [0, 1, 42, 255, 1, 1, 1, 255])
  }
}
