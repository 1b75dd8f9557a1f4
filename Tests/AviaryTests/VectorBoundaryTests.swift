import Aviary
import Testing

/// v128 between Swift and guests: arguments, results, globals, host functions.
@Suite struct VectorBoundaryTests {
  private static let wat = """
    (module
      (memory 1)
      (func (export "id") (param v128) (result v128) (local.get 0))
      (func (export "swap") (param v128 v128) (result v128 v128) (local.get 1) (local.get 0))
      (func (export "mixed") (param i32 v128 f64 v128) (result v128 i32 v128 f64)
        (local.get 3) (local.get 0) (local.get 1) (local.get 2))
      (func (export "lane") (param v128 i32) (result v128)
        (i32.store (i32.const 64) (local.get 1))
        (v128.load32_lane 2 (i32.const 64) (local.get 0))))
    """

  @Test(arguments: VectorFixture.names)
  func typedFunctions(_ name: String) throws {
    let instance = try VectorFixture.instance(Self.wat, VectorFixture.named(name))
    func same<Vector: WasmType & Equatable>(_ value: Vector) throws {
      #expect(try instance.function("id", as: ((Vector) -> Vector).self)(value) == value)
      let swap = try instance.function("swap", as: ((Vector, V128) -> (V128, Vector)).self)
      let (first, second) = try swap(value, V128(low: 3, high: 4))
      #expect(first == V128(low: 3, high: 4))
      #expect(second == value)
    }
    try same(V128(low: 1, high: 1 << 63))
    try same(SIMD16<UInt8>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255))
    try same(SIMD16<Int8>(repeating: -3))
    try same(SIMD8<UInt16>(0, 1, 2, 3, 4, 5, 6, 65535))
    try same(SIMD8<Int16>(repeating: .min))
    try same(SIMD4<Int32>(-1, 2, -3, 4))
    try same(SIMD4<UInt32>(.max, 2, 3, 4))
    try same(SIMD4<Float>(1.5, -0.0, .infinity, 4))
    try same(SIMD2<Int64>(.min, .max))
    try same(SIMD2<UInt64>(.max, 0))
    try same(SIMD2<Double>(0.1, -.greatestFiniteMagnitude))

