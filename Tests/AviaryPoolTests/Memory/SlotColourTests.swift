import Glibc
import Testing

@testable import AviaryPool

/// What the kernel says of the keys of a slot's pages, after each way to them.
@Suite(.enabled(if: ProtectionKeys.areSupported, "the machine has no protection keys"))
struct SlotColourTests {
  private struct Part: Hashable {
    let isOpen: Bool
    let key: Int32
  }

  /// The mappings that touch the range, from /proc/self/smaps.
  private func parts(in range: Range<UInt>) -> Set<Part> {
    guard let file = unsafe fopen("/proc/self/smaps", "r") else { return [] }
    defer { unsafe fclose(file) }
    var result: Set<Part> = []
    var open: Bool?
    var line = [CChar](repeating: 0, count: 4096)
    while unsafe fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let words = text.split(separator: " ")
      let bounds = (words.first ?? "").split(separator: "-").compactMap { UInt($0, radix: 16) }
      if bounds.count == 2 {
        let touches = bounds[0] < range.upperBound && bounds[1] > range.lowerBound
        open = touches ? words[1] != "---p" : nil
      }
      if let isOpen = open, text.hasPrefix("ProtectionKey:") {
        result.insert(Part(isOpen: isOpen, key: Int32(words[1].filter(\.isNumber)) ?? -1))
      }
    }
    return result
  }

  @Test(arguments: [MemoryPoolConfiguration.Reset.decommit, .keepResident, .automatic])
  func `what is open has its stripe's key, and the rest has none`(reset: MemoryPoolConfiguration.Reset) throws {
    let pool = try MemoryPool(.small(slots: 4) { $0.keys = .required; $0.reset = reset })
    try #require(pool.stripeCount == 2 && pool.keys.areEnforced)
    let images = try [TestImage(start: 4096, pages: 2, seed: 1), TestImage(start: 0, pages: 5, seed: 2), nil]
    let groups = [pool.makeGroup(), pool.makeGroup()]
    let most = pool.configuration.maxMemoryBytes
    for round in 0..<40 {
      let stripe = round / 2 % 2
      let image = images[round / 5 % 3]
      let slot = try pool.acquire(
        MemoryRequest(group: groups[round / 7 % 2], stripe: stripe, image: image?.image, initialBytes: 32 * kibibyte))
      let key = pool.keys.key(ofStripe: stripe)
      #expect(key > 0)
      let range = slot.base..<(slot.base + UInt(most))
      #expect(parts(in: range) == [Part(isOpen: true, key: key), Part(isOpen: false, key: 0)], "round \(round)")
      slot.fill(1, 32 * kibibyte)
      try slot.grow(to: 64 * kibibyte)
      #expect(parts(in: range) == [Part(isOpen: true, key: key), Part(isOpen: false, key: 0)], "round \(round), grown")
      try slot.grow(to: most)
      #expect(parts(in: range) == [Part(isOpen: true, key: key)], "round \(round), full")
      slot.fill(2, most)
    }
    for group in groups { pool.purge(group) }
    #expect(parts(in: pool.base(of: 0)..<(pool.base(of: 3) + 1)) == [Part(isOpen: false, key: 0)])
    #expect(Holdings.mappings(in: pool.base(of: 0)..<(pool.base(of: 3) + 1)) == 1)
  }
}
