import Testing

@testable import Aviary

@Suite struct PoolingConfigurationTests {
  static func message(_ configuration: EngineConfiguration) -> String? {
    guard case .limit(let message)? = wasmError({ _ = try configuration.checked() }) else { return nil }
    return message
  }

  static func pooling(_ change: (inout PoolingConfiguration) -> Void) -> EngineConfiguration {
    var pool = PoolingConfiguration()
    change(&pool)
    var configuration = EngineConfiguration()
    configuration.allocation = .pooling(pool)
    return configuration
  }

  @Test func defaultsHold() throws {
    #expect(Self.message(Self.pooling { _ in }) == nil)
    let pool = PoolingConfiguration()
    #expect(pool.totalMemories == 1024)
    #expect(pool.totalTables == 1024)
    #expect(pool.totalStacks == 1024)
    #expect(EngineConfiguration().allocation == .onDemand)
  }

  /// Both numbers and the way out.
  @Test func contradictions() {
    let cases: [((inout PoolingConfiguration) -> Void, [String])] = [
      ({ $0.instances = 0 }, ["instances", "0", "4194304"]),
      ({ $0.instances = .max }, ["instances", "4194304"]),
      ({ $0.memoriesPerInstance = 0 }, ["memoriesPerInstance", "0", "1000"]),
      ({ $0.maxMemory = .bytes(1000) }, ["maxMemory", "1000 bytes", "64 KiB"]),
      ({ $0.maxMemory = .gibibytes(65) }, ["maxMemory", "65 GiB", "64 GiB", "memory64Reservation"]),
      ({ $0.memories = 3; $0.memoriesPerInstance = 4 }, ["memories", "3", "4", "raise memories"]),
      ({ $0.tables = 1; $0.tablesPerInstance = 2 }, ["tables", "1", "2", "raise tables"]),
      ({ $0.tableElements = 0 }, ["tableElements"]),
      ({ $0.instances = 1 << 20; $0.tablesPerInstance = 1000 }, ["tables", "1048576000", "4194304"]),
      ({ $0.maxProtectionKeys = 16 }, ["maxProtectionKeys", "16", "15"]),
      ({ $0.decommitBatch = 2000 }, ["decommitBatch", "2000", "1024"]),
      ({ $0.warmMemories = -1 }, ["warmMemories", "-1"]),
      ({ $0.instanceSize = .bytes(10) }, ["instanceSize", "10 bytes", "1 KiB"]),
      (
        { $0.memoryInitialization = .userfaultfd(.thread); $0.reset = .adaptive },
        ["adaptive", "userfaultfd", "choose .automatic"]
      ),
    ]
    for (index, (change, words)) in cases.enumerated() {
      let message = Self.message(Self.pooling(change))
      for word in words {
        #expect(message?.contains(word) == true, "case \(index): \(message ?? "accepted"), without \(word)")
      }
    }
  }

