@testable import AviaryPool

/// A slot allocator as an object, for expectations and threads.
final class SharedSlots: Sendable {
  private let slots: SlotAllocator

  init(slots: Int, stripes: Int, warmLimit: Int, shards: Int = 0) throws {
    self.slots = try SlotAllocator(slots: slots, stripes: stripes, warmLimit: warmLimit, shards: shards)
  }

  var shardCount: Int { slots.shardCount }
  var stripeCount: Int { slots.stripeCount }
  var counts: SlotCounts { slots.counts }
  func unsoundness() -> String? { slots.unsoundness() }
  func makeGroup() -> AffinityGroup { slots.makeGroup() }
  func take(group: AffinityGroup?, stripe: Int) -> Taken? { slots.take(group: group, stripe: stripe) }
  @discardableResult
  func giveBack(_ index: Int, warmFor group: AffinityGroup?) -> GivenBack { slots.giveBack(index, warmFor: group) }
  func quarantine(_ index: Int) { slots.quarantine(index) }
  func evictionCandidate() -> Taken? { slots.evictionCandidate() }
  func retire(_ group: AffinityGroup) -> [Int] { slots.retire(group) }
}
