import Aviary

// The pool of the options, drawn, and what this machine grants.
extension Bench {
  func drawPool() throws {
    let engine = try engine.engine(pool.allocation(maxMemory: maxMemory))
    guard let picture = engine.poolPicture, let report = engine.poolReport else { return }
    print(picture.text)
    print(report.description)
    print("")
    print("This machine:")
    for sentence in MachineLimits.sentences { print("  \(sentence)") }
    for (name, pool) in Self.densities(maxMemory?.bytes ?? .mebibytes(64)) {
      do throws(WasmError) {
        print("  memories of \(pool.maxMemory), \(name): \(try MachineLimits.memories(for: pool).count)")
      } catch {
        print("  memories of \(pool.maxMemory), \(name): \(error)")
      }
    }
    if let svg { try OutputFile.write(Array(picture.svg.utf8), to: svg) }
  }

  /// Pools that are as large as the machine grants, with a name each.
  static func densities(_ maxMemory: ByteCount) -> [(name: String, PoolingConfiguration)] {
    func pool(_ initialization: PoolingConfiguration.MemoryInitialization, striped: Bool) -> PoolingConfiguration {
      var pool = PoolingConfiguration(instances: 1 << 22, maxMemory: maxMemory, protectionKeys: .off)
      pool.memoryInitialization = initialization
      pool.stripesWithoutKeys = striped
      return pool
    }
    return [
      ("without stripes", pool(.copyOnWrite, striped: false)), ("with 15 stripes", pool(.copyOnWrite, striped: true)),
      ("by userfaultfd", pool(.userfaultfd(.signal), striped: false)),
    ]
  }
}
