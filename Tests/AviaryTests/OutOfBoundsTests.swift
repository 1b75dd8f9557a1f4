import Aviary
import AviaryCore
import AviaryPool
import Testing

/// Accesses beyond a memory's end, in every class of distance, by every kind of load and store: in the
/// same machine page, in what may still be grown into, in neighbours' memories, in guards, beyond 4 GiB.
/// Each traps and touches nothing. With protection keys the neighbours are within reach of the code,
/// and the keys alone keep it away.
@Suite struct OutOfBoundsTests {
  enum Allocation: String, CaseIterable {
    case onDemand, pool, fullPool, eagerPool, faultsBySignal, faultsByThread

    /// userfaultfd may not be permitted; FaultFillTests says so.
    static var possible: [Allocation] {
      allCases.filter {
        switch $0 {
        case .faultsBySignal: (try? FaultSupport.check(.signal)) != nil
        case .faultsByThread: (try? FaultSupport.check(.thread)) != nil
        default: true
        }
      }
    }
  }

  static let page = 65536
  static let instances = 24
  /// Static offsets: below a page, above one, at the ends of what guards cover, above.
  static let offsets: [UInt64] = [0, 1, 9, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF]

  struct Access {
    let row: OpcodeRow
    var isStore: Bool { row.mnemonic.contains("store") }
    var width: UInt64 { UInt64(row.width) }

    func name(_ offset: UInt64) -> String { "\(row.mnemonic)+\(offset)" }

    /// A function of an index, for each offset.
    func function(_ offset: UInt64) -> String {
      let types = ["", "i32", "i64", "f32", "f64"]
      let lane = row.immediates == .memargLane ? " 0" : ""
      var operands = "(local.get 0)"
      if row.signature.operandCount > 1 {
        let code = Int(row.signature.operandCode(1))
        operands += code == 5 ? "(v128.const i32x4 -1 -1 -1 -1)" : "(\(types[code]).const 0x7ff7)"
      }
      let access = "(\(row.mnemonic) offset=\(offset)\(lane) \(operands))"
      let body = row.signature.resultCount == 0 ? access : "(drop \(access))"
      return "(func (export \"\(name(offset))\") (param i32) \(body))"
    }
  }

  /// All that this version compiles: those of WebAssembly 1.0 in any case.
  static let accesses: [Access] = {
    let all = OpcodeTable.rows
      .filter { $0.immediates == .memarg || $0.immediates == .memargLane }
      .map(Access.init)
    let first = all.filter { $0.row.feature.isEmpty }
    let others = all.filter { access in
      !access.row.feature.isEmpty
        && (try? Fixture.compile("(module (memory 1) \(access.function(0)))")) != nil
    }
    return first + others
  }()

  static func module(_ engine: Engine, pages: Int, most: Int) throws -> Module {
    let functions = accesses.flatMap { access in offsets.map { access.function($0) } }.joined(separator: "\n")
    return try engine.compile(
      wat: """
        (module
          (memory (export "memory") \(pages) \(most))
          (data $bytes "0123456789")
          (data (i32.const 70) "image")
          \(functions)
          (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
          (func (export "copyTo") (param i32 i32) (memory.copy (local.get 0) (i32.const 0) (local.get 1)))
          (func (export "copyFrom") (param i32 i32) (memory.copy (i32.const 0) (local.get 0) (local.get 1)))
          (func (export "init") (param i32 i32) (memory.init $bytes (local.get 0) (i32.const 0) (local.get 1))))
        """)
  }

  static func engine(_ allocation: Allocation) throws -> Engine {
    var configuration = EngineConfiguration()
    if allocation != .onDemand {
      var pool = PoolingConfiguration(instances: instances, maxMemory: .kibibytes(allocation == .fullPool ? 64 : 192))
      switch allocation {
      case .eagerPool: pool.memoryInitialization = .eager
      case .faultsBySignal: pool.memoryInitialization = .userfaultfd(.signal)
      case .faultsByThread: pool.memoryInitialization = .userfaultfd(.thread)
      case .onDemand, .pool, .fullPool: break
      }
      configuration.allocation = .pooling(pool)
    }
    return try Engine(configuration)
  }

  /// Where to go: addresses, of which an access's first byte is at or behind the end, or its last.
  static func targets(_ engine: Engine, width: UInt64, length: UInt64) -> [UInt64] {
    var result: [UInt64] = [length - width + 1, length, length + 1, length + 4095, length + UInt64(page)]
    if let report = engine.poolReport {
      let stride = report.memoryStride.bytes
      // The last is the next memory under the same key: beyond what is not checked.
      for count in [1, 2, 3, UInt64(report.stripes - 1), UInt64(report.stripes)] where count > 0 {
        let neighbour = count * stride
        result += [neighbour - width + 1, neighbour, neighbour + 1, neighbour + length - width, neighbour + length - 1]
      }
    }
    for edge in [0x2000_0000, 0x8000_0000, 0x1_0000_0000, 0x1_8000_0000] as [UInt64] {
      result += [edge - width + 1, edge - 1, edge]
    }
    return result + [0x1_FFFF_FFFE]
  }

