import Aviary
import AviaryTenants
import Testing

/// Memories with pages of one byte: their length is exact, under every way to make them. And wide arithmetic.
@Suite struct CustomPageSizeTests {
  static let strategies = Strategy.all(memories: 4).filter {
    ["on demand", "copy-on-write, automatic", "copy-on-write, decommit", "eager, automatic", "userfaultfd thread",
      "userfaultfd signal"].contains($0.name)
  }

  static let wat = """
    (module
      (memory (export "memory") 100 20000 (pagesize 1)) (data (i32.const 96) "end.")
      (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
      (func (export "load64") (param i32) (result i64) (i64.load offset=2 (local.get 0)))
      (func (export "store") (param i32) (i32.store8 (local.get 0) (i32.const 0xA5)))
      (func (export "add") (param i32) (drop (i32.atomic.rmw.add (local.get 0) (i32.const 1))))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "size") (result i32) (memory.size))
      (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 7) (local.get 1))))
    """

  /// nil where the machine lacks what the strategy needs.
  static func engine(_ configuration: EngineConfiguration) throws -> Engine? {
    do { return try Engine(configuration) } catch WasmError.exhausted { return nil }
  }

  @Test(arguments: strategies.map(\.name))
  func lengthIsExact(_ name: String) throws {
    var configuration = try #require(Self.strategies.first { $0.name == name }).configuration
    configuration.features = .all
    guard let engine = try Self.engine(configuration) else { return }
    let linked = try Linker<Void>(engine).link(try engine.compile(wat: Self.wat))
    // The second tenant finds nothing of the first.
    for _ in 0..<3 {
      let instance = try linked.instantiate(in: Store(engine))
      let memory = try instance.memory()
      #expect(memory.pageSize == 1)
      #expect(memory.type.pageSize == 1)
      #expect(memory.pageCount == 100)
      #expect(memory.byteCount == 100)
      func call(_ name: String, _ arguments: Int32...) throws -> UInt64 {
        try instance.function(name)(arguments.map { .i32($0) }).first.map { AtomicTests.bits($0) } ?? 0
      }
      func faults(_ name: String, _ arguments: Int32...) -> Bool {
        trapCode { _ = try instance.function(name)(arguments.map { .i32($0) }) } == .memoryOutOfBounds
      }
      #expect(try call("load", 99) == 46)
      #expect(faults("load", 100))
      #expect(try call("load64", 90) >> 56 == 46)
      #expect(faults("load64", 91))
      #expect(faults("store", 100))
      #expect(faults("store", -1))
      #expect(faults("add", 100))
      #expect(faults("fill", 95, 6))
      #expect(trapCode { _ = try memory.bytes(at: 99, count: 2) } == .memoryOutOfBounds)
      // Up to a page of the machine's, over it, and to the end.
      for (size, step) in [(100, 1), (101, 3994), (4095, 1), (4096, 1), (4097, 15903)] as [(UInt64, Int32)] {
        #expect(try call("size") == size)
        #expect(try call("grow", step) == size)
        #expect(try call("load", Int32(size)) == 0)
        _ = try call("store", Int32(size) + step - 1)
        #expect(faults("store", Int32(size) + step))
      }
      #expect(try call("grow", 1) == 0xFFFF_FFFF)
      #expect(memory.byteCount == 20_000)
      _ = try call("fill", 0, 20_000)
    }
  }

  @Test func limitersAreToldBytes() throws {
    var configuration = EngineConfiguration()
    configuration.features = .all
    let engine = try Engine(configuration)
    let store = Store(engine, limits: StoreLimits(memory: .bytes(150)))
    let instance = try Linker<Void>(engine).instantiate(try engine.compile(wat: Self.wat), in: store)
    #expect(AtomicTests.bits(try instance.function("grow")([.i32(50)])[0]) == 100)
    #expect(AtomicTests.bits(try instance.function("grow")([.i32(1)])[0]) == 0xFFFF_FFFF)
    let memory = try Memory(in: store, MemoryType(minimum: 0, maximum: 1, pageSize: 1))
    #expect(throws: WasmError.self) { try memory.grow(by: 1) }
  }

