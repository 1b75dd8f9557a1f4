import AviaryPool
import CAviaryHost
import Glibc
import Testing

/// Accesses out of bounds. Where the thread answers, system calls make them: these fail where
/// the guest's own would trap.
@Suite(.byBoth) struct FaultGuardTests {
  @Test func `out of bounds at every distance there is no page, and then a guard`() throws {
    let slab = try FaultSlab(.thread, slots: 3)
    let accessible = 70 * page
    for distance in [0, 1, 4095, 4096, 8 * page, 64 * page, slab.slotBytes - accessible - 1] {
      try slab.service.activate(1, image: nil, accessible: accessible)
      slab.write(1, accessible - 1, 7)
      #expect(slab.kernelRead(1, accessible + distance) == EFAULT, "distance \(distance)")
      #expect(slab.service.isGuarded(1))
      #expect(slab.read(1, accessible - 1) == 7)
      #expect(slab.presentPages(1) <= 16, "nothing was filled beyond the end")
      #expect(Holdings.mappings(in: slab.region) == 3)
      // The next one meets the guard, not the thread.
      let faults = slab.service.guardFaults
      #expect(slab.kernelWrite(1, slab.slotBytes - 1, [1]) == EFAULT)
      #expect(slab.service.guardFaults == faults)
      try slab.clear(1, accessible)
      #expect(!slab.service.isGuarded(1))
      #expect(Holdings.mappings(in: slab.region) == 1, "distance \(distance)")
    }
    #expect(slab.service.guardFaults == 7)
    #expect(slab.service.failures == 0)
  }

  @Test func `a slot that nobody uses is out of bounds as a whole, until it is used`() throws {
    let slab = try FaultSlab(.thread, slots: 3)
    #expect(slab.kernelRead(2, 0) == EFAULT)
    #expect(slab.kernelRead(2, 5000) == EFAULT)
    #expect(slab.service.isGuarded(2))
    try slab.service.activate(2, image: nil, accessible: slab.slotBytes)
    #expect(!slab.service.isGuarded(2))
    #expect(slab.read(2, slab.slotBytes - 1) == 0)
    #expect(Holdings.mappings(in: slab.region) == 1)
    #expect(slab.kernelRead(1, 0) == EFAULT)
    #expect(slab.read(2, 0) == 0)
  }

  @Test func `growth resets the guard`() throws {
    let slab = try FaultSlab(.thread)
    try slab.service.activate(0, image: nil, accessible: 2 * page)
    for size in [3, 20, 100, 200] as [UInt64] {
      #expect(slab.kernelRead(0, (size - 1) * page) == EFAULT)
      try slab.service.setAccessible(0, to: size * page)
      #expect(!slab.service.isGuarded(0))
      slab.write(0, size * page - 1, 3)
      #expect(slab.kernelRead(0, size * page) == EFAULT)
    }
    try slab.clear(0, 200 * page)
    #expect(Holdings.mappings(in: slab.region) == 1)
  }

  /// Guards that cut the slab up before its pieces have pages must not keep it apart.
  @Test func `the slab is one mapping again, in whatever order guards and pages came`() throws {
    for seed in 1...6 as ClosedRange<UInt64> {
      var random = SeededGenerator(seed: seed)
      let slab = try FaultSlab(.thread, slots: 16, slotBytes: 64 * page)
      #expect(Holdings.mappings(in: slab.region) == 1)
      var accessible = [UInt64](repeating: 0, count: 16)
      for _ in 0..<200 {
        let slot = random.below(16)
        switch random.below(4) {
        case 0:
          if accessible[slot] != 0 { try slab.clear(slot, accessible[slot]) }
          accessible[slot] = UInt64(random.below(60)) * page
          try slab.service.activate(slot, image: nil, accessible: accessible[slot])
        case 1:
          if accessible[slot] != 0 { slab.write(slot, UInt64(random.below(Int(accessible[slot]))), 1) }
        case 2:
          let offset = accessible[slot] + UInt64(random.below(Int(slab.slotBytes - accessible[slot])))
          #expect(slab.kernelRead(slot, offset) == EFAULT, "seed \(seed)")
        default:
          if accessible[slot] == 0 { continue }
          accessible[slot] = min(accessible[slot] + UInt64(random.below(5)) * page, slab.slotBytes - page)
          try slab.service.setAccessible(slot, to: accessible[slot])
        }
      }
      for slot in 0..<16 {
        try slab.clear(slot, accessible[slot])
        #expect(!slab.service.isGuarded(slot))
        #expect(slab.presentPages(slot) == 0)
      }
      #expect(Holdings.mappings(in: slab.region) == 1, "seed \(seed)")
      #expect(slab.service.guardFaults > 0)
    }
  }

