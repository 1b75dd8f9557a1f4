import Aviary
import Foundation
import Testing

@testable import AviaryWASI

/// Transfers between files and memory that nobody has touched, in pools of every kind: the kernel
/// cannot fill or open such pages itself everywhere, and must not meet them.
@Suite("Transfers in pools")
struct TransferPoolTests {
  enum Kind: String, CaseIterable { case onDemand, copyOnWrite, eager, adaptive, scan, faultSignal, faultThread }

  /// More than is touched at once, and no multiple of anything.
  static let count = 3 * Vectors.largestTouched + 12_345

  static let wat = """
    (module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
      (memory (export "memory") 96)
      (data (i32.const 32) "image")
      (func $parts (param $at i32) (param $count i32)
        (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (i32.const 1000))
        (i32.store (i32.const 8) (i32.add (local.get $at) (i32.const 1000)))
        (i32.store (i32.const 12) (i32.sub (local.get $count) (i32.const 1000))))
      (func $result (param $error i32) (result i32)
        (if (result i32) (local.get $error)
          (then (i32.sub (i32.const 0) (local.get $error))) (else (i32.load (i32.const 16)))))
      (func (export "read") (param $at i32) (param $count i32) (result i32)
        (call $parts (local.get $at) (local.get $count))
        (call $result (call $read (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 16))))
      (func (export "write") (param $at i32) (param $count i32) (result i32)
        (call $parts (local.get $at) (local.get $count))
        (call $result (call $write (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 16))))
      (func (export "random") (param $at i32) (param $count i32) (result i32)
        (call $random (local.get $at) (local.get $count))))
    """

  /// nil where the machine does not permit it.
  static func engine(_ kind: Kind) throws -> Engine? {
    var pool = PoolingConfiguration(instances: 2, maxMemory: .mebibytes(8))
    switch kind {
    case .onDemand: return try Engine()
    case .copyOnWrite: pool.memoryInitialization = .copyOnWrite
    case .eager: pool.memoryInitialization = .eager
    case .adaptive: pool.reset = .adaptive
    case .scan: pool.reset = .scan
    case .faultSignal: pool.memoryInitialization = .userfaultfd(.signal)
    case .faultThread: pool.memoryInitialization = .userfaultfd(.thread)
    }
    var configuration = EngineConfiguration()
    configuration.allocation = .pooling(pool)
    return try Engine(configuration)
  }

  static func permits(_ kind: Kind) -> Bool { (try? engine(kind)) != nil }

  /// In turn, so that no byte is by chance what the tenant before left.
  static let patterns = [pattern(1), pattern(100)]

  static func pattern(_ seed: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    for index in 0..<count { bytes[index] = UInt8(truncatingIfNeeded: index &* 7 &+ index / 253 &+ seed) }
    return bytes
  }

  @Test(arguments: Kind.allCases.filter(permits))
  func `files go to untouched memory and back`(kind: Kind) throws {
    let engine = try #require(try Self.engine(kind))
    let module = try engine.compile(wat: Self.wat)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("transfer-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let source = folder.appendingPathComponent("in"), target = folder.appendingPathComponent("out")
    // Often enough for pages to be write-protected between two tenants.
    for round in 0..<16 {
      let bytes = Self.patterns[round % 2]
      try Data(bytes).write(to: source)
      var configuration = WASI.Configuration()
      configuration.standardInput = .file(path: source.path)
      configuration.standardOutput = .file(path: target.path, append: false)
      let linker = Linker<Void>(engine)
      try WASI(configuration).define(in: linker)
      let instance = try linker.instantiate(module, in: Store(engine))
      let read = try instance.function("read", as: ((Int32, Int32) -> Int32).self)
      let write = try instance.function("write", as: ((Int32, Int32) -> Int32).self)
      let random = try instance.function("random", as: ((Int32, Int32) -> Int32).self)
      let memory = try instance.memory("memory")

      // Not touched by anybody before, and then the kernel reads what it wrote.
      let place: Int32 = 70_001
      #expect(try read(place, Int32(Self.count)) == Int32(Self.count))
      #expect(try write(place, Int32(Self.count)) == Int32(Self.count))
      #expect(try Data(contentsOf: target) == Data(bytes))
      #expect(try memory.bytes(at: place, count: Self.count) == bytes)
      // Zeros that were never there.
      let end = place + Int32(Self.count)
      #expect(try write(end + 8192, 5000) == 5000)
      #expect(try Data(contentsOf: target).suffix(5000) == Data(count: 5000))
      #expect(try random(end + 40_000, 10_000) == 0)
      #expect(try memory.bytes(at: end + 40_000, count: 10_000).contains { $0 != 0 })
      #expect(try memory.bytes(at: 32, count: 5) == Array("image".utf8))
    }
  }
}
