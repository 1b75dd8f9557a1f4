import AviaryPool
import CAviaryHost
import Glibc
import Synchronization
import Testing

private final class Progress: Sendable {
  let pages = Atomic<Int>(0)
}

@Suite(.byBoth) struct FaultEndTests {
  @Test func `services come and go, and leave nothing`() async {
    await #expect(processExitsWith: .success) {
      let files = Holdings.files()
      for turn in 0..<120 {
        let mode: FaultService.Mode = turn % 2 == 0 ? .thread : .signal
        let slab = try FaultSlab(mode)
        for slot in 0..<(turn % 5) { try slab.service.activate(slot, image: nil, accessible: 20 * page) }
        for slot in 0..<(turn % 5) { slab.write(slot, 5 * page, 1) }
        if turn % 3 == 1, mode == .thread { #expect(slab.kernelRead(3, 30 * page) == EFAULT) }
        slab.end()
        slab.end()
      }
      #expect(UserFaults.descriptors() == 0)
      // The test's own runtime opens and closes some meanwhile; so many services would leave more.
      #expect(Holdings.files() < files + 30)
    }
  }

  // In a process of its own: its system calls go on reading where the slab was.
  @Test func `threads that wait for pages do not hold up the end`() async {
    await #expect(processExitsWith: .success) {
      for _ in 0..<10 {
        let slab = try FaultSlab(.thread, slots: 4, slotBytes: 64 << 20)
        for slot in 0..<4 { try slab.service.activate(slot, image: nil, accessible: 64 << 20) }
        let progress = Progress()
        onThreads(5) { thread in
          if thread == 4 {
            while progress.pages.load(ordering: .relaxed) < 4 { sched_yield() }
            slab.end()
            return
          }
          // Every page is a fault, until the slab has gone.
          let file = Int32(unsafe aviary_system_memfd("sink", 0))
          defer { aviary_system_close(file) }
          var offset: UInt64 = 0
          while unsafe pwrite(file, UnsafeRawPointer(bitPattern: slab.base(thread) + UInt(offset)), 1, 0) == 1 {
            progress.pages.add(1, ordering: .relaxed)
            offset = (offset + 65536) % (64 << 20)
          }
          if errno != EFAULT { Issue.record("error \(errno)") }
        }
      }
    }
  }

  @Test func `where unmapping fails, nobody waits for ever`() async {
    await #expect(processExitsWith: .success) {
      let mapping = try Mapping(reserving: 1 << 20, [.read, .write])
      let records = UnsafeMutablePointer<AviarySlotRecord>.allocate(capacity: 1)
      unsafe records.initialize(to: AviarySlotRecord())
      let service = unsafe try FaultService(
        slotsStart: mapping.address, slotBytes: 1 << 20, slotCount: 1, records: records, mode: .thread)
      try service.activate(0, image: nil, accessible: 1 << 20)
      service.close {}
      // It is ordinary memory now.
      let byte = unsafe UnsafeMutablePointer<UInt8>(bitPattern: mapping.address + 70_000)!
      unsafe byte.pointee = 1
      #expect(unsafe byte.pointee == 1)
    }
  }

  @Test func `slabs come and go while handlers look at others`() throws {
    let kept = try FaultSlab(.signal)
    try kept.service.activate(0, image: nil, accessible: kept.slotBytes)
    onThreads(4) { thread in
      do {
        for turn in 0..<60 {
          if thread < 2 {
            let slab = try FaultSlab(.signal, slots: 2, slotBytes: 64 * page)
            try slab.service.activate(1, image: nil, accessible: 8 * page)
            for each in 0..<8 as Range<UInt64> { slab.write(1, each * page, 1) }
          } else {
            let offset = UInt64(turn * 2 + thread - 2) * page
            kept.write(0, offset, UInt8(turn))
            if kept.read(0, offset) != UInt8(turn) { Issue.record("turn \(turn)") }
          }
        }
      } catch { Issue.record(error) }
    }
  }
}
