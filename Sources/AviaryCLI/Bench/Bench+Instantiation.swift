import Aviary
import AviaryWASI
import Dispatch
import Glibc
import Synchronization

// Making an instance, calling it, dropping it: the whole life of a tenant.
extension Bench {
  func measureInstantiation() throws -> [(String, JSON)] {
    let engine = try engine.engine(pool.allocation(maxMemory: maxMemory))
    var rows: [JSON] = []
    if let invoke, let path = file {
      let source = try ModuleFile(path)
      let plugin = try world(engine, source).link(try engine.compile(try source.binary(), name: source.moduleName))
      let words = arguments
      rows.append(
        try row(engine, name: source.displayName, plugin) {
          let first = try plugin.instantiate(in: Store(plugin.module.engine))
          let values = try first.function(invoke).type.arguments(from: words, of: invoke)
          return { instance in _ = try instance.function(invoke)(values) }
        })
    } else {
      for shape in Shape.all where self.shape.isEmpty || self.shape.contains(shape.name) {
        let plugin = try Linker<Void>(engine).link(try engine.compile(try shape.module(), name: shape.name))
        rows.append(
          try row(engine, name: shape.name, plugin) {
            { instance in
              let touch = try instance.function("touch", as: ((Int32, Int32) -> Int32).self)
              guard try touch(shape.writes, shape.reads) == shape.writes else { throw Failure("touch failed") }
            }
          })
      }
    }
    return [
      ("concurrency", .integer(concurrency)),
      ("pool", engine.poolReport.map { .string($0.description) } ?? .null), ("modules", .array(rows)),
    ]
  }

  private func world(_ engine: Engine, _ file: ModuleFile) throws -> Linker<Void> {
    let linker = Linker<Void>(engine)
    try world.wasi(
      arguments: [file.displayName], isInterruptible: false, output: .descriptor(STDERR_FILENO, closing: false)
    ).define(in: linker)
    return linker
  }

  private func row(
    _ engine: Engine, name: String, _ plugin: LinkedModule<Void>, _ use: @escaping InstantiationBench.Use
  ) throws -> JSON {
    let before = engine.poolStatistics
    let bench = InstantiationBench(
      plugin: plugin, use: use, budget: duration?.duration.nanosecondCount ?? 500_000_000, threads: concurrency)
    let series = try bench.run()
    func batches(_ time: KeyPath<Time, UInt64>) -> JSON {
      .array(series.map { .array($0.map { .integer($0[keyPath: time]) }) })
    }
    func median(_ time: KeyPath<Time, UInt64>) -> JSON {
      let all = series.joined().map { $0[keyPath: time] }.sorted()
      return all.isEmpty ? .null : .integer(all[all.count / 2])
    }
    var members: [(String, JSON)] = [("name", .string(name)), ("wall_ns", median(\.wall)), ("cpu_ns", median(\.cpu))]
    if let before, let after = engine.poolStatistics { members.append(("resets", .object(after.resets(since: before)))) }
    if json { members += [("wall_batches_ns", batches(\.wall)), ("cpu_batches_ns", batches(\.cpu))] }
    return .object(members)
  }
}

extension PoolStatistics {
  fileprivate func resets(since old: PoolStatistics) -> [(String, JSON)] {
    [
      ("affine", affineAcquisitions - old.affineAcquisitions), ("cold", coldAcquisitions - old.coldAcquisitions),
      ("evicting", evictingAcquisitions - old.evictingAcquisitions), ("adaptive", adaptiveResets - old.adaptiveResets),
      ("scan", scanResets - old.scanResets), ("keep-resident", keepResidentResets - old.keepResidentResets),
      ("decommit", decommitResets - old.decommitResets), ("clearings", clearings - old.clearings),
      ("failed", failedResets - old.failedResets), ("faults", faults - old.faults),
    ].filter { $0.1 > 0 }.map { ($0.0, .integer($0.1)) }
  }
}

/// Lives of instances on some threads at once, in batches of about a millisecond.
struct InstantiationBench: Sendable {
  var plugin: LinkedModule<Void>
  typealias Use = @Sendable () throws -> (Instance) throws -> Void
  /// Made once a thread.
  var use: Use
  /// Nanoseconds for each thread.
  var budget: UInt64
  var threads: Int

  /// By thread: the time of one life in each batch.
  func run() throws -> [[Time]] {
    let results = Mutex<[Result<[Time], any Error>]>([])
    let ready = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
      let series = Result { try measure(ready) }
      results.withLock { $0.append(series) }
    }
    return try results.withLock { try $0.map { try $0.get() } }
  }

  private func measure(_ ready: borrowing Atomic<Int>) throws -> [Time] {
    let use = try use()
    // Whatever is learnt or filled lazily is before the clock starts.
    let start = ContinuousClock.now
    var count = 0
    while count < 200 || (ContinuousClock.now - start).nanosecondCount < budget / 10 {
      try live(use)
      count += 1
    }
    let batch = max(1, 1_000_000 / max(1, Int((ContinuousClock.now - start).nanosecondCount) / count))
    // All threads begin together. Where there are fewer processors than threads, they come one by one.
    ready.add(1, ordering: .relaxed)
    var patience = 10_000
    while ready.load(ordering: .relaxed) < threads, patience > 0 {
      sched_yield()
      patience -= 1
    }
    let beginning = ContinuousClock.now
    var series: [Time] = []
    repeat {
      let (time, _) = try Time.measured { for _ in 0..<batch { try live(use) } }
      series.append(Time(wall: time.wall / UInt64(batch), cpu: time.cpu / UInt64(batch)))
    } while (ContinuousClock.now - beginning).nanosecondCount < budget
    return series
  }

  @inline(never)
  private func live(_ use: (Instance) throws -> Void) throws {
    let store = Store(plugin.module.engine)
    try use(try plugin.instantiate(in: store))
  }
}
