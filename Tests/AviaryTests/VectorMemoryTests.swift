import Aviary
import Testing

/// Loads and stores of vectors and lanes at all edges of memories of all kinds: bounds, and no change where it traps.
@Suite struct VectorMemoryTests {
  /// Operator, bytes accessed, and the text of its lane.
  private static let loads: [(String, Int, String)] = [
    ("v128.load", 16, ""), ("v128.load8x8_s", 8, ""), ("v128.load8x8_u", 8, ""), ("v128.load16x4_s", 8, ""),
    ("v128.load16x4_u", 8, ""), ("v128.load32x2_s", 8, ""), ("v128.load32x2_u", 8, ""), ("v128.load8_splat", 1, ""),
    ("v128.load16_splat", 2, ""), ("v128.load32_splat", 4, ""), ("v128.load64_splat", 8, ""), ("v128.load32_zero", 4, ""),
    ("v128.load64_zero", 8, ""),
  ]
  private static let lanes: [(String, Int)] = [("8", 1), ("16", 2), ("32", 4), ("64", 8)]

  /// What the operator makes of the bytes.
  private static func expected(_ name: String, _ bytes: [UInt8]) -> V128 {
    func word(_ at: Int, _ size: Int) -> UInt64 { (0..<size).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) } }
    func extended(_ from: Int, isSigned: Bool) -> V128 {
      var out = [UInt8](repeating: 0, count: 16)
      for lane in 0..<(8 / from) {
        let fill: UInt8 = isSigned && bytes[lane * from + from - 1] & 0x80 != 0 ? 0xFF : 0
        for byte in 0..<2 * from { out[lane * 2 * from + byte] = byte < from ? bytes[lane * from + byte] : fill }
      }
      return V128(SIMD16<UInt8>(out))
    }
    switch name {
    case "v128.load": return V128(low: word(0, 8), high: word(8, 8))
    case "v128.load8x8_s", "v128.load8x8_u": return extended(1, isSigned: name.hasSuffix("s"))
    case "v128.load16x4_s", "v128.load16x4_u": return extended(2, isSigned: name.hasSuffix("s"))
    case "v128.load32x2_s", "v128.load32x2_u": return extended(4, isSigned: name.hasSuffix("s"))
    case "v128.load8_splat": return V128(SIMD16<UInt8>(repeating: bytes[0]))
    case "v128.load16_splat": return V128(SIMD8<UInt16>(repeating: UInt16(word(0, 2))))
    case "v128.load32_splat": return V128(SIMD4<UInt32>(repeating: UInt32(word(0, 4))))
    case "v128.load64_splat": return V128(SIMD2<UInt64>(repeating: word(0, 8)))
    case "v128.load32_zero": return V128(low: word(0, 4), high: 0)
    default: return V128(low: word(0, 8), high: 0)
    }
  }

  private struct Kind {
    var memory: String
    var use: String
    var type: String
  }
  private static let kinds: [Kind] = [
    Kind(memory: "(memory (export \"memory\") 1 2)", use: "", type: "i32"),
    Kind(memory: "(memory 1) (memory $m (export \"memory\") 1 2)", use: "$m", type: "i32"),
    Kind(memory: "(memory (export \"memory\") i64 1 2)", use: "", type: "i64"),
    Kind(memory: "(memory (export \"memory\") 65536 65537 (pagesize 1))", use: "", type: "i32"),
    Kind(memory: "(memory (import \"env\" \"memory\") 1 2) (export \"memory\" (memory 0))", use: "", type: "i32"),
  ]

  private static func wat(_ kind: Kind, _ offset: UInt64) -> String {
    let place = "\(kind.use) offset=\(offset)"
    var functions: [String] = []
    for (name, _, _) in loads {
      functions.append("(func (export \"\(name)\") (param \(kind.type)) (result v128) (\(name) \(place) (local.get 0)))")
    }
    functions.append(
      "(func (export \"store\") (param \(kind.type) v128) (v128.store \(place) (local.get 0) (local.get 1)))")
    for (bits, size) in lanes {
      for lane in [0, 16 / size - 1] {
        functions.append("""
          (func (export "load\(bits)_\(lane)") (param \(kind.type) v128) (result v128) (local v128)
            (local.set 2 (v128.load\(bits)_lane \(place) \(lane) (local.get 0) (local.get 1))) (local.get 2))
          (func (export "store\(bits)_\(lane)") (param \(kind.type) v128)
            (v128.store\(bits)_lane \(place) \(lane) (local.get 0) (local.get 1)))
          """)
      }
    }
    return "(module \(kind.memory) \(functions.joined(separator: "\n")))"
  }

  @Test(arguments: VectorFixture.names, 0..<kinds.count)
  func edges(_ name: String, _ kindNumber: Int) throws {
    let engine = VectorFixture.named(name)
    let kind = Self.kinds[kindNumber]
    let store = Store(engine)
    if case .epoch = engine.configuration.interruption { try store.setEpochDeadline(ticks: 1 << 40) }
    let linker = Linker<Void>(engine)
    linker.define("env", "memory", try Memory(in: store, MemoryType(minimum: 1, maximum: 2)))
    for offset: UInt64 in [0, 5, 40_000, 0x7FFF_FFFF, 0xFFFF_FFF0] {
      let instance = try linker.instantiate(try engine.compile(wat: Self.wat(kind, offset)), in: store)
      let memory = try instance.memory("memory")
      let size = 65536
      let bytes = (0..<16).map { UInt8(truncatingIfNeeded: $0 * 17 + 130) }
      func index(_ address: Int) -> Value? {
        let index = Int64(address) - Int64(offset)
        if kind.type == "i64" { return .i64(index) }
        return index < 0 ? nil : .i32(Int32(truncatingIfNeeded: index))
      }
      /// Of the last 16 bytes of the memory.
      func end() throws -> [UInt8] { try memory.bytes(at: UInt64(size - 16), count: 16) }
      let filler = [UInt8](repeating: 0x5A, count: 16)
      for (name, width, _) in Self.loads {
        let load = try instance.function(name)
        for address in [40_000, size - width] {
          guard let index = index(address) else { continue }
          try memory.write(Array(bytes[..<width]), at: UInt64(address))
          if kind.type == "i64" && offset > UInt64(address) { continue }
          #expect(try load([index]) == [.v128(Self.expected(name, bytes))], "\(name) at \(address) - \(offset)")
        }
        for address in [size - width + 1, size] where kind.type == "i32" || offset <= address {
          guard let index = index(address) else { continue }
          #expect(trapCode { _ = try load([index]) } == .memoryOutOfBounds, "\(name) at \(address)")
        }
        #expect(trapCode { _ = try load([kind.type == "i64" ? .i64(-1) : .i32(-1)]) } == .memoryOutOfBounds)
      }
      let value = V128(SIMD16<UInt8>(bytes))
      func checkStore(_ name: String, _ width: Int, _ source: Int) throws {
        let function = try instance.function(name)
        try memory.write(filler, at: UInt64(size - 16))
        for address in [size - width + 1, size - 1, size] where kind.type == "i32" || offset <= address {
          guard let index = index(address), address + width > size else { continue }
          #expect(trapCode { _ = try function([index, .v128(value)]) } == .memoryOutOfBounds, "\(name) at \(address)")
          #expect(try end() == filler, "\(name) changed the memory before it trapped")
        }
        guard let index = index(size - width), kind.type == "i32" || offset <= size - width else { return }
        _ = try function([index, .v128(value)])
        #expect(try end() == Array(filler[width...]) + Array(bytes[source..<source + width]), "\(name)")
      }
      try checkStore("store", 16, 0)
      for (bits, width) in Self.lanes {
        for lane in [0, 16 / width - 1] {
          try checkStore("store\(bits)_\(lane)", width, lane * width)
          let load = try instance.function("load\(bits)_\(lane)")
          if let index = index(size - width), kind.type == "i32" || offset <= size - width {
            try memory.write(Array(repeating: 0xC3, count: width), at: UInt64(size - width))
            var expected = bytes
            for byte in 0..<width { expected[lane * width + byte] = 0xC3 }
            #expect(try load([index, .v128(value)]) == [.v128(V128(SIMD16<UInt8>(expected)))])
          }
          if let index = index(size - width + 1), kind.type == "i32" || offset <= size {
            #expect(trapCode { _ = try load([index, .v128(value)]) } == .memoryOutOfBounds)
          }
        }
      }
    }
  }
}
