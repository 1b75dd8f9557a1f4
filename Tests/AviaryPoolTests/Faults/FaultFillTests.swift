import AviaryPool
import CAviaryHost
import Glibc
import Testing

@Suite(.byBoth) struct FaultFillTests {
  @Test(arguments: FaultService.Mode.allCases)
  func `memory reads as image and zeros, whatever is touched first`(_ mode: FaultService.Mode) throws {
    let slab = try FaultSlab(mode)
    let image = try TestImage(start: 5 * page, pages: 21, seed: 9)
    let accessible = 50 * page
    for seed in 1...40 as ClosedRange<UInt64> {
      var random = SeededGenerator(seed: seed)
      let slot = random.below(slab.slotCount)
      let hasImage = !random.oneIn(4)
      var model = hasImage ? image.contents(accessible) : [UInt8](repeating: 0, count: Int(accessible))
      try slab.service.activate(slot, image: hasImage ? image.image : nil, accessible: accessible)
      for _ in 0..<random.below(60) {
        let offset = random.below(model.count)
        if random.oneIn(2) {
          model[offset] = UInt8.random(in: 0...255, using: &random)
          slab.write(slot, UInt64(offset), model[offset])
        } else {
          #expect(slab.read(slot, UInt64(offset)) == model[offset], "seed \(seed), offset \(offset)")
        }
      }
      #expect(slab.bytes(slot, accessible) == model, "seed \(seed)")
      try slab.clear(slot, accessible)
      #expect(slab.presentPages(slot) == 0, "seed \(seed)")
    }
    #expect(slab.service.pagesFilled > 0)
    #expect(slab.service.guardFaults == 0 && slab.service.failures == 0)
    #expect(Holdings.mappings(in: slab.region) == 1)
  }

  @Test(arguments: FaultService.Mode.allCases)
  func `pages are filled only when touched`(_ mode: FaultService.Mode) throws {
    let slab = try FaultSlab(mode)
    try slab.service.activate(1, image: nil, accessible: 1 << 20)
    #expect(slab.presentPages(1) == 0)
    #expect(slab.read(1, 300_000) == 0)
    #expect(slab.presentPages(1) == (mode == .thread ? 16 : 1))
    #expect(slab.service.pagesFilled == (mode == .thread ? 16 : 1))
    slab.write(1, 300_000, 1)
    #expect(slab.presentPages(0) == 0 && slab.presentPages(2) == 0)
  }

  @Test(arguments: FaultService.Mode.allCases)
  func `growth touches nothing, and what it gives is zeros`(_ mode: FaultService.Mode) throws {
    let slab = try FaultSlab(mode)
    let image = try TestImage(start: 0, pages: 3, seed: 77)
    try slab.service.activate(0, image: image.image, accessible: 2 * page)
    slab.write(0, 2 * page - 1, 5)
    #expect(slab.presentPages(0) == (mode == .thread ? 2 : 1))
    try slab.service.setAccessible(0, to: 40 * page)
    #expect(slab.presentPages(0) == (mode == .thread ? 2 : 1))
    var model = image.contents(40 * page)
    model[8191] = 5
    #expect(slab.bytes(0, 40 * page) == model)
  }

  @Test(arguments: FaultService.Mode.allCases)
  func `a slot used again holds nothing of before`(_ mode: FaultService.Mode) throws {
    let slab = try FaultSlab(mode, slots: 2)
    let images = try (1...3).map { try TestImage(start: UInt64($0) * page, pages: $0 * 5, seed: UInt8($0)) }
    for turn in 0..<12 {
      let accessible = UInt64(20 + turn * 3) * page
      let image = turn % 4 == 3 ? nil : images[turn % 4]
      try slab.service.activate(1, image: image?.image, accessible: accessible)
      let expected = image?.contents(accessible) ?? [UInt8](repeating: 0, count: Int(accessible))
      #expect(slab.bytes(1, accessible) == expected, "turn \(turn)")
      for offset in stride(from: UInt64(turn), to: accessible, by: 1024) { slab.write(1, offset, 0xEE) }
      try slab.clear(1, accessible)
    }
  }

