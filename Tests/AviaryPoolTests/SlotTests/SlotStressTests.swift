import Synchronization
import Testing

@testable import AviaryPool

/// Threads that take and give back at random, and a check of who owns what.
private final class Arena: Sendable {
  let slots: SharedSlots
  /// Who owns the slot: a thread's number, or 0.
  let owners: [Owner]
  /// Groups that threads use; each is replaced now and then.
  let groups: Mutex<[AffinityGroup]>
  let problems = Mutex<[String]>([])
  let quarantined = Atomic<Int>(0)
  let affine = Atomic<Int>(0)

  final class Owner: Sendable {
    let thread = Atomic<Int>(0)
    /// What is mapped, as a pool would have it; only the slot's owner touches it.
    @safe nonisolated(unsafe) var contents: AffinityGroup?
  }

  init(slots count: Int, stripes: Int, shards: Int) throws {
    slots = try SharedSlots(slots: count, stripes: stripes, warmLimit: count / 2, shards: shards)
    owners = (0..<count).map { _ in Owner() }
    var made: [AffinityGroup] = []
    for _ in 0..<8 { made.append(slots.makeGroup()) }
    groups = Mutex(made)
  }

  func report(_ problem: String) { problems.withLock { $0.append(problem) } }

  func own(_ taken: Taken, _ thread: Int) {
    let before = owners[taken.index].thread.exchange(thread, ordering: .acquiringAndReleasing)
    if before != 0 { report("slot \(taken.index) of thread \(before) was given to \(thread)") }
  }

  func giveBack(_ index: Int, _ thread: Int, _ group: AffinityGroup?) {
    owners[index].contents = group
    disown(index, thread)
    if slots.giveBack(index, warmFor: group) != .refused { return }
    own(Taken(index: index, isAffine: false, hadGroup: group), thread)
    giveBack(index, thread, nil)
  }

  func disown(_ index: Int, _ thread: Int) {
    let before = owners[index].thread.exchange(0, ordering: .acquiringAndReleasing)
    if before != thread { report("slot \(index) of thread \(thread) is of \(before)") }
  }

  func take(_ group: AffinityGroup?, _ stripe: Int, _ thread: Int) -> Int? {
    guard let taken = slots.take(group: group, stripe: stripe) else { return nil }
    own(taken, thread)
    if taken.isAffine {
      affine.add(1, ordering: .relaxed)
      if owners[taken.index].contents != group {
        report("slot \(taken.index) holds \(owners[taken.index].contents as Any) for \(group as Any)")
      }
    }
    if taken.index % slots.stripeCount != stripe { report("slot \(taken.index) is not of stripe \(stripe)") }
    return taken.index
  }

  func run(_ thread: Int, seed: UInt64, steps: Int) {
    var generator = SeededGenerator(seed: seed &* 1000 &+ UInt64(thread))
    var held: [(index: Int, group: AffinityGroup?)] = []
    for _ in 0..<steps {
      let choice = generator.below(8)
      let group = generator.oneIn(6) ? nil : groups.withLock { $0[choice] }
      switch generator.below(200) {
      case 0:
        // The group goes, as a module does; its slots are cleaned and given back.
        let old = groups.withLock { groups in
          let old = groups[choice]
          groups[choice] = slots.makeGroup()
          return old
        }
        for index in slots.retire(old) {
          own(.init(index: index, isAffine: false, hadGroup: old), thread)
          if owners[index].contents != old { report("slot \(index) is not of \(old), which was retired") }
          giveBack(index, thread, nil)
        }
      case 1:
        guard let taken = slots.evictionCandidate() else { break }
        own(taken, thread)
        if owners[taken.index].contents != taken.hadGroup { report("slot \(taken.index) does not hold \(taken)") }
        giveBack(taken.index, thread, nil)
      case 2 where quarantined.load(ordering: .relaxed) < 3 && !held.isEmpty:
        let (index, _) = held.removeLast()
        disown(index, thread)
        quarantined.add(1, ordering: .relaxed)
        slots.quarantine(index)
      case 0..<100:
        guard !held.isEmpty else { break }
        let (index, group) = held.remove(at: generator.below(held.count))
        giveBack(index, thread, generator.oneIn(5) ? nil : group)
      default:
        if let index = take(group, generator.below(slots.stripeCount), thread) { held.append((index, group)) }
      }
    }
    for (index, group) in held { giveBack(index, thread, group) }
  }
}

@Suite struct SlotStressTests {
  @Test(arguments: [(1, 1, 12), (2, 1, 40), (3, 2, 40), (4, 3, 100), (5, 8, 600)] as [(UInt64, Int, Int)])
  func `threads share slots`(seed: UInt64, shards: Int, slots: Int) throws {
    let arena = try Arena(slots: slots, stripes: slots >= 100 ? 3 : 1, shards: shards)
    onThreads(4) { arena.run($0 + 1, seed: seed, steps: 6_000) }
    #expect(arena.problems.withLock { $0.prefix(5) } == [], "seed \(seed)")
    #expect(arena.slots.unsoundness() == nil, "seed \(seed)")
    let counts = arena.slots.counts
    #expect(counts.live == 0 && counts.quarantined == arena.quarantined.load(ordering: .relaxed), "seed \(seed)")
    #expect(counts.warm + counts.cold + counts.quarantined == slots, "seed \(seed)")
    #expect(arena.affine.load(ordering: .relaxed) > 500, "seed \(seed)")
  }
}
