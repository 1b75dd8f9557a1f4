import Aviary
import Testing

@Suite struct ArtifactTests {
  static let wat = """
    (module $kept (import "env" "f" (func $f (param i32) (result i32)))
      (memory (export "memory") 1) (data (i32.const 3) "xyz")
      (func (export "go") (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.load8_u (i32.const 3))))
      (func $bad (export "bad") unreachable))
    """

  @Test func roundTrip() throws {
    let bytes = try Fixture.compile(Self.wat).artifact()
    #expect(Engine.isArtifact(bytes))
    #expect(!Engine.isArtifact([0, 0x61, 0x73, 0x6D]))
    for engine in [Fixture.engine, try Engine()] {
      let module = try engine.load(artifact: bytes)
      #expect(module.name == "kept")
      let linker = Linker<Void>(engine)
      linker.define("env", "f") { (_: borrowing Caller<Void>, value: Int32) -> Int32 in value * 2 }
      let instance = try linker.instantiate(module, in: Store(engine))
      #expect(try instance.function("go", as: ((Int32) -> Int32).self)(10) == 20 + 0x78)
      guard case .trap(let trap)? = wasmError({ _ = try instance.function("bad")([]) }) else {
        Issue.record("no trap")
        continue
      }
      #expect(trap.frames.map(\.functionName) == ["bad"])
      #expect(module.artifact() == bytes)
    }
  }

  @Test func damage() throws {
    let bytes = try Fixture.compile(Self.wat).artifact()
    func message(_ bytes: [UInt8]) -> String? {
      if case .artifact(let message)? = wasmError({ _ = try Fixture.engine.load(artifact: bytes) }) { return message }
      return nil
    }
    // The end is an image and zeros before it: not each of its bytes.
    let places = bytes.indices.filter { $0 < 1024 || $0 % 61 == 0 || $0 == bytes.count - 1 }
    for count in places { #expect(message(Array(bytes[..<count])) != nil, "cut to \(count)") }
    for index in places {
      var copy = bytes
      copy[index] ^= 0x40
      #expect(message(copy) != nil, "byte \(index)")
    }
    #expect(message(bytes + [0]) != nil)
    #expect(message([])?.contains("not an artifact") == true)
    var version = bytes
    version[8] = 99
    #expect(message(version)?.contains("version") == true)
  }

  @Test func otherSettings() throws {
    let bytes = try Fixture.compile(Self.wat).artifact()
    var configuration = EngineConfiguration()
    configuration.memoryGuard = .gibibytes(4)
    let engine = try Engine(configuration)
    guard case .artifact(let message)? = wasmError({ _ = try engine.load(artifact: bytes) }) else {
      Issue.record("an artifact of other settings was accepted")
      return
    }
    #expect(message.contains("settings"))
    var features = EngineConfiguration()
    features.features = .all
    let other = try Engine(features)
    guard case .artifact? = wasmError({ _ = try other.load(artifact: bytes) }) else {
      Issue.record("an artifact of other features was accepted")
      return
    }
  }

  /// Code for any processor runs on this one, in engines that compile for this one too; what it was made for stays
  /// written in it.
  @Test func otherProcessors() throws {
    let wat = """
      (module (memory 1) (global $g (mut v128) (v128.const i32x4 1 2 3 4))
        (func (export "f") (param v128) (result v128 v128)
          (v128.store (i32.const 3) (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15))
          (v128.load8_lane 1 (i32.const 5) (local.get 0)) (v128.load16_splat (i32.const 4))))
      """
    var configuration = EngineConfiguration()
    configuration.usesBaselineCPU = true
    let portable = try Engine(configuration)
    for (from, to) in [(portable, Fixture.engine), (Fixture.engine, portable), (portable, portable)] {
      let bytes = try from.compile(wat: wat).artifact()
      let module = try to.load(artifact: bytes)
      #expect(module.artifact() == bytes)
      let instance = try Linker<Void>(to).instantiate(module, in: Store(to))
      let function = try instance.function("f", as: ((SIMD16<UInt8>) -> (SIMD16<UInt8>, SIMD8<UInt16>)).self)
      let (bytesOut, words) = try function(SIMD16(repeating: 9))
      #expect(bytesOut == SIMD16(9, 2, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9))
      #expect(words == SIMD8(repeating: 0x0201))
    }
  }

  @Test func errorsOfModules() throws {
    guard case .malformed(let malformed)? = wasmError({ _ = try Fixture.engine.compile([0, 0x61, 0x73]) }) else {
      Issue.record("a cut module was accepted")
      return
    }
    #expect(malformed.offset != nil)
    guard case .invalid(let invalid)? = wasmError({ _ = try Fixture.compile("(module (func (result i32)))") }) else {
      Issue.record("an invalid module was accepted")
      return
    }
    #expect(invalid.message.hasPrefix("type mismatch"))
    guard case .malformed(let text)? = wasmError({ _ = try Fixture.compile("(module\n  (funk))") }) else {
      Issue.record("a malformed text was accepted")
      return
    }
    #expect(text.line == 2)
  }

  @Test func compilesWithoutBlocking() async throws {
    let bytes: [UInt8] = [0, 0x61, 0x73, 0x6D, 1, 0, 0, 0]
    let module = try await Fixture.engine.compile(bytes)
    #expect(module.exports.isEmpty)
    await #expect(throws: WasmError.self) { _ = try await Fixture.engine.compile([1]) }
  }
}
