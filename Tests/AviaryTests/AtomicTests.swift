import Aviary
import Testing

/// Atomic instructions: widths, results, traps, memories of all kinds.
@Suite struct AtomicTests {
  static let engine: Engine = {
    var configuration = EngineConfiguration()
    configuration.features = .all
    return try! Engine(configuration)
  }()

  static func instance(_ wat: String) throws -> Instance {
    try Linker<Void>(engine).instantiate(try engine.compile(wat: wat), in: Store(engine))
  }

  /// Type and width of each operator of a kind, as its name has them.
  static let forms: [(name: String, type: String, bits: Int)] = [
    ("i32.atomic.rmw", "i32", 32), ("i64.atomic.rmw", "i64", 64), ("i32.atomic.rmw8", "i32", 8),
    ("i32.atomic.rmw16", "i32", 16), ("i64.atomic.rmw8", "i64", 8), ("i64.atomic.rmw16", "i64", 16),
    ("i64.atomic.rmw32", "i64", 32),
  ]

  static func mask(_ bits: Int) -> UInt64 { bits == 64 ? .max : (1 << UInt64(bits)) - 1 }

  static func value(_ bits: UInt64, _ type: String) -> Value {
    type == "i32" ? .i32(Int32(truncatingIfNeeded: bits)) : .i64(Int64(bitPattern: bits))
  }

  static func bits(_ value: Value) -> UInt64 {
    switch value {
    case .i32(let value): UInt64(UInt32(bitPattern: value))
    case .i64(let value): UInt64(bitPattern: value)
    default: 0
    }
  }

  static func model(_ operation: String, _ old: UInt64, _ operand: UInt64) -> UInt64 {
    switch operation {
    case "add": old &+ operand
    case "sub": old &- operand
    case "and": old & operand
    case "or": old | operand
    case "xor": old ^ operand
    default: operand
    }
  }

