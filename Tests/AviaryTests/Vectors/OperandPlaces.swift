import AviaryCore

/// One numeric vector operator, as text with its immediates.
struct VectorOperator {
  let text: String
  /// Of operands: i32, i64, f32, f64 or v128.
  let operands: [String]
  let result: String
  let isRelaxed: Bool
  let mnemonic: String

  init(_ row: OpcodeRow, immediates: String = "") {
    mnemonic = row.mnemonic
    text = row.mnemonic + immediates
    operands = (0..<row.signature.operandCount).map { Self.type(row.signature.operandCode($0)) }
    result = Self.type(row.signature.resultCode(0))
    isRelaxed = row.feature == .relaxedSIMD
  }

  private static func type(_ code: UInt32) -> String {
    ["", "i32", "i64", "f32", "f64", "v128"][Int(code)]
  }

  /// Whether lanes of the result are floats that the operator computes.
  var makesFloats: String? {
    for lanes in ["f32x4", "f64x2"] where mnemonic.hasPrefix(lanes) && result == "v128" && !mnemonic.contains("lane") {
      return lanes
    }
    return nil
  }

  /// All but shuffles, which have a test of their own; lane operators with their first and last lanes.
  static let all: [VectorOperator] = OpcodeTable.rows.flatMap { row -> [VectorOperator] in
    guard row.feature == .simd || row.feature == .relaxedSIMD else { return [] }
    switch row.immediates {
    case .none: return [VectorOperator(row)]
    case .lane: return [0, 1, Int(row.width) - 1].map { VectorOperator(row, immediates: " \($0)") }
    default: return []
    }
  }
}

/// Where a function has an operator's operands and wants its result: all ways give the same.
enum OperandPlaces: CaseIterable {
  /// In registers of their own, by loads.
  case loaded
  case locals
  case firstLocal
  case lastLocal
  /// Values that were spilled for a block.
  case slots
  case firstSlot
  /// Locals in memory, for there are others that are used more, in all registers that locals may be in.
  case homes
  case firstHome
  case lastHome
  /// The same local for all operands of its type; what differs from `loaded` by the values, too.
  case same
  /// The result into a local of its own.
  case freshLocal
  /// The result into an operand's local.
  case overFirst, overSecond, overThird
  /// With more values on the stack than there are registers.
  case pressure

  /// A function (param $in i32) (param $out i32) that stores the result of the operator, nil where the way does not apply.
  func function(_ name: String, _ operation: VectorOperator) -> String? {
    let types = operation.operands
    let last = types.count - 1
    var body = ""
    let locals = types.indices.map { "(local $a\($0) \(types[$0]))" }.joined()
    let loads = types.indices.map { "(local.set $a\($0) \(Self.load(types[$0], $0)))" }.joined(separator: "\n")
    func get(_ index: Int) -> String { "(local.get $a\(index))" }
    let gets = types.indices.map(get)
    switch self {
    case .loaded:
      body = "(local.set $r (\(operation.text) \(types.indices.map { Self.load(types[$0], $0) }.joined())))"
    case .locals: body = "\(loads) (local.set $r (\(operation.text) \(gets.joined())))"
    case .firstLocal, .lastLocal:
      guard types.count > 1 else { return nil }
      let kept = self == .firstLocal ? 0 : last
      let list = types.indices.map { $0 == kept ? get($0) : Self.load(types[$0], $0) }
      body = "\(loads) (local.set $r (\(operation.text) \(list.joined())))"
    case .slots:
      body = """
        \(types.indices.map { Self.load(types[$0], $0) }.joined())
        (block (param \(types.joined(separator: " "))) (result \(operation.result)) \(operation.text))
        (local.set $r)
        """
    case .firstSlot:
      body = """
        \(loads) \(Self.load(types[0], 0))
        (block (param \(types[0])) (result \(operation.result)) \(gets.dropFirst().joined()) \(operation.text))
        (local.set $r)
        """
    case .homes: body = "\(loads) \(Self.heat()) (local.set $r (\(operation.text) \(gets.joined())))"
    case .firstHome, .lastHome:
      let cold = self == .firstHome ? 0 : last
      let hot = types.indices.filter { $0 != cold }.map { "(drop (local.get $a\($0)))" }.joined()
      body = "\(loads) \(Self.heat()) \(Self.loops(3, hot)) (local.set $r (\(operation.text) \(gets.joined())))"
    case .same:
      guard types.count > 1, types[0] == types[1] else { return nil }
      body = "\(loads) (local.set $r (\(operation.text) \(types.map { get(types.firstIndex(of: $0)!) }.joined())))"
    case .freshLocal:
      body = "\(loads) (local.set $x (v128.const i64x2 3 5)) (local.set $r (\(operation.text) \(gets.joined())))"
    case .overFirst, .overSecond, .overThird:
      let target = self == .overFirst ? 0 : self == .overSecond ? 1 : 2
      guard target < types.count, types[target] == operation.result else { return nil }
      body = """
        \(loads) (local.set $a\(target) (\(operation.text) \(gets.joined()))) (local.set $r (local.get $a\(target)))
        (local.set $a\(target) \(Self.load(types[target], target)))
        """
    case .pressure:
      let others = (0..<18).map { "(v128.load offset=\(16 * $0) (i32.const 512))" }
      body = """
        \(loads) \(Self.heat()) \(others.joined())
        (local.set $r (\(operation.text) \(types.indices.map { Self.load(types[$0], $0) }.joined())))
        \(String(repeating: "v128.xor ", count: others.count - 1)) (local.set $x)
        \(others.joined()) \(String(repeating: "v128.xor ", count: others.count - 1))
        (if (i32.eqz (i8x16.all_true (i8x16.eq (local.get $x)))) (then unreachable))
        """
    }
    // No operand has changed, but where it was to.
    let kept = types.indices.map {
      "(if (i32.eqz \(Self.isSame(types[$0], get($0), Self.load(types[$0], $0)))) (then unreachable))"
    }
    let checks = self == .loaded || self == .slots ? "" : kept.joined(separator: "\n")
    return """
      (func $\(name) (param $in i32) (param $out i32) \(locals) (local $r \(operation.result)) (local $x v128)
        \((0..<12).map { "(local $h\($0) v128)" }.joined())
        \(body)
        \(checks)
        (\(operation.result).store (local.get $out) (local.get $r)))

      """
  }

  static func load(_ type: String, _ index: Int) -> String { "(\(type).load offset=\(16 * index) (local.get $in))" }

  private static func isSame(_ type: String, _ a: String, _ b: String) -> String {
    switch type {
    case "v128": "(i8x16.all_true (i8x16.eq \(a) \(b)))"
    case "f32": "(i32.eq (i32.reinterpret_f32 \(a)) (i32.reinterpret_f32 \(b)))"
    case "f64": "(i64.eq (i64.reinterpret_f64 \(a)) (i64.reinterpret_f64 \(b)))"
    default: "(\(type).eq \(a) \(b))"
    }
  }

  /// Uses of twelve locals, so that they are the ones in registers.
  private static func heat() -> String {
    (0..<12).map { "(local.set $h\($0) (v128.const i64x2 \($0) 7))" }.joined()
      + loops(2, (0..<12).map { "(drop (local.get $h\($0)))" }.joined())
  }

  /// Loops that go round once: what is in them counts for more.
  private static func loops(_ depth: Int, _ body: String) -> String {
    String(repeating: "(loop ", count: depth) + body + String(repeating: ")", count: depth)
  }
}
