import Aviary
import AviaryText
import Testing

/// Runs functions (param $in i32) (param $out i32) on many inputs of four times 16 bytes each.
struct VectorSampling {
  static let inputs = 24
  static let firstInput = 0x1000
  static let firstOutput = 0x8000

  let instance: Instance
  let memory: Memory

  init(_ functions: [(name: String, text: String)], _ configuration: EngineConfiguration = .init()) throws {
    try self.init(module: Self.encode(functions), configuration)
  }

  /// - Parameter module: what `encode` made.
  init(module: [UInt8], _ configuration: EngineConfiguration) throws {
    let engine = try Engine(configuration)
    instance = try Linker<Void>(engine).instantiate(try engine.compile(module), in: Store(engine))
    memory = try instance.memory("memory")
    try memory.write((0..<512).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 / 16) }, at: 512)
    try memory.write(Self.samples, at: Self.firstInput)
  }

  static func encode(_ functions: [(name: String, text: String)]) throws -> [UInt8] {
    try WAT.encode("""
      (module
        (memory (export "memory") 1)
        (type $sample (func (param i32 i32)))
        (table funcref (elem \(functions.map { "$\($0.name)" }.joined(separator: " "))))
        (func (export "run") (param $function i32) (local $in i32) (local $out i32)
          (local.set $in (i32.const \(Self.firstInput)))
          (local.set $out (i32.const \(Self.firstOutput)))
          (memory.fill (local.get $out) (i32.const 0) (i32.const \(16 * Self.inputs)))
          (loop $again
            (call_indirect (type $sample) (local.get $in) (local.get $out) (local.get $function))
            (local.set $in (i32.add (local.get $in) (i32.const 64)))
            (local.set $out (i32.add (local.get $out) (i32.const 16)))
            (br_if $again (i32.lt_u (local.get $out) (i32.const \(Self.firstOutput + 16 * Self.inputs))))))
        \(functions.map(\.text).joined()))
      """)
  }

  /// The results of all inputs.
  func run(_ function: Int) throws -> [[UInt8]] {
    _ = try instance.function("run")([.i32(Int32(function))])
    let bytes = try memory.bytes(at: Self.firstOutput, count: 16 * Self.inputs)
    return (0..<Self.inputs).map { Array(bytes[16 * $0..<16 * $0 + 16]) }
  }

  static func operand(_ index: Int, ofInput input: Int) -> [UInt8] {
    Array(samples[64 * input + 16 * index..<64 * input + 16 * index + 16])
  }

  /// Random bits, bits of numbers at the edges, and lanes of small and equal numbers.
  static let samples: [UInt8] = {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
    let singles: [Float] = [
      0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, .nan, -.nan, .infinity, -.infinity, .signalingNaN, 2147483520, 2147483648,
      4294967040, 4294967296, -2147483648, -2147483904, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1e-10, 3e9, -7.25,
    ]
    let doubles: [Double] = [
      0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, .nan, -.nan, .infinity, -.infinity, .signalingNaN, 2147483647, 2147483647.5,
      2147483648, 4294967295, 4294967295.5, 4294967296, -2147483648, -2147483648.9, -2147483649, 1e300, 1e-300,
    ]
    let bytes: [UInt8] = [0, 1, 0x7F, 0x80, 0x81, 0xFF, 0xFE, 2]
    var list: [UInt8] = []
    func append<T: FixedWidthInteger>(_ value: T) {
      for byte in 0..<T.bitWidth / 8 { list.append(UInt8(truncatingIfNeeded: value >> T(8 * byte))) }
    }
    for input in 0..<inputs {
      for _ in 0..<4 {
        switch input % 6 {
        case 0, 1:
          append(next())
          append(next())
        case 2: for _ in 0..<4 { append(singles[Int(next() % UInt64(singles.count))].bitPattern) }
        case 3: for _ in 0..<2 { append(doubles[Int(next() % UInt64(doubles.count))].bitPattern) }
        case 4: for _ in 0..<16 { append(bytes[Int(next() % UInt64(bytes.count))]) }
        default: for _ in 0..<4 { append(UInt32(truncatingIfNeeded: next() % 5) &- 2) }
        }
      }
    }
    return list
  }()
}

/// Whether results are the same, any NaN being like another in float lanes.
func isSame(_ a: [UInt8], _ b: [UInt8], floatLanes: String?) -> Bool {
  if a == b { return true }
  func word(_ bytes: [UInt8], _ lane: Int, _ width: Int) -> UInt64 {
    (0..<width).reduce(0) { $0 | UInt64(bytes[lane * width + $1]) << UInt64(8 * $1) }
  }
  switch floatLanes {
  case "f32x4":
    return (0..<4).allSatisfy { lane in
      let (x, y) = (UInt32(word(a, lane, 4)), UInt32(word(b, lane, 4)))
      return x == y || Float(bitPattern: x).isNaN && Float(bitPattern: y).isNaN
    }
  case "f64x2":
    return (0..<2).allSatisfy { lane in
      let (x, y) = (word(a, lane, 8), word(b, lane, 8))
      return x == y || Double(bitPattern: x).isNaN && Double(bitPattern: y).isNaN
    }
  default: return false
  }
}
