@testable import AviaryPool
import CAviaryHost
import Testing

/// When a slot is armed, when not any more, and when nobody looks.
@Suite(.enabled(if: ResetSlot.support.scans && ResetSlot.support.protects, "this kernel has no PAGEMAP_SCAN or no write protection by SIGBUS"))
struct ResetPolicyTests {
  @Test func `a page that two threads opened at once stays protected`() throws {
    let slot = try ResetSlot(size: 1 << 20, accessible: 1 << 18, imagePages: 8, arms: true)
    try slot.arm()
    slot.write(5 << 12, 9)
    slot.log(5)
    #expect(try slot.reset() == .armed)
    #expect(slot.firstDifference() == nil)
    let before = slot.faults
    slot.write(5 << 12, 9)
    #expect(slot.faults == before + 1)
    try slot.reset()
    #expect(slot.firstDifference() == nil)
  }

  @Test func `a log that names a page beyond is not believed`() throws {
    let slot = try ResetSlot(size: 1 << 20, accessible: 1 << 18, imagePages: 8, arms: true)
    try slot.arm()
    slot.write(3 << 12, 9)
    slot.log(1 << 20)
    #expect(try slot.reset() == .scan)
    #expect(slot.firstDifference() == nil)
  }

  @Test func `a module that grows now and then stays armed`() throws {
    let slot = try ResetSlot(size: 1 << 20, accessible: 1 << 18, imagePages: 8, arms: true)
    try slot.arm(hot: 3)
    for run in 0..<200 {
      slot.write(0, 7)
      if run % 40 == 0 {
        try slot.grow(to: 1 << 19)
        slot.write(300 << 10, 7)
      }
      #expect(try slot.reset() == .armed)
      #expect(slot.firstDifference() == nil)
      if run % 40 == 0 { try slot.shrink(to: 1 << 18) }
    }
  }

  @Test func `a module that always grows is armed as large as it gets`() throws {
    let slot = try ResetSlot(size: 1 << 20, accessible: 1 << 18, imagePages: 8, arms: true)
    try slot.arm()
    var armed = 0
    for run in 0..<200 {
      slot.write(0, 7)
      try slot.grow(to: 1 << 19)
      #expect(slot.firstDifference(from: 1 << 18) == nil)
      for page in 0..<5 { slot.write(UInt64(70 + page) << 12, 7) }
      let (way, calls) = try SystemCalls.during { try slot.reset() }
      if way == .armed, calls == 0 { armed += 1 }
      #expect(slot.firstDifference() == nil)
      try slot.shrink(to: 1 << 18)
      // Runs that grow less are no reason to learn anew.
      if run > 150 && run % 7 == 0 {
        slot.write(0, 7)
        #expect(try slot.reset() == .armed)
        #expect(slot.firstDifference() == nil)
      }
    }
    #expect(armed > 120)
  }

  @Test func `a hot page is given up in the end, and found again`() throws {
    let slot = try ResetSlot(size: 1 << 20, accessible: 1 << 18, imagePages: 8, arms: true)
    try slot.arm(hot: 4)
    for _ in 0..<400 {
      slot.write(0, 7)
      #expect(try slot.reset() == .armed)
    }
    let before = slot.faults
    for page in 0..<4 { slot.write(UInt64(page) << 12, 7) }
    #expect(slot.faults == before + 3)
    #expect(try slot.reset() == .armed)
    #expect(slot.firstDifference() == nil)
  }

  @Test func `bursts that come back end it, and it has to be calm for longer`() throws {
    let slot = try ResetSlot(size: 4 << 20, accessible: 4 << 20, imagePages: 8, arms: true)
    try slot.arm()
    var armed = 0
    for run in 0..<600 {
      slot.write(0, 7)
      if run % 10 == 0 { for page in 0..<200 { slot.write(UInt64(100 + page + run) << 12, 7) } }
      if try slot.reset() == .armed { armed += 1 }
      #expect(slot.history.residentBytes <= 1 << 20)
    }
    #expect(armed < 200)
    #expect(slot.firstDifference() == nil)
  }

  @Test func `memories beyond the limit are scanned`() throws {
    let slot = try ResetSlot(size: 65 << 20, accessible: 65 << 20, imagePages: 1, arms: true)
    for _ in 0..<20 {
      slot.write(64 << 20, 7)
      #expect(try slot.reset() == .scan)
    }
    #expect(slot.firstDifference() == nil)
  }

  @Test func `no more stays in memory than is allowed`() throws {
    for keep in [0, 1, 5] as [UInt64] {
      let slot = try ResetSlot(size: 1 << 20, accessible: 1 << 18, imagePages: 8, arms: true, keep: keep << 12)
      for _ in 0..<60 {
        for page in 0..<8 { slot.write(UInt64(page) << 12, 7) }
        try slot.reset()
        #expect(slot.firstDifference() == nil)
        #expect(slot.history.residentBytes <= keep << 12)
      }
    }
  }

  @Test(arguments: [false, true]) func `where scans find nothing to keep, nobody looks`(reads: Bool) throws {
    let slot = try ResetSlot(size: 16 << 20, accessible: 16 << 20, imagePages: 8, arms: true, decommits: true)
    var random = SeededGenerator(seed: 5)
    var dropped = 0
    for _ in 0..<300 {
      for _ in 0..<50 { slot.write(UInt64(random.below(16 << 20)), 7) }
      // The common page of zeros is mapped everywhere.
      if reads { #expect(slot.bytesAreReadable()) }
      if try slot.reset() == .decommit {
        dropped += 1
        #expect(slot.history.residentBytes == 0)
      }
    }
    #expect(reads ? dropped == 0 : dropped > 200)
    #expect(slot.firstDifference() == nil)
    // A habit is noticed, if late.
    var armed = 0
    for _ in 0..<3000 {
      slot.write(1, 7)
      if try slot.reset() == .armed { armed += 1 }
    }
    #expect(armed > 1000)
    #expect(slot.firstDifference() == nil)
  }
}
