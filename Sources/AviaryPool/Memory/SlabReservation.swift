import CAviaryHost

/// The address space of a pool, as much of it as the machine grants.
struct SlabReservation: ~Copyable {
  let layout: SlabLayout
  let mapping: Mapping

  /// - Parameters:
  ///   - protection: none where slots are opened one by one.
  ///   - shrinks: whether fewer slots will do.
  /// - Throws: `configuration` or `system`, naming the numbers.
  init(_ constraints: SlabConstraints, _ protection: Protection, shrinks: Bool) throws(VMError) {
    let refusal: VMError
    do {
      self = try SlabReservation(exactly: SlabLayout(constraints), protection)
      return
    } catch {
      refusal = error
    }
    guard shrinks else { throw refusal }
    // Probes are mapped and unmapped one by one: two of them would seldom fit.
    var fewer = constraints
    fewer.slots = SlabLayout.slotsThatFit(constraints, in: SlabLayout.addressSpaceBytes)
    while fewer.slots > 0, let largest = try? SlabLayout(fewer),
      let granted = largest.largestGranted({ (try? Mapping(reserving: $0.totalBytes, protection)) != nil })
    {
      if let reservation = try? SlabReservation(exactly: granted, protection) {
        self = reservation
        return
      }
      // Another thread took the room meanwhile.
      fewer.slots = granted.slotCount - 1
    }
    throw refusal
  }

  private init(exactly layout: SlabLayout, _ protection: Protection) throws(VMError) {
    let mapping = try Mapping(reserving: layout.totalBytes, protection)
    let result = aviary_system_avoid_huge_pages(mapping.address, Int(mapping.count))
    guard result >= 0 else { throw Mapping.failure("advising against huge pages", result, mapping.count) }
    self.mapping = mapping
    self.layout = layout
  }

  consuming func takeMapping() -> Mapping { mapping }
}
