/// Times of one operation, measured in batches of about half a millisecond:
///
/// ```
/// while let count = batches.next() { batches.add(time of count operations) }
/// ```
struct Batches {
  private enum Phase { case sizing, warming, measuring }

  private var wall: [Double] = []
  private var cpu: [Double] = []
  private var phase = Phase.sizing
  private var size: Int32 = 16
  private var start = ContinuousClock.now
  private let budget: UInt64

  private static let batchNanoseconds: UInt64 = 500_000

  /// - Parameter budget: nanoseconds.
  init(budget: UInt64) { self.budget = budget }

  /// How many operations are next; nil at the end.
  mutating func next() -> Int32? {
    let elapsed = (ContinuousClock.now - start).nanosecondCount
    switch phase {
    case .sizing: size *= 2
    // Whatever is learnt or filled lazily is before the measurement.
    case .warming where elapsed > budget / 10: enter(.measuring)
    case .measuring where elapsed > budget && !cpu.isEmpty: return nil
    case .warming, .measuring: break
    }
    return size
  }

  mutating func add(_ time: Time) {
    switch phase {
    case .sizing: if time.wall >= Self.batchNanoseconds / 2 { enter(.warming) }
    case .warming: break
    case .measuring:
      wall.append(Double(time.wall) / Double(size))
      cpu.append(Double(time.cpu) / Double(size))
    }
  }

  private mutating func enter(_ phase: Phase) {
    self.phase = phase
    start = .now
  }

  func row(_ name: String, withBatches: Bool) -> JSON {
    func rounded(_ value: Double) -> JSON { .number((value * 100).rounded() / 100) }
    func median(_ values: [Double]) -> JSON { rounded(values.sorted()[values.count / 2]) }
    var members: [(String, JSON)] = [
      ("name", .string(name)), ("wall_ns", median(wall)), ("cpu_ns", median(cpu)), ("cpu_min_ns", rounded(cpu.min() ?? 0)),
    ]
    if withBatches {
      members += [("wall_batches_ns", .array(wall.map(rounded))), ("cpu_batches_ns", .array(cpu.map(rounded)))]
    }
    return .object(members)
  }
}