  /// Every read-modify-write operator on each kind of memory: with the old value used and dropped, with operands in
  /// parameters and as constants, many values alive around it.
  @Test(arguments: ["1 1", "1 1 shared", "i64 1 1", "i64 1 1 shared", "65536 65536 (pagesize 1)"], [false, true])
  func readModifyWrite(_ memory: String, _ isSecond: Bool) throws {
    let index = memory.hasPrefix("i64") ? "i64" : "i32"
    let constants: [UInt64] = [0x5A, 0xFFFF_FFFF_8000_0001]
    var functions = ""
    for form in Self.forms {
      for operation in ["add", "sub", "and", "or", "xor", "xchg"] {
        let name = "\(form.name).\(operation)\(form.bits == (form.type == "i32" ? 32 : 64) ? "" : "_u")"
        let head = "(func (export \"\(name)\") (param $p \(index)) (param $v \(form.type))"
        functions += "\(head) (result \(form.type)) (\(name) $m offset=16 (local.get $p) (local.get $v)))\n"
        functions += head.replacing("\"\(name)\"", with: "\"\(name) dropped\"")
          + " (drop (\(name) $m offset=16 (local.get $p) (local.get $v))))\n"
        for (number, constant) in constants.enumerated() {
          let literal = form.type == "i32" ? "\(UInt32(truncatingIfNeeded: constant))" : "\(constant)"
          // Twelve values live across it, and the address is a sum.
          functions += head.replacing("\"\(name)\"", with: "\"\(name) \(number)\"") + " (result \(form.type)) "
            + (1...12).map { "(\(form.type).add (local.get $v) (\(form.type).const \($0)))" }.joined(separator: " ")
            + " (\(name) $m offset=8 (\(index).add (local.get $p) (\(index).const 8)) (\(form.type).const \(literal)))"
            + String(repeating: " \(form.type).add", count: 12) + ")\n"
        }
      }
    }
    let filler = isSecond ? "(memory 1)" : ""
    let instance = try Self.instance("(module \(filler) (memory $m (export \"m\") \(memory)) \(functions))")
    let bytes = try instance.memory("m")
    let old: UInt64 = 0xF0E1_D2C3_B4A5_9687
    let start = Self.value(40, index)
    for form in Self.forms {
      let mask = Self.mask(form.bits)
      for operation in ["add", "sub", "and", "or", "xor", "xchg"] {
        let name = "\(form.name).\(operation)\(form.bits == (form.type == "i32" ? 32 : 64) ? "" : "_u")"
        let operand: UInt64 = 0x1234_5678_9ABC_DEF1
        let expected = old & ~mask | Self.model(operation, old, operand) & mask
        for suffix in ["", " dropped"] {
          try bytes.store(old, at: 56)
          let results = try instance.function(name + suffix)([start, Self.value(operand, form.type)])
          if suffix == "" { #expect(Self.bits(results[0]) == old & mask, "\(name)") }
          #expect(try bytes.load(UInt64.self, at: 56) == expected, "\(name)\(suffix)")
        }
        for (number, constant) in constants.enumerated() {
          try bytes.store(old, at: 56)
          let results = try instance.function("\(name) \(number)")([start, Self.value(operand, form.type)])
          let constant = form.type == "i32" ? constant & 0xFFFF_FFFF : constant
          #expect(try bytes.load(UInt64.self, at: 56) == old & ~mask | Self.model(operation, old, constant) & mask, "\(name)")
          var sum = old & mask
          for term in 1...12 as ClosedRange<UInt64> { sum &+= operand &+ term }
          #expect(Self.bits(results[0]) == sum & Self.mask(form.type == "i32" ? 32 : 64), "\(name) \(number)")
        }
      }
    }
  }

  @Test func compareExchange() throws {
    var functions = ""
    for form in Self.forms {
      let name = "\(form.name).cmpxchg\(form.bits == (form.type == "i32" ? 32 : 64) ? "" : "_u")"
      functions += "(func (export \"\(form.name)\") (param i32 \(form.type) \(form.type)) (result \(form.type)) "
        + "(\(name) (local.get 0) (local.get 1) (local.get 2)))\n"
    }
    let instance = try Self.instance("(module (memory (export \"m\") 1 1 shared) \(functions))")
    let bytes = try instance.memory("m")
    let old: UInt64 = 0xF0E1_D2C3_B4A5_9687
    for form in Self.forms {
      let mask = Self.mask(form.bits)
      let function = try instance.function(form.name)
      // What is beyond the width counts on neither side.
      for (expected, isEqual) in [(old, true), (old ^ 1, false), (old & mask, true)] {
        try bytes.store(old, at: 8)
        let results = try function([.i32(8), Self.value(expected, form.type), Self.value(0x0102_0304_0506_0708, form.type)])
        #expect(Self.bits(results[0]) == old & mask, "\(form.name)")
        let now = isEqual ? old & ~mask | 0x0102_0304_0506_0708 & mask : old
        #expect(try bytes.load(UInt64.self, at: 8) == now, "\(form.name)")
      }
    }
  }

  @Test(arguments: ["1 1", "1 1 shared", "i64 1 1", "i64 1 1 shared"])
  func alignmentComesBeforeBounds(_ memory: String) throws {
    let index = memory.hasPrefix("i64") ? "i64" : "i32"
    let instance = try Self.instance(
      """
      (module (memory \(memory))
        (func (export "load") (param \(index)) (result i64) (i64.atomic.load (local.get 0)))
        (func (export "load offset") (param \(index)) (result i64) (i64.atomic.load offset=3 (local.get 0)))
        (func (export "store") (param \(index)) (i32.atomic.store16 (local.get 0) (i32.const 1)))
        (func (export "byte") (param \(index)) (result i32) (i32.atomic.rmw8.add_u (local.get 0) (i32.const 1)))
        (func (export "and") (param \(index)) (result i32) (i32.atomic.rmw.and (local.get 0) (i32.const 1)))
        (func (export "swap") (param \(index)) (result i64) (i64.atomic.rmw.cmpxchg (local.get 0) (i64.const 1) (i64.const 2)))
        (func (export "constant") (result i32) (i32.atomic.load (\(index).const 2)))
        (func (export "notify") (param \(index)) (result i32) (memory.atomic.notify (local.get 0) (i32.const 1))))
      """)
    func code(_ name: String, _ address: Int64?) -> Trap.Code? {
      trapCode {
        let arguments: [Value] = address.map { index == "i64" ? [.i64($0)] : [.i32(Int32(truncatingIfNeeded: $0))] } ?? []
        _ = try instance.function(name)(arguments)
      }
    }
    #expect(code("load", 8) == nil)
    #expect(code("load", 4) == .unalignedAtomic)
    #expect(code("load", 65536) == .memoryOutOfBounds)
    #expect(code("load", 65529) == .unalignedAtomic)
    #expect(code("load", -1) == .unalignedAtomic)
    #expect(code("load", -8) == .memoryOutOfBounds)
    #expect(code("load offset", 5) == nil)
    #expect(code("load offset", 8) == .unalignedAtomic)
    #expect(code("load offset", 65533) == .memoryOutOfBounds)
    #expect(code("store", 65535) == .unalignedAtomic)
    #expect(code("store", 65536) == .memoryOutOfBounds)
    #expect(code("byte", 65535) == nil)
    #expect(code("byte", 65536) == .memoryOutOfBounds)
    #expect(code("and", 65534) == .unalignedAtomic)
    #expect(code("and", 65536) == .memoryOutOfBounds)
    #expect(code("swap", 65532) == .unalignedAtomic)
    #expect(code("swap", 1 << 20) == .memoryOutOfBounds)
    #expect(code("constant", nil) == .unalignedAtomic)
    #expect(code("notify", 2) == .unalignedAtomic)
    #expect(code("notify", 65536) == .memoryOutOfBounds)
    #expect(code("notify", 65532) == nil)
  }

  @Test func waitNeedsASharedMemory() throws {
    let instance = try Self.instance(
      """
      (module (memory 1 1)
        (func (export "wait") (param i32) (result i32) (memory.atomic.wait32 (local.get 0) (i32.const 0) (i64.const 0)))
        (func (export "fence") (result i32) (atomic.fence) (i32.eq (i32.const 1) (i32.const 1)) (atomic.fence)))
      """)
    #expect(trapCode { _ = try instance.function("wait")([.i32(0)]) } == .expectedSharedMemory)
    #expect(trapCode { _ = try instance.function("wait")([.i32(1)]) } == .unalignedAtomic)
    #expect(trapCode { _ = try instance.function("wait")([.i32(65536)]) } == .memoryOutOfBounds)
    #expect(Self.bits(try instance.function("fence")([])[0]) == 1)
  }

  @Test func areSwitchedByAFeature() throws {
    let engine = try Engine()
    #expect(throws: WasmError.self) { try engine.compile(wat: "(module (memory 1 1 shared))") }
    #expect(throws: WasmError.self) { try engine.compile(wat: "(module (func (atomic.fence)))") }
  }
}
