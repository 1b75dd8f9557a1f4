import Aviary
import Foundation
import Testing

@Suite struct DebugInfoTests {
  @Test func perfMapAndDebugger() throws {
    var configuration = EngineConfiguration()
    configuration.perfMap = true
    configuration.gdbJIT = true
    let engine = try Engine(configuration)
    let name = "aviary_probe_\(UInt32.random(in: 0 ... .max))"
    let module = try engine.compile(wat: "(module (func $\(name) (export \"f\")))")
    let map = try String(contentsOfFile: "/tmp/perf-\(getpid()).map", encoding: .utf8)
    #expect(map.contains(name))
    _ = try Linker<Void>(engine).instantiate(module, in: Store(engine)).function("f")([])
  }
}
