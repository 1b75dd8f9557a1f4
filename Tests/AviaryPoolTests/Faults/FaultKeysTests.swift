@testable import AviaryPool
import CAviaryHost
import Glibc
import Testing

/// Slots under userfaultfd, each under its stripe's key.
@Suite(.byBoth, .enabled(if: ProtectionKeys.areSupported, "this machine has no protection keys"), .serialized)
struct FaultKeysTests {
  /// Keys of the mappings in the range.
  private func keys(in range: Range<UInt>) -> [Int] {
    guard let file = unsafe fopen("/proc/self/smaps", "r") else { return [] }
    defer { unsafe fclose(file) }
    var keys: [Int] = []
    var isInside = false
    var line = [CChar](repeating: 0, count: 4096)
    while unsafe fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let bounds = text.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
      if bounds.count == 2 { isInside = bounds[0] < range.upperBound && bounds[1] > range.lowerBound }
      if isInside, text.hasPrefix("ProtectionKey:") { keys.append(Int(text.split(separator: " ").last!)!) }
    }
    return keys
  }

  @Test(arguments: [MemoryPoolConfiguration.Initialization.userfaultfdThread, .userfaultfdSignal])
  func `slots have their stripes' keys, and are filled under them`(
    _ initialization: MemoryPoolConfiguration.Initialization
  ) throws {
    let pool = try MemoryPool(
      .small(slots: 8) {
        $0.initialization = initialization
        $0.keys = .required
        $0.reservationBytes = 1 << 20
      })
    #expect(pool.stripeCount > 1)
    let image = try TestImage(start: page, pages: 3, seed: 5)
    for round in 0..<3 {
      var held: [HeldSlot] = []
      for index in 0..<8 {
        let lease = HeldSlot(
          try pool.acquire(
            MemoryRequest(stripe: index % pool.stripeCount, image: image.image, initialBytes: 64 * kibibyte)))
        HostAccess.allow()
        let isClean = lease.slot.reads(image, 64 * kibibyte)
        #expect(isClean, "round \(round), slot \(index)")
        lease.slot.fill(0xEE, 64 * kibibyte)
        try lease.slot.grow(to: 128 * kibibyte)
        #expect(lease.slot.bytes(128 * kibibyte)[Int(64 * kibibyte)...].allSatisfy { $0 == 0 })
        held.append(lease)
      }
      for lease in held {
        let stripe = pool.layout.stripe(ofSlot: lease.slot.index)
        let slot = lease.base..<(lease.base + UInt(pool.layout.slotBytes))
        #expect(keys(in: slot) == [Int(pool.keys.key(ofStripe: stripe))])
      }
      held = []
    }
    #expect(pool.statistics.faults > 0)
  }
}
