public import Aviary
public import CoreMetrics
import Synchronization

// AviaryMetrics: an engine's numbers for swift-metrics. It depends on Aviary's public API alone, and Aviary knows
// nothing of it. The process's metrics system is used as the program has set it up; none is made here.

/// Publishes how an engine's pool stands.
///
/// ```swift
/// let metrics = PoolMetrics(engine)
/// try await metrics.run(every: .seconds(10))   // in a task of its own
/// ```
/// | Metric | Kind | Dimension `kind` |
/// |---|---|---|
/// | `aviary.pool.memories` | gauge | `live`, `warm`, `cold`, `quarantined` |
/// | `aviary.pool.resident_bytes` | gauge | |
/// | `aviary.pool.waiting` | gauge | |
/// | `aviary.pool.acquisitions` | counter | `affine`, `cold`, `evicting` |
/// | `aviary.pool.resets` | counter | `adaptive`, `scan`, `keep_resident`, `decommit`, `clearing`, `failed` |
/// | `aviary.pool.faults` | counter | |
/// | `aviary.pool.waits` | counter | |
///
/// Of an engine that allocates on demand nothing is published. Sendable: every method may be called from any thread.
public final class PoolMetrics: Sendable {
  private let engine: Engine
  private let gauges: [(Gauge, @Sendable (PoolStatistics) -> Double)]
  private let counters: [(Counter, @Sendable (PoolStatistics) -> UInt64)]
  /// As published last.
  private let last = Mutex(PoolStatistics())

  /// - Parameters:
  ///   - prefix: what the metrics' labels begin with.
  ///   - dimensions: of all metrics; tell engines apart where there are several.
  ///   - factory: nil: the process's.
  public init(
    _ engine: Engine, prefix: String = "aviary.pool", dimensions: [(String, String)] = [],
    factory: (any MetricsFactory)? = nil
  ) {
    self.engine = engine
    let factory = factory ?? MetricsSystem.factory
    func gauge(
      _ name: String, _ kind: String?, _ value: @escaping @Sendable (PoolStatistics) -> Double
    ) -> (Gauge, @Sendable (PoolStatistics) -> Double) {
      let all = dimensions + (kind.map { [("kind", $0)] } ?? [])
      return (Gauge(label: "\(prefix).\(name)", dimensions: all, factory: factory), value)
    }
    func counter(
      _ name: String, _ kind: String?, _ value: @escaping @Sendable (PoolStatistics) -> UInt64
    ) -> (Counter, @Sendable (PoolStatistics) -> UInt64) {
      let all = dimensions + (kind.map { [("kind", $0)] } ?? [])
      return (Counter(label: "\(prefix).\(name)", dimensions: all, factory: factory), value)
    }
    gauges = [
      gauge("memories", "live") { Double($0.live) }, gauge("memories", "warm") { Double($0.warm) },
      gauge("memories", "cold") { Double($0.cold) }, gauge("memories", "quarantined") { Double($0.quarantined) },
      gauge("resident_bytes", nil) { Double($0.residentBytes.bytes) }, gauge("waiting", nil) { Double($0.waiting) },
    ]
    counters = [
      counter("acquisitions", "affine", \.affineAcquisitions), counter("acquisitions", "cold", \.coldAcquisitions),
      counter("acquisitions", "evicting", \.evictingAcquisitions),
      counter("resets", "adaptive", \.adaptiveResets), counter("resets", "scan", \.scanResets),
      counter("resets", "keep_resident", \.keepResidentResets), counter("resets", "decommit", \.decommitResets),
      counter("resets", "clearing", \.clearings), counter("resets", "failed", \.failedResets),
      counter("faults", nil, \.faults), counter("waits", nil, \.waits),
    ]
  }

  /// Publishes once: gauges as they are now, counters by what was added since the last time.
  public func publish() {
    guard let now = engine.poolStatistics else { return }
    // One publisher after the other, so that nothing is counted twice.
    last.withLock { last in
      for (gauge, value) in gauges { gauge.record(value(now)) }
      for (counter, value) in counters {
        let (new, old) = (value(now), value(last))
        if new > old { counter.increment(by: Int64(clamping: new - old)) }
      }
      last = now
    }
  }

  /// Publishes now and then, until the task is cancelled.
  /// - Throws: `CancellationError`.
  public func run(every interval: Duration) async throws {
    while true {
      publish()
      try await Task.sleep(for: interval)
    }
  }
}
