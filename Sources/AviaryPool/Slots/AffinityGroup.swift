/// A module's memory of one index: slots that hold its image are the best ones for its next instance.
///
/// A dense number that the pool gave; meaningless in another pool. Numbers are used again after
/// their group is retired, in another generation: a group that was retired equals no later one.
package struct AffinityGroup: Sendable, Hashable {
  package let id: UInt32
  package let generation: UInt32
  package init(id: UInt32, generation: UInt32 = 0) {
    self.id = id
    self.generation = generation
  }
}
