@testable import Aviary
import Glibc
import Testing

/// Artifacts that hold memories' images, copied from the file and mapped from it.
@Suite struct ArtifactImageTests {
  /// One image is copied by every pool; the other is large enough to be mapped by all.
  static let large = 5 << 20
  static let wat = """
    (module
      (memory (export "small") 2) (memory (export "large") 90)
      (data (memory 0) (i32.const 5000) "small image")
      (data (memory 1) (i32.const 70000) "\(String(repeating: "0123456789abcdef", count: large / 16))")
      (data (memory 1) (i32.const 70001) "LATER"))
    """
  static let bytes = Result { try Fixture.compile(wat).artifact() }

  static func pooled(_ reset: PoolingConfiguration.Reset = .automatic) throws -> Engine {
    var pool = PoolingConfiguration(instances: 4, maxMemory: .mebibytes(8), protectionKeys: .off)
    pool.memoriesPerInstance = 2
    pool.reset = reset
    var configuration = EngineConfiguration()
    configuration.allocation = .pooling(pool)
    return try Engine(configuration)
  }

  /// A file that goes with the value.
  final class TemporaryFile {
    let path: String
    init(_ bytes: [UInt8], mode: mode_t = 0o600) throws {
      var template = Array("/tmp/aviary-artifact-XXXXXX".utf8CString)
      let descriptor = unsafe mkstemp(&template)
      path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      try #require(descriptor >= 0)
      TemporaryFile.write(bytes, to: descriptor)
      fchmod(descriptor, mode)
      close(descriptor)
    }
    deinit { unsafe unlink(path) }

