import Aviary

/// An instance that behaves badly, in every way that it has.
struct Tenant {
  let model: TenantModule
  let store: Store<Void>
  let instance: Instance
  let strays: Bool

  /// - Throws: `Contamination`, or an error of the engine's that the caller expects when resources are used up.
  init(_ model: TenantModule, _ linked: LinkedModule<Void>, _ engine: Engine, strays: Bool) throws {
    self.model = model
    self.strays = strays
    store = Store(engine)
    instance = try linked.instantiate(in: store)
  }

  /// Does something at random. Traps are expected; anything else is not.
  func act(_ random: inout SplitMix) throws {
    do {
      switch random.below(14) {
      case 0...3: try write(&random)
      case 4: try grow(&random)
      case 5: try fill(&random)
      case 6: try changeTables(&random)
      case 7: try call("gset", .i64(Int64(bitPattern: random.next())))
      case 8: try usePassive(&random)
      case 9: try call("unreachable")
      case 10: try call("divide", .i32(0))
      case 11 where strays: try call("far\(random.below(model.memories.count))", .i32(Int32(truncatingIfNeeded: random.next())))
      case 12 where random.chance(10): try call("deep", .i32(0))
      default: try beCancelled(&random)
      }
    } catch WasmError.trap { return }
  }

  /// What all well-behaved tenants of a module do alike: memories learn it (`PoolingConfiguration.Reset.adaptive`).
  func keepToHabits() throws {
    for (index, memory) in model.memories.enumerated() where memory.minimumPages > 0 {
      for address in stride(from: 64, to: memory.bytes.count, by: 13 * 4096) {
        try call("poke\(index)", .i32(Int32(address)), .i32(0x5A))
      }
    }
  }

  private func call(_ name: String, _ arguments: Value...) throws {
    _ = try instance.function(name)(arguments)
  }

  private func address(_ memory: Int, _ random: inout SplitMix) throws -> Int32 {
    let size = Int(try instance.memory("m\(memory)").byteCount)
    // Mostly inside, sometimes at the end or beyond.
    if strays, random.chance(5) || size == 0 { return Int32(truncatingIfNeeded: random.next()) }
    return Int32(truncatingIfNeeded: random.below(size + 8))
  }

  private func write(_ random: inout SplitMix) throws {
    let memory = random.below(model.memories.count)
    for _ in 0..<(1 + random.below(random.chance(10) ? 200 : 12)) {
      if random.chance(50) {
        try call("poke\(memory)", .i32(try address(memory, &random)), .i32(Int32(1 + random.below(255))))
      } else {
        try call("poke64\(memory)", .i32(try address(memory, &random)), .i64(Int64(bitPattern: random.next())))
      }
    }
  }

  private func fill(_ random: inout SplitMix) throws {
    let memory = random.below(model.memories.count)
    let count = Int32(random.below(random.chance(10) ? 300_000 : 20_000))
    try call("fill\(memory)", .i32(try address(memory, &random)), .i32(Int32(1 + random.below(255))), .i32(count))
  }

  private func grow(_ random: inout SplitMix) throws {
    let memory = random.below(model.memories.count)
    let old = Int(try instance.memory("m\(memory)").byteCount)
    try call("grow\(memory)", .i32(Int32(random.below(6))))
    let new = Int(try instance.memory("m\(memory)").byteCount)
    try Inspection(model: model, instance: instance).expectZeros(memory: memory, from: old)
    if new > old { try call("poke\(memory)", .i32(Int32(old + random.below(new - old))), .i32(0xAA)) }
  }

  private func changeTables(_ random: inout SplitMix) throws {
    guard !model.tables.isEmpty else { return }
    let table = random.below(model.tables.count)
    let size = Int(try instance.table("t\(table)").count)
    switch random.below(3) {
    case 0: try call("tset\(table)", .i32(Int32(random.below(size + 2))))
    case 1: try call("tfill\(table)", .i32(Int32(random.below(size + 2))), .i32(Int32(random.below(8))))
    default:
      try call("tgrow\(table)", .i32(Int32(random.below(20))))
      let grown = try instance.table("t\(table)")
      for index in size..<Int(grown.count) {
        guard try grown.get(UInt32(index)) == .funcref(nil) else {
          throw Contamination(description: "element \(index) of table \(table) is not null after growth")
        }
        try grown.set(UInt32(index), to: .funcref(try instance.function("f1")))
      }
    }
  }

  /// Passive segments are there for a fresh instance, whatever an earlier one dropped.
  func expectPassiveSegments() throws {
    if let passive = model.passive, let memory = model.memories.first, memory.bytes.count >= passive.count {
      try call("pinit", .i32(0), .i32(Int32(passive.count)))
      guard try instance.memory("m0").bytes(at: UInt64(0), count: UInt64(passive.count)) == passive else {
        throw Contamination(description: "the passive segment is not what was declared")
      }
    }
    if model.passiveElements > 0, model.tables[0].minimum >= model.passiveElements {
      try call("einit", .i32(0), .i32(Int32(model.passiveElements)))
    }
  }

  private func usePassive(_ random: inout SplitMix) throws {
    if let passive = model.passive {
      if random.chance(50) {
        try call("pdrop")
      } else {
        try call("pinit", .i32(try address(0, &random)), .i32(Int32(passive.count)))
      }
    }
    if model.passiveElements > 0 { try call("edrop") }
  }

  private func beCancelled(_ random: inout SplitMix) throws {
    if random.chance(90) {
      // Set beforehand: the guest ends at its entry.
      try store.interrupter().interrupt()
      try call("spin")
    } else {
      try store.withDeadline(after: .microseconds(50 + random.below(200))) { try call("spin") }
    }
  }
}
