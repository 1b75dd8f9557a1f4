import Aviary
import AviaryText

/// A random module, and what a fresh instance of it has to look like.
///
/// Everything that a guest can change is exported, with functions that change it: memories,
/// tables, globals, passive segments.
struct TenantModule {
  struct MemoryModel {
    var minimumPages: Int
    var maximumPages: Int
    /// All bytes of a fresh memory.
    var bytes: [UInt8]
  }
  struct TableModel {
    var minimum: Int
    var maximum: Int
    /// Per element: which of the functions `f0`…, or null.
    var elements: [Int?]
  }
  enum GlobalModel {
    case i32(UInt32)
    case i64(UInt64)
    case f64(UInt64)
  }
  /// How many functions `f0`… there are to put into tables.
  static let functionCount = 4
  static let pageBytes = 65_536

  private(set) var memories: [MemoryModel] = []
  private(set) var tables: [TableModel] = []
  private(set) var globals: [GlobalModel] = []
  /// Contents of the passive data segment; nil where there is none.
  private(set) var passive: [UInt8]?
  private(set) var passiveElements = 0
  private(set) var wat = ""

  init(_ random: inout SplitMix) {
    var fields = ""
    for index in 0..<(random.chance(20) ? 2 : 1) { fields += addMemory(index, &random) }
    for index in 0..<random.below(3) { fields += addTable(index, &random) }
    for index in 0..<random.below(5) { fields += addGlobal(index, &random) }
    if random.chance(40) {
      let bytes = (0..<(1 + random.below(300))).map { _ in UInt8.random(in: 0...255, using: &random) }
      passive = bytes
      fields += "(data $passive \"\(TenantModule.escape(bytes))\")\n"
    }
    for index in 0..<TenantModule.functionCount {
      fields += "(func $f\(index) (export \"f\(index)\") (result i32) (i32.const \(index)))\n"
    }
    fields += "(elem declare func $f0 $f1 $f2 $f3)\n"
    wat = "(module\n" + fields + functions() + ")"
  }

  private mutating func addMemory(_ index: Int, _ random: inout SplitMix) -> String {
    let minimum = random.chance(15) ? 0 : 1 + random.below(random.chance(10) ? 40 : 4)
    let maximum = minimum + random.below(8)
    var bytes = [UInt8](repeating: 0, count: minimum * TenantModule.pageBytes)
    var text = "(memory $m\(index) (export \"m\(index)\") \(minimum) \(maximum))\n"
    for _ in 0..<random.below(5) where minimum > 0 {
      let count = min(random.chance(20) ? 9000 : 200, 1 + random.below(10_000))
      let start = random.below(bytes.count - count + 1)
      let data = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      bytes.replaceSubrange(start..<(start + count), with: data)
      text += "(data (memory $m\(index)) (i32.const \(start)) \"\(TenantModule.escape(data))\")\n"
    }
    memories.append(MemoryModel(minimumPages: minimum, maximumPages: maximum, bytes: bytes))
    return text
  }

  private mutating func addTable(_ index: Int, _ random: inout SplitMix) -> String {
    let minimum = random.below(40)
    let maximum = minimum + random.below(60)
    var elements = [Int?](repeating: nil, count: minimum)
    var text = "(table $t\(index) (export \"t\(index)\") \(minimum) \(maximum) funcref)\n"
    for _ in 0..<random.below(3) where minimum > 0 {
      let count = 1 + random.below(min(minimum, 8))
      let start = random.below(minimum - count + 1)
      let functions = (0..<count).map { _ in random.below(TenantModule.functionCount) }
      elements.replaceSubrange(start..<(start + count), with: functions.map { $0 })
      text += "(elem (table $t\(index)) (i32.const \(start)) func \(functions.map { "$f\($0)" }.joined(separator: " ")))\n"
    }
    if index == 0, random.chance(50) {
      passiveElements = 1 + random.below(6)
      text += "(elem $pe func \((0..<passiveElements).map { "$f\($0 % TenantModule.functionCount)" }.joined(separator: " ")))\n"
    }
    tables.append(TableModel(minimum: minimum, maximum: maximum, elements: elements))
    return text
  }

