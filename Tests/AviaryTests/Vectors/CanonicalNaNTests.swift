import Aviary
import Testing

/// `nanCanonicalization` and `relaxedSIMDDeterministic` where the tests of vectors do not look: scalars and artifacts.
@Suite struct CanonicalNaNTests {
  private static let unary = ["sqrt", "ceil", "floor", "trunc", "nearest"]
  private static let binary = ["add", "sub", "mul", "div", "min", "max"]

  /// Of bits, by name: "add32", "promote".
  private static let text: String = {
    var functions = ""
    for (size, float, int) in [(32, "f32", "i32"), (64, "f64", "i64")] {
      for name in unary {
        functions += """
          (func (export "\(name)\(size)") (param \(int) \(int)) (result \(int))
            (\(int).reinterpret_\(float) (\(float).\(name) (\(float).reinterpret_\(int) (local.get 0)))))

          """
      }
      for name in binary + ["copysign"] {
        // Into a pinned local, too.
        functions += """
          (func (export "\(name)\(size)") (param \(int) \(int)) (result \(int)) (local $a \(float)) (local $b \(float))
            (local.set $a (\(float).reinterpret_\(int) (local.get 0)))
            (local.set $b (\(float).reinterpret_\(int) (local.get 1)))
            (local.set $b (\(float).\(name) (local.get $a) (local.get $b)))
            (\(int).reinterpret_\(float) (local.get $b)))

          """
      }
      for name in ["abs", "neg"] {
        functions += """
          (func (export "\(name)\(size)") (param \(int) \(int)) (result \(int))
            (\(int).reinterpret_\(float) (\(float).\(name) (\(float).reinterpret_\(int) (local.get 0)))))

          """
      }
    }
    return """
      (module \(functions)
        (func (export "promote") (param i32) (result i64)
          (i64.reinterpret_f64 (f64.promote_f32 (f32.reinterpret_i32 (local.get 0)))))
        (func (export "demote") (param i64) (result i32)
          (i32.reinterpret_f32 (f32.demote_f64 (f64.reinterpret_i64 (local.get 0))))))
      """
  }()

  private static func instance(isBaseline: Bool) throws -> Instance {
    var configuration = EngineConfiguration()
    configuration.nanCanonicalization = true
    configuration.usesBaselineCPU = isBaseline
    let engine = try Engine(configuration)
    return try Linker<Void>(engine).instantiate(try engine.compile(wat: text), in: Store(engine))
  }

  @Test(arguments: [false, true])
  func scalars(isBaseline: Bool) throws {
    let instance = try Self.instance(isBaseline: isBaseline)
    let singles: [Float] = [0, -1, 1, .infinity, -.infinity, .nan, -.nan, .signalingNaN]
    let bits = singles.map(\.bitPattern) + [0x7FC1_2345, 0xFFA0_0001]
    let doubles: [Double] = [0, -1, 1, .infinity, -.infinity, .nan, -.nan, .signalingNaN]
    let wide = doubles.map(\.bitPattern) + [0x7FF8_1234_0000_0001, 0xFFF4_0000_0000_0001]
    var seen = 0
    for name in Self.unary + Self.binary {
      let single = try instance.function(name + "32", as: ((UInt32, UInt32) -> UInt32).self)
      for (a, b) in bits.flatMap({ a in bits.map { (a, $0) } }) {
        let result = try single(a, b)
        guard Float(bitPattern: result).isNaN else { continue }
        seen += 1
        #expect(result == 0x7FC0_0000, "\(name) \(a) \(b)")
      }
      let double = try instance.function(name + "64", as: ((UInt64, UInt64) -> UInt64).self)
      for (a, b) in wide.flatMap({ a in wide.map { (a, $0) } }) {
        let result = try double(a, b)
        guard Double(bitPattern: result).isNaN else { continue }
        #expect(result == 0x7FF8_0000_0000_0000, "\(name) \(a) \(b)")
      }
    }
    #expect(seen > 300)
    let promote = try instance.function("promote", as: ((UInt32) -> UInt64).self)
    let demote = try instance.function("demote", as: ((UInt64) -> UInt32).self)
    for index in bits.indices where Float(bitPattern: bits[index]).isNaN {
      #expect(try promote(bits[index]) == 0x7FF8_0000_0000_0000)
      #expect(try demote(wide[index]) == 0x7FC0_0000)
    }
    #expect(try promote(Float(1.5).bitPattern) == 1.5.bitPattern)
    #expect(try demote(1.5.bitPattern) == Float(1.5).bitPattern)
  }

  /// What only moves bits leaves NaNs as they are.
  @Test func movesKeepBits() throws {
    let instance = try Self.instance(isBaseline: false)
    func call(_ name: String, _ a: UInt32, _ b: UInt32) throws -> UInt32 {
      try instance.function(name, as: ((UInt32, UInt32) -> UInt32).self)(a, b)
    }
    #expect(try call("abs32", 0xFFA0_0001, 0) == 0x7FA0_0001)
    #expect(try call("neg32", 0x7FA0_0001, 0) == 0xFFA0_0001)
    #expect(try call("copysign32", 0x7FA0_0001, 0x8000_0000) == 0xFFA0_0001)
  }

  /// Code with other results is other code: no engine takes it for its own.
  @Test func artifactsOfOtherOptions() throws {
    func engine(_ change: (inout EngineConfiguration) -> Void) throws -> Engine {
      var configuration = EngineConfiguration()
      change(&configuration)
      return try Engine(configuration)
    }
    let engines = [
      try engine { _ in }, try engine { $0.nanCanonicalization = true }, try engine { $0.relaxedSIMDDeterministic = true },
    ]
    for (index, maker) in engines.enumerated() {
      let bytes = try maker.compile(wat: Self.text).artifact()
      for (other, loader) in engines.enumerated() {
        var message: String?
        if case .artifact(let text)? = wasmError({ _ = try loader.load(artifact: bytes) }) { message = text }
        #expect((message == nil) == (index == other), "\(index) \(other)")
      }
    }
  }
}
