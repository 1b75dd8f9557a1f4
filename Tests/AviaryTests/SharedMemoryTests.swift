import Aviary
import Foundation
import Synchronization
import Testing

/// Shared memories: stores and threads around one, growth, limits, copies.
@Suite struct SharedMemoryTests {
  static let engine = AtomicTests.engine
  static let type = MemoryType(minimum: 1, maximum: 16, isShared: true)

  /// An instance in a store of its own that imports the memory.
  static func instance(_ wat: String, _ memory: SharedMemory) throws -> Instance {
    let linker = Linker<Void>(memory.engine)
    linker.define("env", "memory", memory)
    return try linker.instantiate(try memory.engine.compile(wat: wat), in: Store(memory.engine))
  }

  /// Runs a body on threads of the system's, and waits for them.
  static func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) async throws {
    let failures = Shared<[String]>([])
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<count {
        group.addTask {
          await withCheckedContinuation { continuation in
            let thread = Thread {
              do { try body(number) } catch { failures.update { $0.append("\(error)") } }
              continuation.resume()
            }
            thread.start()
          }
        }
      }
    }
    #expect(failures.now.isEmpty, "\(failures.now)")
  }

  static let counting = """
    (module (import "env" "memory" (memory 1 16 shared))
      (data (i32.const 100) "shared")
      (func (export "count") (param $turns i32)
        (loop $again
          (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
          (drop (i32.atomic.rmw8.add_u (i32.const 5) (i32.const 3)))
          (drop (i64.atomic.rmw.sub (i32.const 8) (i64.const 2)))
          (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
          (br_if $again (local.get $turns))))
      (func (export "lock") (param $turns i32)
        (loop $again
          (loop $spin (br_if $spin (i32.atomic.rmw.cmpxchg (i32.const 16) (i32.const 0) (i32.const 1))))
          (i32.store (i32.const 20) (i32.add (i32.load (i32.const 20)) (i32.const 1)))
          (i32.atomic.store (i32.const 16) (i32.const 0))
          (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
          (br_if $again (local.get $turns))))
      (func (export "flip") (param $turns i32) (param $mask i32) (result i32)
        (local $seen i32)
        (loop $again
          (local.set $seen (i32.xor (local.get $seen) (i32.atomic.rmw.xor (i32.const 24) (local.get $mask))))
          (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
          (br_if $again (local.get $turns)))
        (local.get $seen))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "size") (result i32) (memory.size))
      (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (local.get 1) (i32.const 1000)))
      (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2))))
    """

  @Test func sumsOfThreadsAreExact() async throws {
    let memory = try SharedMemory(Self.engine, Self.type)
    let module = try Self.engine.compile(wat: Self.counting)
    let linker = Linker<Void>(Self.engine)
    linker.define("env", "memory", memory)
    let linked = try linker.link(module)
    try await Self.onThreads(4) { _ in
      let instance = try linked.instantiate(in: Store(Self.engine))
      _ = try instance.function("count")([.i32(20_000)])
      _ = try instance.function("lock")([.i32(500)])
      for mask in [1, 2, 4] as [Int32] { _ = try instance.function("flip")([.i32(1001), .i32(mask)]) }
    }
    #expect(try memory.atomicLoad(UInt32.self, at: 0) == 80_000)
    #expect(try memory.atomicLoad(UInt8.self, at: 5) == UInt8(truncatingIfNeeded: 240_000))
    #expect(try memory.atomicLoad(Int64.self, at: 8) == -160_000)
    #expect(try memory.atomicLoad(UInt32.self, at: 20) == 2000)
    #expect(try memory.atomicLoad(UInt32.self, at: 24) == 0)
    #expect(try memory.string(at: 100, count: 6) == "shared")
  }

  /// Random operators of random widths by guests and the host at a time; what cannot be lost is checked.
  @Test func randomOperatorsOfThreads() async throws {
    let seed = UInt64.random(in: .min ... .max)
    let memory = try SharedMemory(Self.engine, Self.type)
    let module = try Self.engine.compile(
      wat: """
        (module (import "env" "memory" (memory 1 16 shared))
          (func (export "a8") (param i32 i32) (drop (i32.atomic.rmw8.add_u (local.get 0) (local.get 1))))
          (func (export "a16") (param i32 i32) (result i32) (i32.atomic.rmw16.add_u (local.get 0) (local.get 1)))
          (func (export "a32") (param i32 i32) (result i64) (i64.atomic.rmw32.sub_u (local.get 0) (i64.extend_i32_s (local.get 1))))
          (func (export "x32") (param i32 i32) (result i32) (i32.atomic.rmw.xor (local.get 0) (local.get 1)))
          (func (export "c64") (param $p i32) (param $v i32) (local $old i64)
            (loop $again
              (local.set $old (i64.atomic.load (local.get $p)))
              (br_if $again (i64.ne (local.get $old)
                (i64.atomic.rmw.cmpxchg (local.get $p) (local.get $old)
                  (i64.add (local.get $old) (i64.extend_i32_s (local.get $v)))))))))
        """)
    let linker = Linker<Void>(Self.engine)
    linker.define("env", "memory", memory)
    let linked = try linker.link(module)
    let sums = Shared<[Int64]>([0, 0, 0, 0, 0])
    try await Self.onThreads(4) { number in
      var random = SplitMix(state: seed &+ UInt64(number))
      let instance = try linked.instantiate(in: Store(Self.engine))
      let functions = try ["a8", "a16", "a32", "x32", "c64"].map { try instance.function($0) }
      var own: [Int64] = [0, 0, 0, 0, 0]
      for _ in 0..<3000 {
        let which = Int(random.next() % 5)
        let value = Int32(truncatingIfNeeded: random.next())
        let address = Int32(8 * which)
        if number == 0, which == 0 {
          try memory.atomicAdd(UInt8(truncatingIfNeeded: value), at: address)
        } else if number == 0, which == 3 {
          try memory.atomicXor(value, at: address)
        } else {
          _ = try functions[which]([.i32(address), .i32(value)])
        }
        switch which {
        case 2: own[2] &-= Int64(value)
        case 3: own[3] ^= Int64(UInt32(bitPattern: value))
        default: own[which] &+= Int64(value)
        }
      }
      sums.update { all in
        for index in 0..<5 { all[index] = index == 3 ? all[3] ^ own[3] : all[index] &+ own[index] }
      }
    }
    let expected = sums.now
    #expect(try memory.atomicLoad(UInt8.self, at: 0) == UInt8(truncatingIfNeeded: expected[0]), "seed \(seed)")
    #expect(try memory.atomicLoad(UInt16.self, at: 8) == UInt16(truncatingIfNeeded: expected[1]), "seed \(seed)")
    #expect(try memory.atomicLoad(UInt32.self, at: 16) == UInt32(truncatingIfNeeded: expected[2]), "seed \(seed)")
    #expect(try memory.atomicLoad(UInt32.self, at: 24) == UInt32(truncatingIfNeeded: expected[3]), "seed \(seed)")
    #expect(try memory.atomicLoad(Int64.self, at: 32) == expected[4], "seed \(seed)")
    #expect(try memory.bytes(at: 1, count: 7) == [0, 0, 0, 0, 0, 0, 0], "seed \(seed)")
  }

  @Test func growthIsSeenByAll() async throws {
    let memory = try SharedMemory(Self.engine, MemoryType(minimum: 1, maximum: 65, isShared: true))
    let wat = Self.counting.replacing("(memory 1 16 shared)", with: "(memory 1 65 shared)")
    let module = try Self.engine.compile(wat: wat)
    let linker = Linker<Void>(Self.engine)
    linker.define("env", "memory", memory)
    let linked = try linker.link(module)
    let olds = Shared<[Int32]>([])
    try await Self.onThreads(4) { _ in
      let instance = try linked.instantiate(in: Store(Self.engine))
      for _ in 0..<16 {
        guard case .i32(let old) = try instance.function("grow")([.i32(1)])[0] else { return }
        // What was grown can be touched at once.
        _ = try instance.function("load")([.i32(old << 16 + 65532)])
        olds.update { $0.append(old) }
      }
    }
    // Each growth had a page of its own.
    #expect(olds.now.sorted() == Array(1...64))
    #expect(memory.pageCount == 65)
    #expect(throws: WasmError.self) { try memory.grow(by: 1) }
    let instance = try await linked.instantiate(in: Store(Self.engine))
    #expect(AtomicTests.bits(try instance.function("size")([])[0]) == 65)
    #expect(AtomicTests.bits(try instance.function("grow")([.i32(1)])[0]) == 0xFFFF_FFFF)
    #expect(trapCode { _ = try instance.function("load")([.i32(65 << 16)]) } == .memoryOutOfBounds)
  }

  @Test func aModulesOwnIsShared() throws {
    let module = try Self.engine.compile(
      wat: """
        (module (memory (export "memory") 1 3 shared) (data (i32.const 8) "own")
          (func (export "grow") (result i32) (memory.grow (i32.const 1)))
          (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
          (func (export "size") (result i32) (memory.size)))
        """)
    let first = try Linker<Void>(Self.engine).instantiate(module, in: Store(Self.engine))
    let shared = try #require(try first.memory().shared)
    #expect(try shared.string(at: 8, count: 3) == "own")
    let second = try Self.instance(Self.counting.replacing("(memory 1 16 shared)", with: "(memory 1 3 shared)"), shared)
    #expect(AtomicTests.bits(try second.function("grow")([.i32(1)])[0]) == 1)
    #expect(AtomicTests.bits(try first.function("size")([])[0]) == 2)
    _ = try first.function("store")([.i32(65536), .i32(77)])
    #expect(AtomicTests.bits(try second.function("load")([.i32(65536)])[0]) == 77)
    #expect(try shared.memory(in: Store(Self.engine)).shared == shared)
    #expect(try first.memory() == first.memory())
  }

  @Test func livesAsLongAsAnybodyHasIt() throws {
    var memory: SharedMemory? = try SharedMemory(Self.engine, Self.type)
    var first: Instance? = try Self.instance(Self.counting, memory!)
    let second = try Self.instance(Self.counting, memory!)
    try memory!.atomicStore(UInt32(5), at: 0)
    memory = nil
    _ = try first!.function("count")([.i32(1)])
    first = nil
    #expect(AtomicTests.bits(try second.function("load")([.i32(0)])[0]) == 6)
  }

  @Test func importsAreMatched() throws {
    let memory = try SharedMemory(Self.engine, Self.type)
    for type in ["1 16", "2 16 shared", "1 15 shared", "i64 1 16 shared"] {
      let error = wasmError { _ = try Self.instance("(module (import \"env\" \"memory\" (memory \(type))))", memory) }
      guard case .link? = error else {
        Issue.record("\(type): \(String(describing: error))")
        continue
      }
    }
    _ = try Self.instance("(module (import \"env\" \"memory\" (memory 0 17 shared)))", memory)
    let other = try Engine(Self.engine.configuration)
    #expect(throws: WasmError.self) {
      let linker = Linker<Void>(other)
      linker.define("env", "memory", memory)
      _ = try linker.link(try other.compile(wat: "(module (import \"env\" \"memory\" (memory 1 16 shared)))"))
    }
  }

  @Test func copiesOfTheHost() throws {
    let memory = try SharedMemory(Self.engine, Self.type)
    var random = SplitMix(state: 7)
    let bytes = (0..<5000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    try memory.write(bytes, at: 3)
    #expect(try memory.bytes(at: 3, count: 5000) == bytes)
    var model = [UInt8](repeating: 0, count: 65536)
    model.replaceSubrange(3..<5003, with: bytes)
    // All lengths and distances around the loops' ends, both ways.
    for count in [0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 255, 256, 257, 1000] {
      for (from, to) in [(100, 101), (101, 100), (100, 107), (120, 100), (100, 100), (100, 3000), (100, 116)] {
        try memory.copy(from: from, to: to, count: count)
        model.replaceSubrange(to..<to + count, with: Array(model[from..<from + count]))
      }
      try memory.fill(at: 2000 + count, count: count, with: UInt8(truncatingIfNeeded: count))
      model.replaceSubrange(2000 + count..<2000 + 2 * count, with: [UInt8](repeating: UInt8(truncatingIfNeeded: count), count: count))
      #expect(try memory.bytes(at: 0, count: 65536) == model, "\(count)")
    }
    #expect(trapCode { _ = try memory.bytes(at: 65530, count: 7) } == .memoryOutOfBounds)
    #expect(trapCode { try memory.write([1, 2], at: 65535) } == .memoryOutOfBounds)
    #expect(trapCode { _ = try memory.bytes(at: UInt64.max, count: 2) } == .memoryOutOfBounds)
    #expect(trapCode { try memory.fill(at: 0, count: -1, with: 1) } == .memoryOutOfBounds)
    #expect(trapCode { try memory.copy(from: 0, to: 65536, count: 1) } == .memoryOutOfBounds)
    #expect(trapCode { _ = try memory.atomicLoad(UInt32.self, at: 2) } == .unalignedAtomic)
    #expect(trapCode { _ = try memory.atomicLoad(UInt32.self, at: 65536) } == .memoryOutOfBounds)
  }

  @Test func operationsOfTheHost() throws {
    let memory = try SharedMemory(Self.engine, Self.type)
    try memory.atomicStore(Int16(-2), at: 2)
    #expect(try memory.atomicAdd(Int16(3), at: 2) == -2)
    #expect(try memory.atomicSubtract(Int16(5), at: 2) == 1)
    #expect(try memory.atomicExchange(Int16(0x0FF0), at: 2) == -4)
    #expect(try memory.atomicAnd(Int16(0x00FF), at: 2) == 0x0FF0)
    #expect(try memory.atomicOr(Int16(0x0F00), at: 2) == 0x00F0)
    #expect(try memory.atomicXor(Int16(-1), at: 2) == 0x0FF0)
    #expect(try memory.atomicLoad(UInt16.self, at: 2) == 0xF00F)
    #expect(try memory.bytes(at: 0, count: 6) == [0, 0, 0x0F, 0xF0, 0, 0])
    #expect(try memory.atomicCompareExchange(expected: UInt64(1), desired: 2, at: 8) == (false, 0))
    #expect(try memory.atomicCompareExchange(expected: UInt64(0), desired: .max, at: 8) == (true, 0))
    #expect(try memory.atomicLoad(Int64.self, at: 8) == -1)
  }

  @Test func guestsCopyAndFill() throws {
    let memory = try SharedMemory(Self.engine, Self.type)
    let instance = try Self.instance(Self.counting, memory)
    _ = try instance.function("fill")([.i32(1000), .i32(0x1AB)])
    #expect(try memory.bytes(at: 999, count: 3) == [0, 0xAB, 0xAB])
    #expect(try memory.bytes(at: 1999, count: 2) == [0xAB, 0])
    try memory.write([1, 2, 3, 4], at: 1000)
    _ = try instance.function("copy")([.i32(1002), .i32(1000), .i32(20)])
    #expect(try memory.bytes(at: 1000, count: 7) == [1, 2, 1, 2, 3, 4, 0xAB])
    #expect(trapCode { _ = try instance.function("copy")([.i32(65530), .i32(0), .i32(7)]) } == .memoryOutOfBounds)
    #expect(trapCode { _ = try instance.function("fill")([.i32(64600), .i32(0)]) } == .memoryOutOfBounds)
  }

  @Test func bytesAreNeverLent() throws {
    let memory = try SharedMemory(Self.engine, Self.type).memory(in: Store(Self.engine))
    try memory.store(UInt32(0x0403_0201), at: 1)
    #expect(try memory.load(UInt16.self, at: 2) == 0x0302)
    #expect(try memory.bytes(at: 0, count: 6) == [0, 1, 2, 3, 4, 0])
    try memory.write("text", at: 10)
    #expect(try memory.string(at: 10, count: 4) == "text")
    try memory.fill(at: 10, count: 2, with: 65)
    try memory.copy(from: 10, to: 11, count: 4)
    #expect(try memory.string(at: 10, count: 5) == "AAAxt")
    #expect(throws: WasmError.self) { try memory.withBytes(at: 0, count: 4) { $0.byteCount } }
    #expect(throws: WasmError.self) { try memory.withMutableBytes(at: 0, count: 4) { $0.byteCount } }
    #expect(trapCode { _ = try memory.load(UInt64.self, at: 65530) } == .memoryOutOfBounds)
  }

  @Test func hostFunctionsSeeACallersSharedMemory() throws {
    let memory = try SharedMemory(Self.engine, Self.type)
    let linker = Linker<Void>(Self.engine)
    linker.define("env", "memory", memory)
    linker.define("env", "read") { (caller: borrowing Caller<Void>, address: Int32) -> Int32 in
      try caller.load(Int32.self, at: address) + Int32(caller.string(at: 100, count: 2).count)
    }
    let instance = try linker.instantiate(
      try Self.engine.compile(
        wat: """
          (module (import "env" "memory" (memory 1 16 shared)) (import "env" "read" (func $read (param i32) (result i32)))
            (data (i32.const 8) "\\07\\01") (func (export "f") (result i32) (call $read (i32.const 8))))
          """), in: Store(Self.engine))
    #expect(AtomicTests.bits(try instance.function("f")([])[0]) == 0x107 + 2)
  }

  @Test func limitsHold() throws {
    var configuration = Self.engine.configuration
    configuration.sharedMemories.count = 2
    configuration.sharedMemories.totalBytes = .kibibytes(192)
    let engine = try Engine(configuration)
    let first = try SharedMemory(engine, Self.type)
    do {
      let second = try SharedMemory(engine, Self.type)
      #expect(throws: WasmError.self) { try SharedMemory(engine, Self.type) }
      try second.grow(by: 1)
      #expect(throws: WasmError.self) { try first.grow(by: 1) }
    }
    try first.grow(by: 2)
    #expect(throws: WasmError.self) { try first.grow(by: 1) }
    #expect(throws: WasmError.self) { try SharedMemory(engine, MemoryType(minimum: 1, isShared: true)) }
    #expect(throws: WasmError.self) { try SharedMemory(engine, MemoryType(minimum: 2, maximum: 1, isShared: true)) }
    #expect(throws: WasmError.self) { try SharedMemory(engine, MemoryType(minimum: 0, maximum: 1, isShared: true, pageSize: 2)) }
  }

  private final class Counting: ResourceLimiter {
    var asked: [(UInt64, UInt64, UInt64?)] = []
    var decision = GrowthDecision.allow
    func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> GrowthDecision {
      asked.append((current, desired, maximum))
      return decision
    }
  }

  @Test func limitersAreAsked() throws {
    let memory = try SharedMemory(Self.engine, Self.type)
    let limiter = Counting()
    let linker = Linker<Void>(Self.engine)
    linker.define("env", "memory", memory)
    let store = Store(Self.engine, limits: StoreLimits(memory: .kibibytes(256)), limiter: limiter)
    let instance = try linker.instantiate(try Self.engine.compile(wat: Self.counting), in: store)
    #expect(AtomicTests.bits(try instance.function("grow")([.i32(1)])[0]) == 1)
    #expect(limiter.asked.count == 1)
    #expect(limiter.asked[0] == (65536, 131072, 1 << 20))
    limiter.decision = .deny
    #expect(AtomicTests.bits(try instance.function("grow")([.i32(1)])[0]) == 0xFFFF_FFFF)
    limiter.decision = .allow
    // The store's limit counts what there is now, whoever made it grow.
    try memory.grow(by: 2)
    #expect(AtomicTests.bits(try instance.function("grow")([.i32(1)])[0]) == 0xFFFF_FFFF)
    #expect(limiter.asked.count == 2)
  }
}

/// Repeatable numbers.
private struct SplitMix {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