  @Test func `threads that run out of bounds together all fail, and neighbours go on`() throws {
    let slab = try FaultSlab(.thread)
    for slot in 0..<4 { try slab.service.activate(slot, image: nil, accessible: 50 * page) }
    onThreads(6) { thread in
      let slot = thread % 3
      var random = SeededGenerator(seed: UInt64(thread + 1))
      for _ in 0..<50 {
        let offset = 50 * page + UInt64(random.below(Int(slab.slotBytes - 50 * page)))
        if slab.kernelRead(slot, offset) != EFAULT { Issue.record("read out of bounds at \(offset)") }
        // The last slot has no such neighbours.
        slab.write(3, UInt64(random.below(50)) * page + UInt64(thread), 1)
        if slab.kernelRead(slot, UInt64(random.below(50)) * page) != 0 { Issue.record("thread \(thread) cannot read") }
      }
    }
    for slot in 0..<4 { try slab.clear(slot, 50 * page) }
    #expect(Holdings.mappings(in: slab.region) == 1)
  }

  @Test func `by signal, only what is accessible is resolved`() throws {
    let slab = try FaultSlab(.signal, slots: 3)
    try slab.service.activate(1, image: nil, accessible: 10 * page)
    let base = slab.base(1)
    #expect(aviary_slab_resolve(SIGBUS, base + 10 * UInt(page) - 1))
    #expect(slab.presentPages(1) == 1)
    // It is there: another thread may have been first.
    #expect(aviary_slab_resolve(SIGBUS, base + 10 * UInt(page) - 1))
    for distance in [0, 1, 4095, 4096, UInt(slab.slotBytes) - 10 * UInt(page) - 1] {
      #expect(!aviary_slab_resolve(SIGBUS, base + 10 * UInt(page) + distance), "distance \(distance)")
    }
    // The slots on both sides, and what is not the slab's.
    #expect(!aviary_slab_resolve(SIGBUS, base - 1))
    #expect(!aviary_slab_resolve(SIGBUS, base + UInt(slab.slotBytes)))
    #expect(!aviary_slab_resolve(SIGBUS, slab.region.upperBound))
    #expect(!aviary_slab_resolve(SIGBUS, slab.region.lowerBound - 1))
    #expect(!aviary_slab_resolve(SIGSEGV, base))
    #expect(slab.presentPages(0) == 0 && slab.presentPages(1) == 1 && slab.presentPages(2) == 0)
    slab.end()
    #expect(!aviary_slab_resolve(SIGBUS, base))
  }

  @Test func `a page that faults though it is there is given up`() throws {
    let slab = try FaultSlab(.signal)
    try slab.service.activate(0, image: nil, accessible: page)
    slab.write(0, 0, 1)
    var tries = 0
    while aviary_slab_resolve(SIGBUS, slab.base(0)) && tries < 100_000 { tries += 1 }
    #expect(tries > 10 && tries < 100_000)
    // Another page is not concerned.
    try slab.service.setAccessible(0, to: 2 * page)
    #expect(aviary_slab_resolve(SIGBUS, slab.base(0) + UInt(page)))
  }

  @Test func `by signal, an access out of bounds that is no guest's ends the process`() async {
    await #expect(processExitsWith: .signal(SIGBUS)) {
      let slab = try FaultSlab(.signal)
      try slab.service.activate(1, image: nil, accessible: page)
      slab.write(1, 0, 1)
      slab.write(1, page, 1)
    }
  }

  @Test func `by thread, an access out of bounds that is no guest's ends the process`() async {
    await #expect(processExitsWith: .signal(SIGSEGV)) {
      let slab = try FaultSlab(.thread)
      try slab.service.activate(1, image: nil, accessible: page)
      slab.write(1, 0, 1)
      slab.write(1, page, 1)
    }
  }
}
