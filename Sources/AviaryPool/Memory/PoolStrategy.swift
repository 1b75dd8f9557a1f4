import CAviaryHost

/// What of a configuration this machine can do, and what stands in for the rest.
struct PoolStrategy: Sendable {
  var initialization: MemoryPoolConfiguration.Initialization
  var reset: MemoryPoolConfiguration.Reset
  /// How many there are to stripe with.
  var keys = 0
  /// How far code may reach from a memory's first byte.
  let reach: UInt64
  var notes: [String] = []

  /// Whether a slot's image is bytes of its own, not a mapping.
  var copiesImage: Bool { initialization == .eager }
  /// Who fills pages; nil: the kernel.
  var faultMode: FaultService.Mode? {
    switch initialization {
    case .userfaultfdThread: .thread
    case .userfaultfdSignal: .signal
    case .copyOnWrite, .eager: nil
    }
  }
  /// Of the reservation.
  var protection: Protection { [] }

  /// - Throws: `configuration`.
  ///
  /// - Parameter support: what the kernel has; nil: it is asked.
  init(_ configuration: MemoryPoolConfiguration, _ support: ResetSupport? = nil) throws(VMError) {
    initialization = configuration.initialization
    reset = configuration.reset
    // Wraps only where the layout refuses the numbers.
    reach = max(configuration.reservationBytes, configuration.maxMemoryBytes) &+ configuration.guardBytes
    try check(configuration)
    try choosePages(configuration)
    try chooseReset(configuration, support)
  }

  func constraints(_ configuration: MemoryPoolConfiguration) -> SlabConstraints {
    SlabConstraints(
      slots: configuration.slots, maxMemoryBytes: configuration.maxMemoryBytes,
      reservationBytes: configuration.reservationBytes, guardBytes: configuration.guardBytes,
      guardBeforeSlots: true, keys: keys)
  }

  private func check(_ configuration: MemoryPoolConfiguration) throws(VMError) {
    guard configuration.slots > 0, configuration.slots <= Int(UInt32.max) else {
      throw .configuration("a pool of \(configuration.slots) memories: it takes at least 1, at most \(UInt32.max)")
    }
    guard configuration.maxMemoryBytes % (64 << 10) == 0 else {
      throw .configuration("memories of at most \(configuration.maxMemoryBytes) bytes: it takes a multiple of 65536")
    }
    guard configuration.warmSlots >= 0, configuration.maximumKeys >= 0, configuration.decommitBatch >= 0 else {
      throw .configuration(
        "\(configuration.warmSlots) warm slots, \(configuration.maximumKeys) keys, batches of "
          + "\(configuration.decommitBatch): none can be negative")
    }
  }

  private mutating func choosePages(_ configuration: MemoryPoolConfiguration) throws(VMError) {
    guard let mode = faultMode else { return }
    do {
      try FaultSupport.check(mode)
    } catch {
      guard configuration.fallsBack else { throw error }
      initialization = .copyOnWrite
      notes.append("memories are copied on write instead of filled by faults: \(error)")
    }
  }

  /// Takes the process's keys, as far as the configuration wants them.
  ///
  /// A slab for userfaultfd is one mapping that is open throughout, so that many slots cost no more than
  /// one: keys cut it into one a slot, which is done only where they are asked for.
  mutating func takeKeys(_ configuration: MemoryPoolConfiguration) throws(VMError) -> ProtectionKeys {
    var policy = configuration.keys
    if faultMode != nil, policy == .automatic { policy = .off }
    let taken = try ProtectionKeys(policy, maximum: configuration.maximumKeys)
    keys = taken.count
    if policy == .automatic, keys == 0, configuration.maximumKeys >= 2 {
      notes.append("there are no protection keys to be had: memories are not striped")
    }
    return taken
  }

  private mutating func chooseReset(_ configuration: MemoryPoolConfiguration, _ support: ResetSupport?) throws(VMError) {
    if faultMode != nil {
      // What faults filled is dropped, so that they fill it again.
      if reset != .automatic, reset != .decommit {
        notes.append("slots that faults fill are decommitted: the reset \(reset) is for the other strategies")
      }
      reset = .decommit
    } else if copiesImage {
      if reset == .adaptive || reset == .scan {
        notes.append("the reset \(reset) needs images that are mapped: keepResident stands in for it")
      }
      if reset != .decommit { reset = .keepResident }
    } else if reset == .automatic || reset == .adaptive || reset == .scan {
      try chooseLearning(configuration, support ?? ResetSupport.probe())
    }
  }

  /// The best that there is of adaptive, scan and decommit.
  private mutating func chooseLearning(
    _ configuration: MemoryPoolConfiguration, _ support: ResetSupport
  ) throws(VMError) {
    let asked = reset
    if support.scans, support.protects || asked == .scan {
      if asked == .automatic { reset = .adaptive }
      return
    }
    reset = support.scans ? .scan : .decommit
    let missing =
      support.scans
      ? "this kernel does not report writes to protected pages (Linux 6.4)"
      : "this kernel does not tell which pages were written (PAGEMAP_SCAN, Linux 6.7)"
    guard asked == .automatic || configuration.fallsBack else {
      throw .configuration("\(missing): the reset \(asked) cannot be had; \(reset) can")
    }
    notes.append("\(missing): the reset is \(reset)")
  }

  /// What the reservation shows.
  static func notes(
    on layout: SlabLayout, _ strategy: PoolStrategy, asked configuration: MemoryPoolConfiguration
  ) -> [String] {
    var notes: [String] = []
    if layout.slotCount < configuration.slots {
      notes.append(
        "the address space holds \(layout.slotCount) memories of the \(configuration.slots) asked for, "
          + "at \(layout.slotBytes) bytes each")
    }
    // Image, memory behind it, and the reservation up to the next slot.
    if strategy.faultMode != nil, strategy.keys == 0 { return notes }
    let each: UInt64 = strategy.faultMode != nil ? 1 : strategy.copiesImage ? 2 : 3
    let limit = aviary_system_mapping_limit()
    let (needed, overflow) = UInt64(layout.slotCount).multipliedReportingOverflow(by: each)
    if limit > 0, overflow || needed > limit {
      notes.append(
        "\(layout.slotCount) memories in use need \(needed) mappings, and vm.max_map_count is \(limit): "
          + "raise it with sysctl, or use a userfaultfd initialization, which needs one mapping in all")
    }
    return notes
  }
}