  /// A shared one is grown by threads as any other.
  @Test func sharedOnes() throws {
    let engine = AtomicTests.engine
    let memory = try SharedMemory(engine, MemoryType(minimum: 10, maximum: 9000, pageSize: 1))
    let instance = try SharedMemoryTests.instance(
      """
      (module (import "env" "memory" (memory 1 9000 shared (pagesize 1)))
        (func (export "add") (param i32) (result i32) (i32.atomic.rmw8.add_u (local.get 0) (i32.const 1))))
      """, memory)
    let add = try instance.function("add")
    #expect(AtomicTests.bits(try add([.i32(9)])[0]) == 0)
    #expect(trapCode { _ = try add([.i32(10)]) } == .memoryOutOfBounds)
    #expect(try memory.grow(by: 5000) == 10)
    #expect(AtomicTests.bits(try add([.i32(5009)])[0]) == 0)
    #expect(trapCode { _ = try add([.i32(5010)]) } == .memoryOutOfBounds)
    #expect(memory.pageSize == 1 && memory.pageCount == 5010)
  }

  @Test func areSwitchedByFeatures() throws {
    let standard = try Engine()
    #expect(throws: WasmError.self) { try standard.compile(wat: "(module (memory 1 (pagesize 1)))") }
    let wide = "(module (func (export \"f\") (result i64 i64) (i64.mul_wide_u (i64.const -1) (i64.const -1))))"
    #expect(throws: WasmError.self) { try standard.compile(wat: wide) }
    var configuration = EngineConfiguration()
    configuration.features.insert(.wideArithmetic)
    configuration.features.insert(.customPageSizes)
    let engine = try Engine(configuration)
    _ = try engine.compile(wat: "(module (memory 1 (pagesize 1)))")
    #expect(throws: WasmError.self) { try engine.compile(wat: "(module (memory 1 (pagesize 2)))") }
    let results = try Linker<Void>(engine).instantiate(try engine.compile(wat: wide), in: Store(engine)).function("f")([])
    #expect(results.map { AtomicTests.bits($0) } == [1, .max - 1])
  }

  @Test func wideArithmetic() throws {
    let instance = try AtomicTests.instance(
      """
      (module
        (func (export "add") (param i64 i64 i64 i64) (result i64 i64)
          (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
        (func (export "sub") (param i64 i64 i64 i64) (result i64 i64)
          (i64.sub128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
        (func (export "mul_s") (param i64 i64) (result i64 i64) (i64.mul_wide_s (local.get 0) (local.get 1)))
        (func (export "mul_u") (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1))))
      """)
    var values: [UInt64] = [0, 1, 2, .max, .max - 1, 1 << 63, 1 << 63 - 1, 0x1234_5678_9ABC_DEF0]
    var state: UInt64 = 88
    for _ in 0..<8 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      values.append(state)
    }
    func call(_ name: String, _ arguments: UInt64...) throws -> [UInt64] {
      try instance.function(name)(arguments.map { .i64(Int64(bitPattern: $0)) }).map { AtomicTests.bits($0) }
    }
    func halves(_ value: UInt128) -> [UInt64] { [UInt64(truncatingIfNeeded: value), UInt64(truncatingIfNeeded: value >> 64)] }
    for (index, a) in values.enumerated() {
      for b in values {
        let (c, d) = (values[(index + 3) % values.count], values[(index + 7) % values.count])
        let left = UInt128(b) << 64 | UInt128(a)
        let right = UInt128(d) << 64 | UInt128(c)
        #expect(try call("add", a, b, c, d) == halves(left &+ right))
        #expect(try call("sub", a, b, c, d) == halves(left &- right))
        #expect(try call("mul_u", a, b) == halves(UInt128(a) * UInt128(b)))
        let product = Int128(Int64(bitPattern: a)) * Int128(Int64(bitPattern: b))
        #expect(try call("mul_s", a, b) == halves(UInt128(truncatingIfNeeded: product)))
      }
    }
  }
}