    static func write(_ bytes: [UInt8], to descriptor: Int32) {
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        precondition(count > 0)
        rest = rest.dropFirst(count)
      }
    }
  }

  static func check(_ module: Module, _ comment: Comment, later: String = "LATER") throws {
    // Often enough for a reset to have learnt what is written.
    for _ in 0..<10 {
      let instance = try Linker<Void>(module.engine).instantiate(module, in: Store(module.engine))
      let small = try instance.memory("small")
      let large = try instance.memory("large")
      #expect(try Self.text(small, 5000, 11) == "small image", comment)
      #expect(try Self.text(small, 4990, 10) == String(repeating: "\0", count: 10), comment)
      #expect(try Self.text(large, 69_999, 9) == "\0" + "0" + later + "67", comment)
      #expect(try Self.text(large, UInt64(70_000 + Self.large - 4), 6) == "cdef\0\0", comment)
      // The next one does not find it.
      try small.write([1, 2, 3], at: 5000)
      try large.write([1, 2, 3], at: 70_000)
    }
  }

  static func text(_ memory: Memory, _ offset: UInt64, _ count: Int) throws -> String {
    String(decoding: try memory.bytes(at: offset, count: count), as: UTF8.self)
  }

  @Test func imagesAreKeptInWholePages() throws {
    let bytes = try Self.bytes.get()
    let file = try ArtifactFile(bytes, tunables: Fixture.engine.tunables, features: Fixture.engine.configuration.features.rawValue)
    let module = try Fixture.engine.load(artifact: bytes)
    let offsets = try file.imageOffsets(module.info)
    #expect(offsets.count == 2 && offsets.allSatisfy { $0 % 4096 == 0 })
    #expect(Array(bytes[Int(offsets[0]) + 904..<Int(offsets[0]) + 909]) == Array("small".utf8))
    #expect(module.artifact() == bytes)
  }

  @Test func loadedByCopyAndByMapping() throws {
    let bytes = try Self.bytes.get()
    for engine in [try Self.pooled(), try Self.pooled(.keepResident), Fixture.engine] {
      try Self.check(try engine.load(artifact: bytes), "copied")
      let file = try TemporaryFile(bytes)
      let module = try engine.load(mappingArtifactAt: file.path)
      try Self.check(module, "mapped")
      #expect(module.artifact() == bytes)
      // Removed, or another file in its place.
      unsafe unlink(file.path)
      try Self.check(module, "removed")
    }
  }

  /// What was read before does not follow the file.
  @Test func aCopyDoesNotFollowTheFile() throws {
    let bytes = try Self.bytes.get()
    let engine = try Self.pooled()
    let file = try TemporaryFile(bytes)
    let module = try engine.load(artifact: bytes)
    unsafe truncate(file.path, 10)
    try Self.check(module, "truncated")
  }

  /// That it is mapped shows where the file holds something else than the module's segments.
  @Test func theMappingIsOfTheFile() throws {
    var bytes = try Self.bytes.get()
    let plain = try Fixture.engine.load(artifact: bytes)
    let offsets = try ArtifactFile(
      bytes, tunables: Fixture.engine.tunables, features: Fixture.engine.configuration.features.rawValue
    ).imageOffsets(plain.info)
    bytes.replaceSubrange(Int(offsets[1]) + 70_001 % 4096..<Int(offsets[1]) + 70_001 % 4096 + 5, with: Array("OTHER".utf8))
    Self.hash(&bytes)
    let file = try TemporaryFile(bytes)
    try Self.check(try Self.pooled().load(mappingArtifactAt: file.path), "mapped", later: "OTHER")
    try Self.check(try Self.pooled().load(artifact: bytes), "copied")
  }

  @Test func filesThatOthersMayChangeAreRefused() throws {
    let bytes = try Self.bytes.get()
    let engine = try Self.pooled()
    for mode in [0o620, 0o602] as [mode_t] {
      let file = try TemporaryFile(bytes, mode: mode)
      guard case .limit(let message)? = wasmError({ _ = try engine.load(mappingArtifactAt: file.path) }) else {
        Issue.record("mode \(mode) was accepted")
        continue
      }
      #expect(message.contains("others"))
    }
    for path in ["/tmp", "/dev/null", "/nonexistent/artifact", "/proc/self/status"] {
      #expect(wasmError { _ = try engine.load(mappingArtifactAt: path) } != nil, "\(path)")
    }
    let empty = try TemporaryFile([])
    #expect(wasmError { _ = try engine.load(mappingArtifactAt: empty.path) } != nil)
  }

  /// The hash right, the numbers wrong: an error, whatever they are.
  @Test func imagesThatDoNotFit() throws {
    let bytes = try Self.bytes.get()
    let engine = try Self.pooled()
    func word(_ offset: Int) -> Int { (0..<8).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) } }
    let start = 128 + word(56) + word(64) + 8 * (word(72) + word(80) + word(88))
    try #require(word(120) == 2 && word(start) == 0 && word(start + 24) == 1)
    func refused(_ change: (inout [UInt8]) -> Void) -> Bool {
      var copy = bytes
      change(&copy)
      Self.hash(&copy)
      guard case .artifact? = wasmError({ _ = try engine.load(artifact: copy) }) else { return false }
      guard let file = try? TemporaryFile(copy) else { return false }
      guard case .artifact? = wasmError({ _ = try engine.load(mappingArtifactAt: file.path) }) else { return false }
      return true
    }
    func put(_ value: UInt64, _ bytes: inout [UInt8], at offset: Int) {
      for index in 0..<8 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
    let odd: [UInt64] = [1, 4095, 8192, 1 << 40, 1 << 63, .max, .max - 4095]
    for value in odd {
      for word in 0..<6 { #expect(refused { put(value, &$0, at: start + 8 * word) } || value == 1 && word == 3, "\(word): \(value)") }
      // The number of images.
      #expect(refused { put(value, &$0, at: 120) }, "\(value) images")
    }
    #expect(refused { put(0, &$0, at: 120) })
    #expect(refused { $0.removeLast(4096) })
    #expect(refused { $0.removeLast() })
    #expect(refused { $0.append(0) })
    #expect(refused { $0 += [UInt8](repeating: 0, count: 4096) })
  }

  private static func hash(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { bytes in
      let hash = unsafe ContentHash(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[32...]))
      unsafe bytes.storeBytes(of: hash.low.littleEndian, toByteOffset: 16, as: UInt64.self)
      unsafe bytes.storeBytes(of: hash.high.littleEndian, toByteOffset: 24, as: UInt64.self)
    }
  }
}
