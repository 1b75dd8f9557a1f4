import AviaryPool

/// Where a memory's bytes are, and who makes more of them accessible.
///
/// Invariants: [base, base + accessible) is readable and writable by whoever may run the
/// memory's store; what lies behind it in `region` faults; the address never changes.
struct MemoryBacking: ~Copyable, Sendable {
  private enum Owner: ~Copyable, Sendable {
    case reservation(Mapping)
    case slot(MemorySlot)
  }
  private let owner: Owner
  let base: UInt
  /// All addresses that code may touch in this memory's name.
  let region: Range<UInt>

  /// A reservation of the memory's own; its first `plan.initialBytes` are open, and zeros.
  init(_ plan: MemoryPlan) throws(VMError) {
    let mapping = try Mapping(reserving: plan.total)
    if let accessible = Page.roundUp(plan.initialBytes) {
      try mapping.protect(from: plan.frontGuard, count: accessible, [.read, .write])
    }
    base = mapping.address + UInt(plan.frontGuard)
    region = mapping.address..<(mapping.address + UInt(mapping.count))
    owner = .reservation(mapping)
  }

  init(_ slot: consuming MemorySlot) {
    base = slot.base
    region = slot.region
    owner = .slot(slot)
  }

  /// Whether threads need rights to touch it (`HostAccess.allow`).
  var isUnderKey: Bool {
    switch owner {
    case .reservation: false
    case .slot(let slot): slot.isUnderKey
    }
  }

  /// - Precondition: `old` is the present size, `new` is not less and within the plan's capacity.
  func grow(from old: UInt64, to new: UInt64) throws(VMError) {
    switch owner {
    case .reservation(let mapping):
      guard let old = Page.roundUp(old), let new = Page.roundUp(new), new > old else { return }
      try mapping.protect(from: UInt64(base - mapping.address) + old, count: new - old, [.read, .write])
    case .slot(let slot): try slot.grow(to: new)
    }
  }
}