    // Lanes are where Swift has them.
    let lane = try instance.function("lane", as: ((SIMD4<Float>, Int32) -> SIMD4<Float>).self)
    #expect(try lane(SIMD4(1, 2, 3, 4), Int32(bitPattern: Float(9).bitPattern)) == SIMD4(1, 2, 9, 4))
    let bytes = try instance.function("lane", as: ((SIMD16<UInt8>, UInt32) -> SIMD4<UInt32>).self)
    #expect(try bytes(SIMD16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), 7) == SIMD4(0x0302_0100, 0x0706_0504, 7, 0x0F0E_0D0C))
    let mixed = try instance.function("mixed", as: ((Int32, SIMD2<Double>, Double, V128) -> (V128, Int32, SIMD2<Double>, Double)).self)
    let result = try mixed(-5, SIMD2(1, 2), 2.5, V128(low: 7, high: 8))
    #expect(result.0 == V128(low: 7, high: 8) && result.1 == -5 && result.2 == SIMD2(1, 2) && result.3 == 2.5)
  }

  @Test func typesAreChecked() throws {
    let instance = try VectorFixture.instance(Self.wat)
    guard case .host(let message)? = wasmError({ _ = try instance.function("id", as: ((Int64) -> SIMD4<Float>).self) }) else {
      Issue.record("a function of vectors was taken for one of integers")
      return
    }
    #expect(message.contains("v128"))
    guard case .host? = wasmError({ _ = try instance.function("id")([.f64(1)]) }) else {
      Issue.record("a float was taken for a vector")
      return
    }
  }

  @Test func values() {
    let value = V128(SIMD8<UInt16>(1, 2, 3, 4, 5, 6, 7, 0xABCD))
    #expect(value == V128(low: 0x0004_0003_0002_0001, high: 0xABCD_0007_0006_0005))
    #expect(value.lanes(as: SIMD16<UInt8>.self)[15] == 0xAB)
    let floats: SIMD4<Float> = V128(low: 0x3F80_0000_0000_0000, high: 0).lanes()
    #expect(floats == SIMD4(0, 1, 0, 0))
    #expect("\(value)" == "0xabcd0007000600050004000300020001")
    #expect("\(Value.v128(V128(low: 1, high: 0)))" == "v128:0x00000000000000000000000000000001")
    #expect(Value(defaultOf: .v128) == .v128(V128(low: 0, high: 0)))
  }

  /// Guests' memory in vectors: by lanes, and checked as a whole.
  @Test func memory() throws {
    let memory = try Memory(in: Store(Fixture.engine), MemoryType(minimum: 1))
    try memory.store(SIMD4<Float>(1, 2, 3, 4), at: 3)
    #expect(try memory.load(Float.self, at: 7) == 2)
    #expect(try memory.load(SIMD4<Float>.self, at: 3) == SIMD4(1, 2, 3, 4))
    try memory.store(V128(low: 0x0807_0605_0403_0201, high: 0x100F_0E0D_0C0B_0A09), at: 65520)
    #expect(try memory.load(V128.self, at: 65520) == V128(low: 0x0807_0605_0403_0201, high: 0x100F_0E0D_0C0B_0A09))
    #expect(try memory.load(SIMD16<UInt8>.self, at: 65520) == SIMD16(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))
    #expect(trapCode { try memory.store(SIMD2<UInt64>(0, 0), at: 65521) } == .memoryOutOfBounds)
    #expect(trapCode { _ = try memory.load(SIMD8<UInt16>.self, at: 65535) } == .memoryOutOfBounds)
    #expect(try memory.load(UInt8.self, at: 65535) == 16)
  }

  // MARK: Host functions

  private static let hostWat = """
    (module
      (import "env" "mix" (func $mix (param v128 i32 v128 v128 f32) (result v128)))
      (import "env" "pair" (func $pair (param v128) (result v128 v128 i64)))
      (import "env" "any" (func $any (param v128 v128 v128 v128 v128 v128 v128 v128 v128 i64 v128) (result v128 v128)))
      (memory 1) (data (i32.const 16) "0123456789abcdef")
      ;; Live over the calls: a pin, a constant, an entry of the operand stack.
      (func (export "mix") (param v128 i32 v128 f32) (result v128 v128 v128 v128) (local v128)
        (local.set 4 (v128.load (i32.const 16)))
        (v128.load offset=8 (i32.const 12))
        (call $mix (local.get 0) (local.get 1) (local.get 2) (local.get 4) (local.get 3))
        (v128.const i32x4 9 8 7 6)
        (local.get 4))
      (func (export "pair") (param v128) (result v128 v128 i64) (call $pair (local.get 0)))
      (func (export "any") (param v128 v128) (result v128 v128)
        (call $any (local.get 0) (local.get 1) (local.get 0) (local.get 1) (local.get 0) (local.get 1) (local.get 0) (local.get 1)
          (local.get 1) (i64.const -1) (local.get 0))))
    """

  @Test(arguments: VectorFixture.names)
  func hostFunctions(_ name: String) throws {
    let text = SIMD16<UInt8>("0123456789abcdef".utf8)
    let vectors = FunctionType(parameters: Array(repeating: .v128, count: 9) + [.i64, .v128], results: [.v128, .v128])
    let instance = try VectorFixture.instance(Self.hostWat, VectorFixture.named(name)) { linker in
      linker.define("env", "mix") {
        (_: borrowing Caller<Void>, a: SIMD4<Float>, n: Int32, b: SIMD4<Float>, c: SIMD16<UInt8>, f: Float) -> SIMD4<Float> in
        #expect(c == text)
        return a * Float(n) + b * f
      }
      linker.define("env", "pair") { (_: borrowing Caller<Void>, a: SIMD2<UInt64>) -> (SIMD2<UInt64>, V128, UInt64) in
        (a &+ 1, V128(low: a.y, high: a.x), a.x)
      }
      linker.define("env", "any", vectors) { _, arguments in
        #expect(arguments.count == 11 && arguments[9] == .i64(-1))
        return [arguments[8], arguments[10]]
      }
    }
    let mix = try instance.function(
      "mix", as: ((SIMD4<Float>, Int32, SIMD4<Float>, Float) -> (V128, SIMD4<Float>, SIMD4<UInt32>, SIMD16<UInt8>)).self)
    let mixed = try mix(SIMD4(1, 2, 3, 4), 10, SIMD4(1, 1, 1, 2), 0.5)
    #expect(mixed.0.lanes(as: SIMD16<UInt8>.self)[0] == UInt8(ascii: "4"))
    #expect(mixed.1 == SIMD4(10.5, 20.5, 30.5, 41))
    #expect(mixed.2 == SIMD4(9, 8, 7, 6))
    #expect(mixed.3 == text)
    let pair = try instance.function("pair", as: ((SIMD2<UInt64>) -> (SIMD2<UInt64>, V128, UInt64)).self)(SIMD2(5, 6))
    #expect(pair.0 == SIMD2(6, 7) && pair.1 == V128(low: 6, high: 5) && pair.2 == 5)
    let (a, b) = (Value.v128(V128(low: 1, high: 2)), Value.v128(V128(low: 3, high: 4)))
    #expect(try instance.function("any")([a, b]) == [b, a])
  }

  // MARK: Globals

  @Test(arguments: VectorFixture.names)
  func globals(_ name: String) throws {
    let engine = VectorFixture.named(name)
    let store = Store(engine)
    let linker = Linker<Void>(engine)
    let imported = try Global(in: store, GlobalType(.v128, isMutable: true), .v128(V128(low: 1, high: 2)))
    let constant = try Global(in: store, GlobalType(.v128, isMutable: false), .v128(V128(SIMD4<Int32>(4, 5, 6, 7))))
    linker.define("env", "g", imported)
    linker.define("env", "c", constant)
    let instance = try linker.instantiate(
      try engine.compile(wat: """
        (module
          (import "env" "g" (global $g (mut v128))) (import "env" "c" (global $c v128))
          (global $own (export "own") (mut v128) (v128.const i16x8 1 2 3 4 5 6 7 8))
          (global $copy (export "copy") v128 (global.get $c))
          (func (export "rotate") (local v128)
            (local.set 0 (global.get $g)) (global.set $g (global.get $own)) (global.set $own (local.get 0)))
          (func (export "clear") (global.set $own (v128.const i64x2 0 0)))
          (func (export "ones") (global.set $own (v128.const i64x2 -1 -1)))
          (func (export "set") (global.set $own (v128.const i64x2 17 18)))
          (func (export "get") (result v128) (global.get $own)))
        """), in: store)
    let own = try instance.global("own")
    let numbers = V128(SIMD8<Int16>(1, 2, 3, 4, 5, 6, 7, 8))
    #expect(own.value == .v128(numbers))
    #expect(try instance.global("copy").value == .v128(V128(SIMD4<Int32>(4, 5, 6, 7))))
    try instance.function("rotate", as: (() -> Void).self)()
    #expect(imported.value == .v128(numbers))
    #expect(own.value == .v128(V128(low: 1, high: 2)))
    try own.set(.v128(V128(low: 8, high: 9)))
    #expect(try instance.function("get", as: (() -> V128).self)() == V128(low: 8, high: 9))
    for (export, value) in [("clear", V128(low: 0, high: 0)), ("ones", V128(low: .max, high: .max)), ("set", V128(low: 17, high: 18))] {
      try instance.function(export, as: (() -> Void).self)()
      #expect(own.value == .v128(value))
    }
    guard case .host? = wasmError({ try own.set(.i64(1)) }) else {
      Issue.record("an integer was taken for a vector")
      return
    }
  }
}

extension SIMD16<UInt8> {
  /// - Precondition: sixteen of them.
  init(_ bytes: some Collection<UInt8>) {
    self.init()
    for (index, byte) in bytes.enumerated() { self[index] = byte }
  }
}
