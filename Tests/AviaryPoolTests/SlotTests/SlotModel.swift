@testable import AviaryPool

/// The allocator's policy in a few plain lines, for one shard: arrays, and no thought of speed.
struct SlotModel {
  let stripes: Int
  let warmLimit: Int
  /// Oldest first.
  var warm: [(index: Int, group: AffinityGroup)] = []
  /// By stripe; the last is used first.
  var cold: [[Int]]
  var taken: Set<Int> = []
  var quarantined: Set<Int> = []
  var living: Set<AffinityGroup> = []

  init(slots: Int, stripes: Int, warmLimit: Int) {
    self.stripes = stripes
    self.warmLimit = warmLimit
    cold = (0..<stripes).map { stripe in Array(stride(from: stripe, to: slots, by: stripes).reversed()) }
  }

  mutating func take(_ group: AffinityGroup?, _ stripe: Int) -> Taken? {
    if let at = warm.lastIndex(where: { $0.group == group && $0.index % stripes == stripe }) { return takeWarm(at, true) }
    let oldest = warm.firstIndex { $0.index % stripes == stripe }
    if warm.count >= warmLimit || cold[stripe].isEmpty, let oldest { return takeWarm(oldest, false) }
    guard let index = cold[stripe].popLast() else { return nil }
    taken.insert(index)
    return .init(index: index, isAffine: false, hadGroup: nil)
  }

  mutating func giveBack(_ index: Int, _ group: AffinityGroup?) -> GivenBack {
    if let group, !living.contains(group) { return .refused }
    taken.remove(index)
    if let group { warm.append((index, group)) } else { cold[index % stripes].append(index) }
    return group != nil && warm.count > warmLimit ? .freeBeyondWarmLimit : .free
  }

  mutating func evict() -> Taken? { warm.isEmpty ? nil : takeWarm(0, false) }

  mutating func quarantine(_ index: Int) {
    taken.remove(index)
    quarantined.insert(index)
  }

  /// By stripe, the most recently used first.
  mutating func retire(_ group: AffinityGroup) -> [Int] {
    guard living.remove(group) != nil else { return [] }
    let all = warm.filter { $0.group == group }.map(\.index)
    warm.removeAll { $0.group == group }
    taken.formUnion(all)
    return (0..<stripes).flatMap { stripe in all.reversed().filter { $0 % stripes == stripe } }
  }

  private mutating func takeWarm(_ at: Int, _ isAffine: Bool) -> Taken {
    let (index, group) = warm.remove(at: at)
    taken.insert(index)
    return .init(index: index, isAffine: isAffine, hadGroup: group)
  }
}