  private mutating func addGlobal(_ index: Int, _ random: inout SplitMix) -> String {
    switch random.below(3) {
    case 0:
      let value = UInt32(truncatingIfNeeded: random.next())
      globals.append(.i32(value))
      return "(global $g\(index) (export \"g\(index)\") (mut i32) (i32.const \(Int32(bitPattern: value))))\n"
    case 1:
      let value = random.next()
      globals.append(.i64(value))
      return "(global $g\(index) (export \"g\(index)\") (mut i64) (i64.const \(Int64(bitPattern: value))))\n"
    default:
      // Finite, so that its text is plain.
      let value = Double(Int32(truncatingIfNeeded: random.next())) / 8
      globals.append(.f64(value.bitPattern))
      return "(global $g\(index) (export \"g\(index)\") (mut f64) (f64.const \(value)))\n"
    }
  }

  /// What a tenant does to itself.
  private func functions() -> String {
    var text = """
      (func (export "unreachable") unreachable)
      (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 7) (local.get 0)))
      (func (export "spin") (loop $l (br $l)))
      (func $deep (export "deep") (param i32) (result i32)
        (i32.add (i32.const 1) (call $deep (i32.add (local.get 0) (i32.const 1)))))

      """
    for index in memories.indices {
      text += """
        (func (export "poke\(index)") (param i32 i32) (i32.store8 $m\(index) (local.get 0) (local.get 1)))
        (func (export "poke64\(index)") (param i32 i64) (i64.store $m\(index) offset=8 (local.get 0) (local.get 1)))
        (func (export "far\(index)") (param i32) (result i32)
          (i32.load $m\(index) offset=0x7ffffff0 (local.get 0)))
        (func (export "fill\(index)") (param i32 i32 i32)
          (memory.fill $m\(index) (local.get 0) (local.get 1) (local.get 2)))
        (func (export "grow\(index)") (param i32) (result i32) (memory.grow $m\(index) (local.get 0)))

        """
    }
    for index in tables.indices {
      text += """
        (func (export "tset\(index)") (param i32) (table.set $t\(index) (local.get 0) (ref.func $f3)))
        (func (export "tgrow\(index)") (param i32) (result i32)
          (table.grow $t\(index) (ref.null func) (local.get 0)))
        (func (export "tfill\(index)") (param i32 i32)
          (table.fill $t\(index) (local.get 0) (ref.func $f2) (local.get 1)))

        """
    }
    text += "(func (export \"gset\") (param i64)\n"
    for (index, global) in globals.enumerated() {
      switch global {
      case .i32: text += "(global.set $g\(index) (i32.wrap_i64 (local.get 0)))\n"
      case .i64: text += "(global.set $g\(index) (local.get 0))\n"
      case .f64: text += "(global.set $g\(index) (f64.reinterpret_i64 (local.get 0)))\n"
      }
    }
    text += ")\n"
    if passive != nil {
      text += """
        (func (export "pinit") (param i32 i32)
          (memory.init $m0 $passive (local.get 0) (i32.const 0) (local.get 1)))
        (func (export "pdrop") (data.drop $passive))

        """
    }
    if passiveElements > 0 {
      text += """
        (func (export "einit") (param i32 i32)
          (table.init $t0 $pe (local.get 0) (i32.const 0) (local.get 1)))
        (func (export "edrop") (elem.drop $pe))

        """
    }
    return text
  }

  private static func escape(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 3)
    let digits = Array("0123456789abcdef".utf8)
    for byte in bytes { text += [0x5C, digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }

  func compile(_ engine: Engine) throws -> Module { try engine.compile(WAT.encode(wat)) }
}
