import Synchronization

package struct Taken {
  let index: Int
  let isAffine: Bool
  let hadGroup: AffinityGroup?
}
package final class SlotAllocator: Sendable {
  struct State { var free: [(Int, AffinityGroup?)]; var live = 0; var quarantined = 0; var groups: UInt32 = 0; var retired: Set<UInt32> = [] }
  let state: Mutex<State>
  let stripes: Int
  init(slots: Int, stripes: Int, warmLimit: Int, shards: Int) {
    state = Mutex(State(free: (0..<slots).reversed().map { ($0, nil) }))
    self.stripes = stripes
  }
  func take(group: AffinityGroup?, stripe: Int) -> Taken? {
    state.withLock { s in
      let mine = { (i: Int) in i % self.stripes == stripe }
      let at =
        (group == nil ? nil : s.free.lastIndex { mine($0.0) && $0.1 == group })
        ?? s.free.lastIndex { mine($0.0) && $0.1 == nil } ?? s.free.lastIndex { mine($0.0) }
      guard let at else { return nil }
      let e = s.free.remove(at: at)
      s.live += 1
      return Taken(index: e.0, isAffine: group != nil && e.1 == group, hadGroup: e.1)
    }
  }
  func giveBack(_ index: Int, warmFor: AffinityGroup?) { state.withLock { $0.free.append((index, warmFor)); $0.live -= 1 } }
  var groups: Groups { Groups(slots: self) }
  struct Groups {
    let slots: SlotAllocator
    func lives(_ group: AffinityGroup) -> Bool { slots.state.withLock { !$0.retired.contains(group.id) } }
  }
  func quarantine(_ index: Int) { state.withLock { $0.quarantined += 1; $0.live -= 1 } }
  func makeGroup() -> AffinityGroup { state.withLock { $0.groups += 1; return AffinityGroup(id: $0.groups) } }
  func retire(_ group: AffinityGroup) -> [Int] {
    state.withLock { s in
      s.retired.insert(group.id)
      let r = s.free.filter { $0.1 == group }.map(\.0)
      s.free.removeAll { $0.1 == group }
      s.live += r.count
      return r
    }
  }
  func evictionCandidate() -> Taken? {
    state.withLock { s in
      guard let at = s.free.firstIndex(where: { $0.1 != nil }) else { return nil }
      s.live += 1
      let e = s.free.remove(at: at)
      return Taken(index: e.0, isAffine: false, hadGroup: e.1)
    }
  }
  var counts: (live: Int, warm: Int, cold: Int, quarantined: Int) {
    state.withLock { s in
      let warm = s.free.count { $0.1 != nil }
      return (s.live, warm, s.free.count - warm, s.quarantined)
    }
  }
}
