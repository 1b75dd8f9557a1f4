/// Deliberate mistakes of a pool: tests make them, to prove that what looks for tenants who see each
/// other's bytes does notice. Never set otherwise.
package struct MemoryPoolFaults: OptionSet, Sendable, Hashable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Memory that is opened keeps key 0, which every guest can reach.
  package static let skipsRecolour = MemoryPoolFaults(rawValue: 1)
  /// What a tenant grew stays open for the next one.
  package static let skipsHide = MemoryPoolFaults(rawValue: 2)
  /// A slot goes back as its tenant left it.
  package static let skipsReset = MemoryPoolFaults(rawValue: 4)
  /// A slot that changes its module keeps what the one before had mapped.
  package static let skipsClear = MemoryPoolFaults(rawValue: 8)
}
