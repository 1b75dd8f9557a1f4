@testable import AviaryPool
import CAviaryHost
import Testing

@Suite(.enabled(if: ResetSlot.support.scans, "this kernel has no PAGEMAP_SCAN"))
struct ResetterTests {
  static let ways = ResetSlot.support.protects ? [false, true] : [false]

  @Test(arguments: ways, 0..<12) func `every byte is the image's or zero after each reset`(arms: Bool, seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let pages = 4 + random.below(40)
    let imagePages = random.below(pages)
    let slot = try ResetSlot(
      size: 512 << 12, accessible: UInt64(pages) << 12, imageStart: UInt64(random.below(pages - imagePages)) << 12,
      imagePages: imagePages, arms: arms, decommits: seed % 3 == 0, keep: UInt64(random.below(20)) << 12, seed: UInt64(seed))
    var habit = (0..<3).map { _ in random.below(pages) }
    var armed = 0
    for run in 0..<300 {
      if random.oneIn(60) { habit = (0..<1 + random.below(6)).map { _ in random.below(pages) } }
      for page in habit { slot.write(UInt64(page) << 12 | UInt64(random.below(4096)), UInt8(truncatingIfNeeded: run | 1)) }
      if random.oneIn(6) {
        for _ in 0..<random.below(12) { slot.write(UInt64(random.below(pages << 12)), 0xEE) }
      }
      let grows = random.oneIn(1 << (seed % 5))
      if grows {
        let more = 1 + random.below(30)
        try slot.grow(to: UInt64(pages + more) << 12)
        // What is hidden has to be clean as well.
        let difference = random.oneIn(2) ? slot.firstDifference(from: UInt64(pages) << 12) : nil
        #expect(difference == nil, "seed \(seed), run \(run), grown")
        for _ in 0..<4 { slot.write(UInt64(pages + random.below(more)) << 12, 0xDD) }
      }
      if try slot.reset() == .armed { armed += 1 }
      let difference = slot.firstDifference()
      #expect(difference == nil, "seed \(seed), run \(run)")
      if difference != nil { return }
      if grows { try slot.shrink(to: UInt64(pages) << 12) }
    }
    if !arms { #expect(armed == 0) }
  }

  @Test(.enabled(if: ResetSlot.support.protects)) func `a module of habits costs no system call`() throws {
    let slot = try ResetSlot(size: 1 << 20, accessible: 1 << 18, imagePages: 8, arms: true)
    for run in 0..<40 {
      slot.flip(100)
      slot.flip(3 << 12)
      slot.flip(40 << 12)
      let (way, calls) = try SystemCalls.during { try slot.reset() }
      #expect(slot.firstDifference() == nil)
      if run >= 8, run + 1 != 32 {
        #expect(way == .armed)
        #expect(calls == 0, "run \(run)")
      }
    }
    #expect(slot.history.residentBytes == 3 << 12)
  }

  @Test(.enabled(if: ResetSlot.support.protects)) func `a page that is written for once is found`() throws {
    let slot = try ResetSlot(size: 1 << 20, accessible: 1 << 20, imagePages: 8, arms: true)
    for _ in 0..<10 {
      slot.write(1, 1)
      try slot.reset()
    }
    #expect(slot.history.isArmed)
    let before = slot.faults
    slot.write(5 << 12, 9)
    slot.write(200 << 12, 9)
    #expect(slot.faults == before + 2)
    #expect(try slot.reset() == .armed)
    #expect(slot.firstDifference() == nil)
    // Written again, it reports itself again, and then stays open.
    slot.write(5 << 12, 9)
    #expect(slot.faults == before + 3)
    try slot.reset()
    slot.write(5 << 12, 9)
    #expect(slot.faults == before + 3)
    try slot.reset()
    #expect(slot.firstDifference() == nil)
  }

  @Test(.enabled(if: ResetSlot.support.protects)) func `a log that overflows is not relied on`() throws {
    let slot = try ResetSlot(size: 4 << 20, accessible: 4 << 20, imagePages: 8, arms: true)
    for _ in 0..<10 {
      slot.write(1, 1)
      try slot.reset()
    }
    #expect(slot.history.isArmed)
    for page in 0..<1024 { slot.write(UInt64(page) << 12, 7) }
    #expect(try slot.reset() == .scan)
    #expect(slot.firstDifference() == nil)
  }

  @Test(.enabled(if: ResetSlot.support.protects)) func `a module without habits is scanned`() throws {
    let slot = try ResetSlot(size: 4 << 20, accessible: 4 << 20, imagePages: 8, arms: true)
    var random = SeededGenerator(seed: 3)
    for _ in 0..<10 {
      slot.write(1, 1)
      try slot.reset()
    }
    #expect(slot.history.isArmed)
    var armed = 0
    for _ in 0..<200 {
      for _ in 0..<20 { slot.write(UInt64(random.below(4 << 20)), 7) }
      if try slot.reset() == .armed { armed += 1 }
      #expect(slot.history.residentBytes <= 1 << 20)
    }
    #expect(armed < 100)
    #expect(slot.firstDifference() == nil)
  }

  @Test func `hot pages that are not written any more are given up`() throws {
    let slot = try ResetSlot(size: 1 << 20, accessible: 1 << 18, imagePages: 0, arms: false)
    for _ in 0..<5 {
      for page in 0..<10 { slot.write(UInt64(page) << 12, 1) }
      try slot.reset()
    }
    #expect(slot.history.residentBytes == 10 << 12)
    for _ in 0..<20 { try slot.reset() }
    #expect(slot.history.residentBytes == 0)
    #expect(slot.firstDifference() == nil)
  }

  @Test(arguments: ways) func `each system call that fails is an error`(arms: Bool) throws {
    var number = 0
    while true {
      // A slot whose reset failed is the caller's to map anew; here it is thrown away.
      let slot = try ResetSlot(size: 1 << 20, accessible: 1 << 18, imagePages: 4, arms: arms)
      var hasThrown = false
      let (_, calls) = SystemCalls.during(failing: number) {
        for run in 0..<14 {
          slot.write(1, 1)
          if run == 11 { slot.write(9 << 12, 1) }
          do { try slot.reset() } catch {
            #expect(error is VMError)
            hasThrown = true
            return
          }
        }
      }
      if !hasThrown { #expect(slot.firstDifference() == nil) }
      // Only arming has somewhere to fall back to.
      if !hasThrown, calls > number { #expect(arms) }
      if calls <= number { return }
      number += 1
    }
  }
}
