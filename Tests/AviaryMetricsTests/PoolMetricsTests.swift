import Aviary
import AviaryMetrics
import CoreMetrics
import MetricsTestKit
import Testing

@Suite struct PoolMetricsTests {
  private func engine() throws -> Engine {
    var configuration = EngineConfiguration()
    configuration.allocation = .pooling(.init(instances: 4, maxMemory: .mebibytes(1), protectionKeys: .off))
    return try Engine(configuration)
  }

  @Test func gaugesAndCounters() throws {
    let engine = try engine()
    let factory = TestMetrics()
    let metrics = PoolMetrics(engine, dimensions: [("engine", "a")], factory: factory)
    func gauge(_ kind: String) throws -> Double? {
      try factory.expectGauge("aviary.pool.memories", [("engine", "a"), ("kind", kind)]).lastValue
    }
    func counter(_ name: String, _ kind: String) throws -> Int64 {
      try factory.expectCounter("aviary.pool.\(name)", [("engine", "a"), ("kind", kind)]).totalValue
    }
    metrics.publish()
    #expect(try gauge("live") == 0)
    #expect(try gauge("cold") == 4)
    let plugin = try Linker<Void>(engine).link(try engine.compile(wat: "(module (memory 1) (data (i32.const 0) \"a\"))"))
    do {
      let stores = (0..<3).map { _ in Store(engine) }
      for store in stores { _ = try plugin.instantiate(in: store) }
      metrics.publish()
      #expect(try gauge("live") == 3)
      #expect(try gauge("cold") == 1)
      #expect(try counter("acquisitions", "cold") == 3)
      withExtendedLifetime(stores) {}
    }
    // What was published is not added again.
    metrics.publish()
    metrics.publish()
    let statistics = try #require(engine.poolStatistics)
    #expect(try counter("acquisitions", "cold") == 3)
    let resets = try ["adaptive", "scan", "keep_resident", "decommit", "clearing"].map { try counter("resets", $0) }
    #expect(resets.reduce(0, +) >= 3)
    #expect(try counter("resets", "decommit") == Int64(statistics.decommitResets))
    #expect(try counter("resets", "failed") == 0)
    #expect(try factory.expectCounter("aviary.pool.waits", [("engine", "a")]).totalValue == 0)
  }

  @Test func enginesOnDemandPublishNothing() throws {
    let factory = TestMetrics()
    let metrics = PoolMetrics(try Engine(), factory: factory)
    metrics.publish()
    #expect(try factory.expectGauge("aviary.pool.waiting").lastValue == nil)
  }

  @Test func runningEndsWithItsTask() async throws {
    let factory = TestMetrics()
    let metrics = PoolMetrics(try engine(), factory: factory)
    let task = Task { try await metrics.run(every: .seconds(3600)) }
    while try factory.expectGauge("aviary.pool.waiting").lastValue == nil { await Task.yield() }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