  @Test func modulesThatDoNotFit() throws {
    var pool = PoolingConfiguration(instances: 2, maxMemory: .mebibytes(1))
    pool.tableElements = 10
    pool.instanceSize = .kibibytes(1)
    let globals = String(repeating: "(global (mut i64) (i64.const 1))", count: 200)
    let cases: [(String, [String])] = [
      ("(module (memory 1) (memory 1))", ["2 memories", "1", "memoriesPerInstance"]),
      ("(module (memory 17))", ["1088 KiB", "1 MiB", "maxMemory"]),
      ("(module (memory i64 0xffffffffffff))", ["maxMemory", "1 MiB"]),
      ("(module (table 1 funcref) (table 1 funcref))", ["2 tables", "tablesPerInstance"]),
      ("(module (table 11 funcref))", ["11 elements", "10", "tableElements"]),
      ("(module \(globals))", ["1 KiB", "instanceSize"]),
    ]
    for (text, words) in cases {
      let module = try Fixture.compile(text)
      guard case .limit(let message)? = wasmError({ try pool.admit(module.info, stateSize: module.stateSize) })
      else {
        Issue.record("accepted: \(text)")
        continue
      }
      for word in words { #expect(message.contains(word), "\(message), without \(word)") }
    }
    for text in ["(module (memory 16) (table 10 funcref))", "(module (import \"a\" \"b\" (memory 20)) (memory 1))"] {
      let module = try Fixture.compile(text)
      try pool.admit(module.info, stateSize: module.stateSize)
    }
  }

  @Test func linkingRefuses() throws {
    let engine = try Engine(Self.pooling { $0 = PoolingConfiguration(instances: 2, maxMemory: .mebibytes(1), protectionKeys: .off) })
    let module = try engine.compile(wat: "(module (memory 17))")
    guard case .limit(let message)? = wasmError({ _ = try Linker<Void>(engine).link(module) }) else {
      Issue.record("a memory of 17 pages in a pool of 16")
      return
    }
    #expect(message.contains("1088 KiB") && message.contains("1 MiB"))
  }

  /// Tables: how many, and how large.
  @Test func tables() throws {
    let engine = try Engine(Self.pooling {
      $0 = PoolingConfiguration(instances: 4, maxMemory: .mebibytes(1), protectionKeys: .off)
      $0.tables = 2
      $0.tableElements = 10
    })
    let plugin = try Linker<Void>(engine).link(
      try engine.compile(
        wat: """
          (module (table (export "t") 1 funcref)
            (func (export "grow") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))
          """))
    for _ in 0..<3 {
      let stores = (0..<3).map { _ in Store(engine) }
      let first = try plugin.instantiate(in: stores[0])
      let grow = try first.function("grow", as: ((Int32) -> Int32).self)
      #expect(try grow(10) == -1)
      #expect(try grow(9) == 1)
      _ = try plugin.instantiate(in: stores[1])
      guard case .limit(let message)? = wasmError({ _ = try plugin.instantiate(in: stores[2]) }) else {
        Issue.record("a third table of two")
        return
      }
      #expect(message.contains("2 tables"))
    }
  }

  // MARK: From one budget

  @Test func knownBudgets() throws {
    let large = try PoolingConfiguration.fitting(memoryBudget: .gibibytes(8))
    #expect(large.maxMemory == .mebibytes(64))
    // 7 GiB by 64 MiB, 160,000 bytes, 64 KiB and 512 KiB.
    #expect(large.instances == 7_516_192_768 / (67_108_864 + 160_000 + 65_536 + 524_288))
    #expect(large.residentBudget == .gibibytes(1))
    let small = try PoolingConfiguration.fitting(memoryBudget: .mebibytes(64))
    #expect(small.maxMemory == .mebibytes(2))
    #expect(small.instances >= 16)
    let expected = try PoolingConfiguration.fitting(
      memoryBudget: .gibibytes(8), maxMemory: .gibibytes(1), expectedMemory: .kibibytes(256))
    #expect(expected.maxMemory == .gibibytes(1))
    #expect(expected.instances == 7_516_192_768 / (262_144 + 160_000 + 65_536 + 524_288))
    guard case .limit(let message)? = wasmError({ _ = try PoolingConfiguration.fitting(memoryBudget: .mebibytes(1)) }) else {
      Issue.record("a budget that is too small was accepted")
      return
    }
    #expect(message.contains("1 MiB") && message.contains("memoryBudget"))
  }

  /// Whatever the budget: the worst that guests and unused memories can hold stays inside of it, and the
  /// configuration is one that an engine takes.
  @Test func budgetsHold() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = StressTests.SplitMix(state: seed)
    for round in 0..<2000 {
      let budget = ByteCount.bytes(random.next() >> (random.next() % 40 + 16))
      let maxMemory: ByteCount? = random.next() % 2 == 0 ? nil : .kibibytes(64 * (1 + random.next() % 40_000))
      let expected: ByteCount? = random.next() % 2 == 0 ? nil : .bytes(random.next() % (64 << 20))
      do throws(WasmError) {
        let pool = try PoolingConfiguration.fitting(memoryBudget: budget, maxMemory: maxMemory, expectedMemory: expected)
        var configuration = EngineConfiguration()
        configuration.allocation = .pooling(pool)
        _ = try configuration.checked()
        let memory = min(expected ?? pool.maxMemory, pool.maxMemory).bytes
        let rest: UInt64 = UInt64(pool.tableElements) * 8 + pool.instanceSize.bytes + (512 << 10)
        let worst: UInt64 = (memory + rest) * UInt64(pool.instances) + pool.residentBudget.bytes
        #expect(worst <= budget.bytes, "seed \(seed), round \(round)")
        #expect(pool.keepResident <= min(pool.maxMemory, ByteCount.mebibytes(1)))
      } catch {
        guard case .limit(let message) = error else {
          Issue.record("seed \(seed), round \(round): \(error)")
          continue
        }
        #expect(message.contains("budget of \(budget)"), "seed \(seed), round \(round): \(message)")
      }
    }
  }
}
