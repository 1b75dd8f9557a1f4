import Aviary
import Glibc

// How many instances the machine holds, and what one costs.
extension Bench {
  func measureDensity() throws -> [(String, JSON)] {
    let size = maxMemory?.bytes ?? .mebibytes(64)
    var rows: [JSON] = []
    for (name, pool) in Self.densities(size) {
      var row: [(String, JSON)] = [("name", .string(name))]
      do {
        let granted = try MachineLimits.memories(for: pool)
        row += [("memories_granted", .integer(granted.count)), ("stride_bytes", .integer(granted.stride.bytes))]
        row += try fill(pool, count: min(live, granted.count))
      } catch {
        row.append(("error", .string("\(error)")))
      }
      rows.append(.object(row))
    }
    return [
      ("max_memory", .integer(size.bytes)), ("max_map_count", .integer(MachineLimits.mappings)), ("pools", .array(rows)),
    ]
  }

  /// Makes instances that stay, runs code in each, and drops them all.
  private func fill(_ pool: PoolingConfiguration, count: Int) throws -> [(String, JSON)] {
    var pool = pool
    pool.instances = count
    // Bounds of tables that the module does not have would only take address space.
    pool.tableElements = 1000
    let start = Footprint.now
    var configuration = engine.configuration()
    configuration.allocation = .pooling(pool)
    let engine = try Engine(configuration)
    let plugin = try Linker<Void>(engine).link(try engine.compile(try Shape.all[0].module()))
    _ = try plugin.instantiate(in: Store(engine))
    let idle = Footprint.now
    var alive: [TypedFunction<(Int32, Int32) -> Int32>] = []
    alive.reserveCapacity(count)
    var failure: (any Error)?
    do {
      for _ in 0..<count {
        let instance = try plugin.instantiate(in: Store(engine))
        alive.append(try instance.function("touch", as: ((Int32, Int32) -> Int32).self))
        guard try alive[alive.count - 1](2, 0) == 2 else { throw Failure("touch failed") }
      }
      // Every one of them once more, while all others live.
      for touch in alive where try touch(1, 1) != 1 { throw Failure("touch failed") }
    } catch { failure = error }
    let full = Footprint.now
    let reached = alive.count
    alive = []
    let after = Footprint.now
    func each(_ a: Footprint, _ b: Footprint, _ part: KeyPath<Footprint, Int>, _ count: Int) -> JSON {
      .integer((b[keyPath: part] - a[keyPath: part]) / max(1, count))
    }
    return [
      ("live", .integer(reached)), ("error", failure.map { .string("\($0)") } ?? .null),
      ("resident_per_unused", each(start, idle, \.resident, count)),
      ("resident_per_live", each(idle, full, \.resident, reached)),
      ("page_tables_per_live", each(idle, full, \.pageTables, reached)),
      ("resident_per_warm", each(idle, after, \.resident, reached)),
      ("mappings_idle", .integer(idle.mappings)), ("mappings_live", .integer(full.mappings)),
    ]
  }
}
