import Aviary
import AviaryText
import Synchronization

/// Guests that spin and share the process's threads by yielding at each epoch.
public struct SpinningGuests: Sendable {
  public var guests: Int
  public var tick: Duration
  public var time: Duration

  public init(guests: Int, tick: Duration = .milliseconds(1), time: Duration) {
    self.guests = guests
    self.tick = tick
    self.time = time
  }

  /// Counts its turns, for ever.
  private static let wat = """
    (module (global $turns (export "turns") (mut i64) (i64.const 0))
      (func (export "run") (loop (global.set $turns (i64.add (global.get $turns) (i64.const 1))) (br 0))))
    """

  /// How often each guest's loop had turned when its deadline stopped it.
  public func turns() async throws -> [Int64] {
    var configuration = EngineConfiguration()
    configuration.interruption = .epoch(tick: tick, action: .yield)
    let engine = try Engine(configuration)
    let plugin = try Linker<Void>(engine).link(try engine.compile(wat: Self.wat))
    let deadline = ContinuousClock.now + time
    return try await withThrowingTaskGroup(of: Int64.self) { group in
      for _ in 0..<guests {
        group.addTask {
          let instance = try await plugin.instantiate(in: Store(engine))
          let run = try instance.function("run")
          do {
            _ = try await run.async([], deadline: deadline)
            throw Endless()
          } catch WasmError.trap(let trap) where trap.code == .interrupted {}
          guard case .i64(let turns) = try instance.global("turns").value else { throw Endless() }
          return turns
        }
      }
      var all: [Int64] = []
      for try await turns in group { all.append(turns) }
      return all
    }
  }

  /// In how many ticks from its deadline on a spinning guest was out, again and again, while another one goes on.
  public func lateness(_ count: Int) async throws -> [UInt64] {
    var configuration = EngineConfiguration()
    configuration.interruption = .epoch(tick: tick, action: .trap)
    let engine = try Engine(configuration)
    let plugin = try Linker<Void>(engine).link(try engine.compile(wat: Self.wat))
    let other = Task.detached {
      let store = Store(engine)
      _ = try? await plugin.instantiate(in: store).function("run").async([])
    }
    defer { other.cancel() }
    let store = Store(engine)
    let run = try await plugin.instantiate(in: store).function("run")
    var late: [UInt64] = []
    for _ in 0..<count {
      let deadline = engine.currentEpoch + 3
      try store.setEpochDeadline(ticks: 3)
      do {
        _ = try run([])
        throw Endless()
      } catch WasmError.trap(let trap) where trap.code == .interrupted {}
      late.append(engine.currentEpoch - deadline)
    }
    return late
  }

  private struct Endless: Error {}
}
