extension PoolingConfiguration {
  /// A pool whose guests and unused memories together hold no more than a budget.
  ///
  /// The arithmetic, with every term at its worst:
  /// ```
  ///  one instance = expectedMemory + tableElements × 8 bytes + instance state (64 KiB) + guest stack
  ///  instances    = (memoryBudget − memoryBudget / 8) / one instance,       at most 100,000
  ///  the rest of at least an eighth: residentBudget, for memories between two instances
  ///  keepResident = residentBudget / instances,     between 16 KiB and 1 MiB, and no more than maxMemory
  /// ```
  /// With `expectedMemory` left nil it is `maxMemory`: then the budget holds whatever guests do. With less, guests
  /// that use more than expected, all at once, exceed it: give stores limits (`StoreLimits.memory`).
  ///
  /// - Parameters:
  ///   - maxMemory: what one memory can grow to, a multiple of 64 KiB. nil: 64 MiB, or the largest smaller power
  ///     of two, down to 1 MiB, of which at least 16 instances fit.
  ///   - expectedMemory: what an instance is expected to use of it.
  ///   - guestStack: the engine's `maxGuestStack`.
  /// - Throws: `WasmError.limit` where not one instance fits, naming both sizes.
  public static func fitting(
    memoryBudget: ByteCount, maxMemory: ByteCount? = nil, expectedMemory: ByteCount? = nil,
    guestStack: ByteCount = .kibibytes(512)
  ) throws(WasmError) -> PoolingConfiguration {
    var pool = PoolingConfiguration()
    pool.instanceSize = .kibibytes(64)
    let usable = memoryBudget.bytes - memoryBudget.bytes / 8
    func footprint(_ memory: ByteCount) -> UInt64 {
      [UInt64(pool.tableElements) * 8, pool.instanceSize.bytes, guestStack.bytes].reduce(memory.bytes) { sum, part in
        let (sum, overflow) = sum.addingReportingOverflow(part)
        return overflow ? .max : sum
      }
    }
    pool.maxMemory = maxMemory ?? .mebibytes(64)
    if maxMemory == nil {
      while pool.maxMemory > .mebibytes(1), usable / footprint(expectedMemory ?? pool.maxMemory) < 16 {
        pool.maxMemory.bytes /= 2
      }
    }
    let each = footprint(min(expectedMemory ?? pool.maxMemory, pool.maxMemory))
    guard usable >= each else {
      throw .limit(
        "a budget of \(memoryBudget) leaves \(ByteCount(bytes: usable)) for instances, and one may take "
          + "\(ByteCount(bytes: each)); raise memoryBudget or lower maxMemory")
    }
    pool.instances = Int(min(usable / each, 100_000))
    pool.residentBudget = .bytes(memoryBudget.bytes / 8)
    let share = min(pool.residentBudget.bytes / UInt64(pool.instances), 1 << 20)
    pool.keepResident = min(.bytes(max(share, 16 << 10)), pool.maxMemory)
    return pool
  }
}
