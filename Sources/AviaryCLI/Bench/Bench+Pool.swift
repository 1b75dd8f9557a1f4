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
      // Without keys the same is laid out, with nothing that keeps the stripes apart.
      if striped, MachineLimits.hasProtectionKeys { pool.protectionKeys = .required } else { pool.stripesWithoutKeys = striped }
      return pool
    }
    let stripes = MachineLimits.hasProtectionKeys ? "protection keys" : "15 stripes (laid out only: no keys here)"
    return [
      ("without stripes", pool(.copyOnWrite, striped: false)), ("with \(stripes)", pool(.copyOnWrite, striped: true)),
      ("by userfaultfd", pool(.userfaultfd(.signal), striped: false)),
      ("by userfaultfd, with \(stripes)", pool(.userfaultfd(.signal), striped: true)),
    ]
  }
}
