/// A module's memory of one index: slots that hold its image are the best ones for its next instance.
///
/// A dense number that the pool gave; meaningless in another pool.
package struct AffinityGroup: Sendable, Hashable {
  package let id: UInt32
  package init(id: UInt32) { self.id = id }
}
