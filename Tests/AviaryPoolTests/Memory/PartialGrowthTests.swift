@testable import AviaryPool
import CAviaryHost
import Glibc
import Testing

/// Growth of which the kernel did a part before it failed.
@Suite struct PartialGrowthTests {
  /// What the kernel does where it finds the room for one more mapping, but not for two.
  private func open(_ slot: borrowing MemorySlot, from start: UInt64, count: UInt64) {
    let address = unsafe UnsafeMutableRawPointer(bitPattern: slot.base + UInt(start))
    let result = unsafe mprotect(address, Int(count), PROT_READ | PROT_WRITE)
    precondition(result == 0)
  }

  @Test(arguments: MemoryPoolConfiguration.Reset.allCases, [1, 2])
  func `what growth opened in vain is closed, or the slot is not kept`(reset: MemoryPoolConfiguration.Reset, failures: Int) throws {
    let pool = try MemoryPool(.small(slots: 1) { $0.reset = reset; $0.fallsBack = true })
    let group = pool.makeGroup()
    let image = try TestImage(start: 0, pages: 4, seed: 3)
    let request = MemoryRequest(group: group, image: image.image, initialBytes: 8 * kibibyte)
    for round in 0..<10 {
      let slot = try pool.acquire(request)
      open(slot, from: 8 * kibibyte, count: 8 * kibibyte)
      var hasThrown = false
      // By hand: a closure cannot hold the lease.
      let limit = failures
      SystemCalls.during(failing: 0, with: ENOMEM, only: Int32(AVIARY_SYSTEM_PROTECT), failures: limit) {
        do throws(VMError) { try pool.grow(slot.index, to: 128 * kibibyte) } catch { hasThrown = true }
      }
      #expect(hasThrown)
      let isOpen = slot.canRead(9 * kibibyte)
      #expect(isOpen == (failures == 2))
      if isOpen { slot.write(0xEE, at: 9 * kibibyte) }
      slot.write(0xEE, at: 100)
      drop(slot)
      let next = try pool.acquire(request)
      let isHidden = !next.canRead(9 * kibibyte)
      #expect(isHidden)
      try next.grow(to: 128 * kibibyte)
      let isClean = next.reads(image, 128 * kibibyte)
      #expect(isClean, "round \(round)")
    }
    pool.purge(group)
  }

  private func drop(_ slot: consuming MemorySlot) {}
}