  @Test(arguments: FaultService.Mode.allCases)
  func `threads that fault on the same pages see one memory`(_ mode: FaultService.Mode) throws {
    let slab = try FaultSlab(mode)
    let image = try TestImage(start: 16 * page, pages: 100, seed: 3)
    let accessible = 200 * page
    let contents = image.contents(accessible)
    for turn in 0..<8 {
      try slab.service.activate(turn % 4, image: image.image, accessible: accessible)
      let threads = 4
      // Each writes bytes of its own in every page, and reads others that nobody writes.
      let gate = StartGate(threads)
      onThreads(threads) { thread in
        var random = SeededGenerator(seed: UInt64(turn * 10 + thread + 1))
        gate.pass()
        for _ in 0..<400 {
          let page = UInt64(random.below(200))
          let offset = page * 4096 + UInt64(thread)
          slab.write(turn % 4, offset, UInt8(truncatingIfNeeded: page) &+ UInt8(thread))
          let other = Int(page) * 4096 + 100 + random.below(3900)
          if slab.read(turn % 4, UInt64(other)) != contents[other] { Issue.record("turn \(turn), offset \(other)") }
        }
      }
      try slab.clear(turn % 4, accessible)
      #expect(slab.presentPages(turn % 4) == 0)
    }
    #expect(slab.service.failures == 0)
  }

  @Test func `whoever drops pages waits for the thread, where asked for`() throws {
    let slab = try FaultSlab(.thread, reportsRemovals: true)
    let image = try TestImage(start: 0, pages: 40, seed: 21)
    // Others' faults meet a mapping that changes, and are tried again.
    onThreads(4) { thread in
      do {
        for turn in 0..<40 {
          try slab.service.activate(thread, image: image.image, accessible: 64 * page)
          for offset in stride(from: 0, to: 64 * page, by: 7 * 4096) {
            let expected = offset < 40 * page ? image.bytes[Int(offset)] : 0
            if slab.read(thread, offset) != expected { Issue.record("turn \(turn), offset \(offset)") }
            slab.write(thread, offset, 0xEE)
          }
          try slab.clear(thread, 64 * page)
        }
      } catch { Issue.record(error) }
    }
    #expect(slab.service.removals >= 160)
    #expect(slab.service.failures == 0)
    #expect(Holdings.mappings(in: slab.region) == 1)
  }

  @Test func `system calls wait for the thread`() throws {
    let slab = try FaultSlab(.thread)
    let image = try TestImage(start: 0, pages: 40, seed: 21)
    try slab.service.activate(2, image: image.image, accessible: 64 * page)
    #expect(slab.kernelRead(2, 3 * page - 10, 100_000) == 0)
    #expect(slab.kernelWrite(2, 200_000, [UInt8](repeating: 0xAB, count: 20_000)) == 0)
    var model = image.contents(64 * page)
    model.replaceSubrange(200_000..<220_000, with: repeatElement(0xAB, count: 20_000))
    #expect(slab.bytes(2, 64 * page) == model)
    // Out of bounds they fail, as they do for any memory that is not there.
    #expect(slab.kernelRead(2, 64 * page) == EFAULT)
    #expect(slab.kernelWrite(2, 63 * page + 4000, [UInt8](repeating: 1, count: 500)) != 0)
  }

  @Test func `by signal, system calls fail on missing pages, and not on others`() throws {
    let slab = try FaultSlab(.signal)
    try slab.service.activate(2, image: nil, accessible: 64 * page)
    #expect(slab.kernelRead(2, 0) == EFAULT)
    slab.write(2, 0, 1)
    #expect(slab.kernelRead(2, 0, 4096) == 0)
  }
}
