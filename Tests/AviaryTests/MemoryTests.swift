import Aviary
import Testing

@Suite struct MemoryTests {
  func memory(_ pages: UInt64 = 1, maximum: UInt64? = nil) throws -> Memory {
    try Memory(in: Store(Fixture.engine), MemoryType(minimum: pages, maximum: maximum))
  }

  @Test func accessAtTheEdges() throws {
    let memory = try memory()
    try memory.store(UInt64.max, at: 65528)
    #expect(try memory.load(UInt64.self, at: 65528) == .max)
    #expect(try memory.load(UInt8.self, at: 65535) == 255)
    try memory.store(Int16(-2), at: 1)
    #expect(try memory.load(Int16.self, at: 1) == -2)
    #expect(try memory.bytes(at: 1, count: 2) == [0xFE, 0xFF])
    try memory.store(Float(1.5), at: 3)
    #expect(try memory.load(Float.self, at: 3) == 1.5)
    try memory.store(Double.pi, at: 5)
    #expect(try memory.load(Double.self, at: 5) == .pi)
    #expect(try memory.bytes(at: 65536, count: 0) == [])
  }

  @Test func everyHelperThrowsOnBadRanges() throws {
    let memory = try memory()
    let bad: [() throws -> Void] = [
      { _ = try memory.load(UInt64.self, at: 65529) },
      { _ = try memory.load(UInt8.self, at: 65536) },
      { _ = try memory.load(Int32.self, at: Int32(-1)) },
      { _ = try memory.load(Int32.self, at: -1) },
      { _ = try memory.load(Int32.self, at: UInt64.max) },
      { try memory.store(UInt16(1), at: 65535) },
      { try memory.store(1.5, at: Int64.min) },
      { _ = try memory.bytes(at: 0, count: 65537) },
      { _ = try memory.bytes(at: 1, count: UInt64.max) },
      { _ = try memory.bytes(at: UInt64.max, count: UInt64.max) },
      { _ = try memory.string(at: 65537, count: 0) },
      { _ = try memory.string(at: 0, count: -1) },
      { try memory.write([1, 2], at: 65535) },
      { try memory.write("ab", at: 65535) },
      { try memory.write([1, 2], at: 65535, capacity: 2) },
      { try memory.fill(at: 65535, count: 2, with: 0) },
      { try memory.copy(from: 0, to: 65535, count: 2) },
      { try memory.copy(from: 65535, to: 0, count: 2) },
      { _ = try memory.withBytes(at: 65535, count: 2) { $0.byteCount } },
      { _ = try memory.withMutableBytes(at: 65535, count: 2) { $0.byteCount } },
    ]
    for (index, body) in bad.enumerated() { #expect(trapCode(body) == .memoryOutOfBounds, "helper \(index)") }
    // Nothing was written.
    #expect(try memory.bytes(at: 65530, count: 6) == [0, 0, 0, 0, 0, 0])
  }

  @Test func bulkAndSpans() throws {
    let memory = try memory()
    try memory.write("hello, aviary", at: 10)
    #expect(try memory.string(at: Int32(10), count: Int32(13)) == "hello, aviary")
    try memory.copy(from: 10, to: 12, count: 13)
    #expect(try memory.string(at: 12, count: 13) == "hello, aviary")
    try memory.fill(at: 0, count: 4, with: 0x41)
    #expect(try memory.string(at: 0, count: 4) == "AAAA")
    let sum = try memory.withBytes(at: 0, count: 4) { bytes in
      (0..<bytes.byteCount).reduce(0) { unsafe $0 + Int(bytes.unsafeLoad(fromByteOffset: $1, as: UInt8.self)) }
    }
    #expect(sum == 4 * 0x41)
    try memory.withMutableBytes(at: 100, count: 2) { bytes in
      bytes.storeBytes(of: 0x0201, toByteOffset: 0, as: UInt16.self)
    }
    #expect(try memory.bytes(at: 100, count: 2) == [1, 2])
    #expect(throws: Mishap(number: 3)) { try memory.withBytes(at: 0, count: 1) { _ in throw Mishap(number: 3) } }
    try memory.write([0xFF, 0x41], at: 200)
    #expect(try memory.string(at: 200, count: 2) == "\u{FFFD}A")
  }

  @Test func growth() throws {
    let memory = try memory(1, maximum: 3)
    #expect(try memory.grow(by: 1) == 1)
    #expect(memory.pageCount == 2)
    #expect(memory.byteCount == 131072)
    try memory.store(UInt8(1), at: 131071)
    for pages: UInt64 in [2, 65536, .max] {
      guard case .limit? = wasmError({ try memory.grow(by: pages) }) else {
        Issue.record("grew by \(pages)")
        continue
      }
    }
    #expect(try memory.grow(by: 0) == 2)
    #expect(try memory.grow(by: 1) == 2)
    #expect(memory.type == MemoryType(minimum: 1, maximum: 3))
  }

  @Test func impossibleTypes() throws {
    let store = Store(Fixture.engine)
    for type in [
      MemoryType(minimum: .max), MemoryType(minimum: 65537), MemoryType(minimum: 2, maximum: 1),
      MemoryType(minimum: .max, is64: true), MemoryType(minimum: 1, pageSize: 3), MemoryType(minimum: 1, pageSize: 0),
    ] {
      #expect(wasmError { _ = try Memory(in: store, type) } != nil, "\(type)")
    }
    // No pages is a memory all the same.
    let empty = try Memory(in: store, MemoryType(minimum: 0))
    #expect(try empty.bytes(at: 0, count: 0) == [])
    #expect(trapCode { _ = try empty.load(UInt8.self, at: 0) } == .memoryOutOfBounds)
  }

  @Test func guestsAndHostShareMemory() throws {
    let store = Store(Fixture.engine)
    let linker = Linker<Void>(Fixture.engine)
    let memory = try Memory(in: store, MemoryType(minimum: 1, maximum: 4))
    linker.define("env", "memory", memory)
    let instance = try linker.instantiate(
      try Fixture.compile(
        """
        (module (import "env" "memory" (memory 1 4))
          (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
          (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
        """), in: store)
    try memory.store(UInt8(7), at: 5)
    let get = try instance.function("get", as: ((Int32) -> Int32).self)
    #expect(try get(5) == 7)
    #expect(trapCode { _ = try get(65536) } == .memoryOutOfBounds)
    try memory.grow(by: 1)
    #expect(try get(65536) == 0)
    #expect(try instance.function("grow", as: ((Int32) -> Int32).self)(2) == 2)
    #expect(memory.pageCount == 4)
    #expect(try instance.function("grow", as: ((Int32) -> Int32).self)(1) == -1)
  }
}
