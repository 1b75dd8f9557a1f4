import Aviary

// What a call costs, from the host into the guest and from the guest into the host.
extension Bench {
  private static let syncRows = ["call-empty", "call-add", "call-add-any", "host-empty", "host-add"]
  private static let asyncRows = ["async-call-empty", "async-call-fresh-store", "async-host-at-once", "async-host-suspends", "task-suspends"]
  /// In the order in which they are measured.
  static let callRows = syncRows + asyncRows

  func measureCallCosts() throws -> [(String, JSON)] {
    let engine = try engine.engine(
      .pooling(PoolingConfiguration(instances: 64 + (suspended ?? 0), maxMemory: .mebibytes(1))))
    let budget = duration?.duration.nanosecondCount ?? 300_000_000
    let calls = try SyncCalls(engine)
    var rows: [JSON] = []
    func isAsked(_ name: String) -> Bool { row.isEmpty && suspended == nil || row.contains(name) }
    for name in Self.syncRows where isAsked(name) {
      guard let run = try calls.body(name) else { continue }
      var batches = Batches(budget: budget)
      while let count = batches.next() { batches.add(try Time.measured { try run(count) }.time) }
      rows.append(batches.row(name, withBatches: json))
    }
    let loop = LoopExecutor()
    let asyncCalls = try AsyncCalls(engine)
    for name in Self.asyncRows where isAsked(name) {
      let measure = { @Sendable in try await asyncCalls.measure(name, Batches(budget: budget)) }
      let measured = name.hasSuffix("suspends")
        ? try loop.run(measure, idle: asyncCalls.later.openOne) : try LoopExecutor.runOnPool(measure)
      rows.append(measured.row(name, withBatches: json))
    }
    var report: [(String, JSON)] = [("rows", .array(rows))]
    if let suspended { report.append(("suspended", try measure(suspended, asyncCalls, loop))) }
    return report
  }

  /// So many guests, each in a store and a task of its own, that wait in the host.
  private func measure(_ count: Int, _ calls: AsyncCalls, _ loop: LoopExecutor) throws -> JSON {
    func wait() throws -> (time: Time, Footprint) {
      let before = Footprint.now
      var held = before
      let (time, _) = try Time.measured {
        try loop.run({
          try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<count {
              group.addTask(executorPreference: loop) { try await calls.wait(Int32(truncatingIfNeeded: number)) }
            }
            try await group.waitForAll()
          }
        }, idle: {
          held = .now
          calls.waiting.open()
        })
      }
      return (time, held - before)
    }
    let first = try wait()
    let warm = try wait()
    return .object([
      ("guests", .integer(count)), ("resident_per_guest", .integer(first.1.resident / count)),
      ("page_tables_per_guest", .integer(first.1.pageTables / count)), ("mappings", .integer(first.1.mappings)),
      ("first_cpu_ns", .integer(Int(first.time.cpu) / count)), ("warm_cpu_ns", .integer(Int(warm.time.cpu) / count)),
    ])
  }
}

/// Calls in both directions without asynchrony, on the calling thread.
struct SyncCalls {
  private let instance: Instance

  init(_ engine: Engine) throws {
    let linker = Linker<Void>(engine)
    linker.define("host", "nothing") { (_: borrowing Caller<Void>) in }
    linker.define("host", "add") { (_: borrowing Caller<Void>, a: Int32, b: Int32) in a &+ b }
    instance = try linker.instantiate(try engine.compile(wat: CallModules.sync), in: Store(engine))
  }

  /// Runs so many operations of that row.
  func body(_ name: String) throws -> ((Int32) throws -> Void)? {
    switch name {
    case "call-empty":
      let nothing = try instance.function("nothing", as: (() -> Void).self)
      return { count in for _ in 0..<count { try nothing() } }
    case "call-add":
      let add = try instance.function("add", as: ((Int32, Int32) -> Int32).self)
      return { count in
        var sum: Int32 = 0
        for _ in 0..<count { sum = try add(sum, 1) }
        try check(sum, count)
      }
    case "call-add-any":
      let add = try instance.function("add")
      return { count in
        var sum = Value.i32(0)
        for _ in 0..<count { sum = try add(sum, .i32(1))[0] }
        guard case .i32(count) = sum else { throw Failure("wrong sum") }
      }
    case "host-empty": return try loop("call_nothing")
    case "host-add": return try loop("call_add")
    default: return nil
    }
  }

  private func loop(_ name: String) throws -> (Int32) throws -> Void {
    let function = try instance.function(name, as: ((Int32) -> Int32).self)
    return { count in try check(try function(count), count) }
  }
}

/// A result proves that the calls were made.
func check(_ sum: Int32, _ count: Int32) throws {
  guard sum == count else { throw Failure("the calls gave \(sum) instead of \(count)") }
}