  struct Subject {
    let instance: Instance
    let memory: Memory
    let pattern: [UInt8]
    let end: [UInt8]

    init(_ module: Module, _ engine: Engine, _ number: Int) throws {
      instance = try Linker<Void>(engine).instantiate(module, in: Store(engine))
      memory = try instance.memory("memory")
      let length = Int(memory.byteCount)
      pattern = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 / 251 &+ number &* 17 &+ 3) }
      end = Array(pattern[(length - 32)...])
      try memory.write(pattern, at: 0)
    }

    func isUntouched() throws -> Bool { try memory.bytes(at: 0, count: pattern.count) == pattern }
    func endIsUntouched() throws -> Bool { try memory.bytes(at: pattern.count - 32, count: 32) == end }
  }

  /// The control: without keys to enforce what stripes promise, the same accesses reach neighbours.
  @Test func stripesAloneKeepNothingApart() throws {
    var pool = PoolingConfiguration(instances: Self.instances, maxMemory: .kibibytes(64))
    pool.stripesWithoutKeys = true
    var configuration = EngineConfiguration()
    configuration.allocation = .pooling(pool)
    let engine = try Engine(configuration)
    let module = try Self.module(engine, pages: 1, most: 1)
    let subjects = try (0..<Self.instances).map { try Subject(module, engine, $0) }
    let stride = try #require(engine.poolReport).memoryStride.bytes
    let reached = try subjects.filter { subject in
      let call = try subject.instance.function("i64.store+1", as: ((Int32) -> Void).self)
      return trapCode { try call(Int32(stride + 99)) } == nil
    }
    #expect(reached.count == Self.instances - 1)
    #expect(try subjects.filter { try !$0.isUntouched() }.count == Self.instances - 1)
  }

  @Test(arguments: Allocation.possible)
  func everyAccessBeyondTheEndTrapsAndTouchesNothing(_ allocation: Allocation) throws {
    let engine = try Self.engine(allocation)
    let pages = allocation == .fullPool ? 1 : 2
    let module = try Self.module(engine, pages: pages, most: allocation == .fullPool ? 1 : 3)
    let subjects = try (0..<Self.instances).map { try Subject(module, engine, $0) }
    if let report = engine.poolReport { #expect((report.stripes > 1) == ProtectionKeys.areSupported) }
    #expect(Self.accesses.count >= 23)
    var traps = 0
    for subject in [subjects[0], subjects[Self.instances / 2], subjects[Self.instances - 1]] {
      for access in Self.accesses {
        traps += try probe(access, subject, engine)
      }
    }
    #expect(traps > 3 * 23 * 50)
    for subject in subjects { #expect(try subject.isUntouched()) }
  }

  /// How many accesses were tried; each has to trap.
  private func probe(_ access: Access, _ subject: Subject, _ engine: Engine) throws -> Int {
    let length = UInt64(subject.pattern.count)
    var tried = 0
    for offset in Self.offsets {
      let call = try subject.instance.function(access.name(offset), as: ((Int32) -> Void).self)
      for target in Self.targets(engine, width: access.width, length: length) {
        guard target >= offset, let index = UInt32(exactly: target - offset) else { continue }
        let code = trapCode { try call(Int32(bitPattern: index)) }
        #expect(code == .memoryOutOfBounds, "\(access.row.mnemonic) at \(index) + \(offset)")
        if access.isStore { #expect(try subject.endIsUntouched(), "\(access.row.mnemonic) at \(index) + \(offset)") }
        tried += 1
      }
      if !access.isStore, offset <= length - access.width {
        try call(Int32(length - access.width - offset))
      }
    }
    return tried
  }

  @Test(arguments: Allocation.possible)
  func bulkOperationsBeyondTheEndTrapAndTouchNothing(_ allocation: Allocation) throws {
    let engine = try Self.engine(allocation)
    let pages = allocation == .fullPool ? 1 : 2
    let module = try Self.module(engine, pages: pages, most: allocation == .fullPool ? 1 : 3)
    let subjects = try (0..<Self.instances).map { try Subject(module, engine, $0) }
    let length = UInt32(pages * Self.page)
    let stride = engine.poolReport.map { UInt32(truncatingIfNeeded: $0.memoryStride.bytes) } ?? 1 << 20
    let ranges: [(UInt32, UInt32)] = [
      (length - 7, 8), (length, 1), (length + 1, 0), (stride, 1), (stride, 8), (.max, 1), (.max, .max), (0, length + 1),
      (1, .max),
    ]
    for subject in [subjects[0], subjects[Self.instances - 1]] {
      for name in ["fill", "copyTo", "copyFrom", "init"] {
        let call = try subject.instance.function(name, as: ((Int32, Int32) -> Void).self)
        for (start, count) in ranges {
          let code = trapCode { try call(Int32(bitPattern: start), Int32(bitPattern: count)) }
          #expect(code == .memoryOutOfBounds, "\(name) of \(count) bytes at \(start)")
        }
      }
      #expect(try subject.isUntouched())
    }
    for subject in subjects { #expect(try subject.isUntouched()) }
  }
}
