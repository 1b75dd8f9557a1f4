import Testing

@testable import AviaryPool

private let kib: UInt64 = 1 << 10
private let mib: UInt64 = 1 << 20
private let gib: UInt64 = 1 << 30

private func constraints(
  _ slots: Int, max: UInt64, reservation: UInt64 = 4 * gib, guardSize: UInt64 = 2 * gib,
  before: Bool = true, keys: Int = 0
) -> SlabConstraints {
  SlabConstraints(
    slots: slots, maxMemoryBytes: max, reservationBytes: reservation, guardBytes: guardSize,
    guardBeforeSlots: before, keys: keys)
}

private func message(_ constraints: SlabConstraints) -> String? {
  do {
    _ = try SlabLayout(constraints)
    return nil
  } catch { return "\(error)" }
}

@Suite struct SlabLayoutTests {
  @Test func `without keys each slot carries its own guard`() throws {
    let layout = try SlabLayout(constraints(10, max: 64 * mib))
    #expect(layout.stripeCount == 1)
    #expect(layout.slotBytes == 6 * gib)
    #expect(layout.preGuardBytes == 2 * gib)
    #expect(layout.postGuardBytes == 0)
    #expect(layout.totalBytes == 62 * gib)
    #expect(layout.offset(ofSlot: 9) == 56 * gib)
    #expect(layout.stripe(ofSlot: 9) == 0)
  }

  @Test func `with keys the neighbours are the guard`() throws {
    let layout = try SlabLayout(constraints(100, max: gib, keys: 15))
    #expect(layout.stripeCount == 6)
    #expect(layout.slotBytes == gib)
    #expect(layout.postGuardBytes == 5 * gib)
    #expect(layout.totalBytes == 107 * gib)
    #expect((0..<8).map { layout.stripe(ofSlot: $0) } == [0, 1, 2, 3, 4, 5, 0, 1])
  }

  @Test func `few keys make larger slots`() throws {
    let layout = try SlabLayout(constraints(100, max: 64 * mib, keys: 3))
    #expect(layout.stripeCount == 3)
    #expect(layout.slotBytes == 2 * gib)
    #expect(layout.postGuardBytes == 4 * gib)
  }

  @Test func `few slots use few keys`() throws {
    let layout = try SlabLayout(constraints(2, max: 64 * mib, keys: 15))
    #expect(layout.stripeCount == 2)
    #expect(layout.slotBytes == 3 * gib)
    #expect(layout.postGuardBytes == 3 * gib)
  }

  @Test(arguments: [0, 1]) func `one key is none`(keys: Int) throws {
    let layout = try SlabLayout(constraints(9, max: 64 * mib, keys: keys))
    #expect(layout.stripeCount == 1 && layout.slotBytes == 6 * gib)
  }

  @Test func `nothing is elided without guards or memory`() throws {
    let bare = try SlabLayout(constraints(9, max: 64 * mib, guardSize: 0, keys: 15))
    #expect(bare.stripeCount == 1 && bare.slotBytes == 4 * gib && bare.preGuardBytes == 0 && bare.postGuardBytes == 0)
    // A memory of no pages has its guard all the same: code relies on it.
    let empty = try SlabLayout(constraints(9, max: 0, keys: 15))
    #expect(empty.stripeCount == 1 && empty.slotBytes == 6 * gib)
    let nothing = try SlabLayout(constraints(9, max: 0, reservation: 0, guardSize: 0, keys: 15))
    #expect(nothing.slotBytes == Page.size && nothing.totalBytes == 9 * Page.size)
  }

  @Test func `a memory larger than the reservation is guarded behind its end`() throws {
    let layout = try SlabLayout(constraints(4, max: 8 * gib, reservation: 0, guardSize: 64 * kib))
    #expect(layout.slotBytes == 8 * gib + 64 * kib && layout.faultingBytes == 8 * gib + 64 * kib)
    let striped = try SlabLayout(constraints(4, max: 8 * gib, reservation: 0, guardSize: 64 * kib, keys: 15))
    #expect(striped.stripeCount == 2 && striped.slotBytes == 8 * gib && striped.postGuardBytes == 64 * kib)
  }

  @Test func `odd sizes are rounded up to pages`() throws {
    let layout = try SlabLayout(
      constraints(5, max: 64 * kib + 1, reservation: 100_000, guardSize: 5000, keys: 15))
    #expect(layout.maxMemoryBytes == 69632 && layout.faultingBytes == 110_592)
    #expect(layout.preGuardBytes == 8192 && layout.stripeCount == 2 && layout.slotBytes == 69632)
    #expect(layout.totalBytes == 8192 + 5 * 69632 + 40960)
  }

  @Test func `no guard before the slots unless asked for`() throws {
    let layout = try SlabLayout(constraints(3, max: gib, before: false))
    #expect(layout.preGuardBytes == 0 && layout.totalBytes == 18 * gib && layout.offset(ofSlot: 0) == 0)
  }

  /// How many slots an address space holds, with and without 15 keys.
  @Test(arguments: [(64, 21_844, 327_659), (128, 21_844, 327_659), (256, 21_844, 327_659), (1024, 21_844, 131_064)])
  func `an address space holds`(megabytes: UInt64, plain: Int, striped: Int) throws {
    for (keys, expected) in [(0, plain), (15, striped)] {
      var wanted = constraints(1_000_000, max: megabytes * mib, keys: keys)
      #expect(SlabLayout.slotsThatFit(wanted, in: SlabLayout.addressSpaceBytes) == expected)
      #expect(SlabLayout.slotsThatFit(wanted, in: .max) == expected)
      wanted.slots = expected
      #expect(try SlabLayout(wanted).totalBytes <= SlabLayout.addressSpaceBytes)
      wanted.slots = expected + 1
      #expect(throws: VMError.self) { try SlabLayout(wanted) }
    }
  }

  @Test func `failures name the numbers and the way out`() {
    #expect(message(constraints(0, max: gib)) == "a memory pool has at least 1 slot; 0 were asked for")
    #expect(message(constraints(-1, max: gib)) == "a memory pool has at least 1 slot; -1 were asked for")
    #expect(
      message(constraints(30_000, max: gib))
        == """
        30000 slots of 6442450944 bytes (6 GiB) need 193275675803648 bytes (175.8 TiB) of the 140737488351232 bytes \
        (128 TiB) of an address space; ask for at most 21844 slots, a smaller maximum memory or reservation, or \
        protection keys
        """)
    #expect(
      message(constraints(.max, max: gib, keys: 15))
        == """
        9223372036854775807 slots of 1073741824 bytes (1 GiB) need more than 2^64 bytes of the 140737488351232 bytes \
        (128 TiB) of an address space; ask for at most 131064 slots, a smaller maximum memory or reservation
        """)
    #expect(
      message(constraints(1, max: gib, guardSize: .max))
        == """
        a memory that reaches 4294967296 bytes (4 GiB) and a guard of 18446744073709551615 bytes (16 EiB) exceed \
        the 140737488351232 bytes (128 TiB) of an address space; lower the maximum memory, the reservation or the guard
        """)
    #expect(message(constraints(1, max: .max))?.contains("exceed") == true)
  }
}

@Suite struct SlabShrinkTests {
  @Test func `a smaller reservation holds fewer slots`() throws {
    let layout = try SlabLayout(constraints(1000, max: gib, keys: 15))
    #expect(layout.shrunk(to: layout.totalBytes) == layout)
    #expect(layout.shrunk(to: layout.totalBytes - 1)?.slotCount == 999)
    #expect(layout.shrunk(to: 2 * gib + 6 * gib + 5 * gib)?.slotCount == 6)
    #expect(layout.shrunk(to: 2 * gib + 6 * gib)?.slotCount == 1)
    #expect(layout.shrunk(to: 2 * gib + 6 * gib)?.slotBytes == 6 * gib)
    #expect(layout.shrunk(to: 2 * gib + 6 * gib - 1) == nil)
    #expect(layout.halved()?.slotCount == 500)
    #expect(try SlabLayout(constraints(1, max: gib)).halved() == nil)
  }

  @Test func `the largest that is granted is found`() throws {
    let layout = try SlabLayout(constraints(20_000, max: 64 * mib))
    var asked: [UInt64] = []
    let found = layout.largestGranted {
      asked.append($0.totalBytes)
      return $0.totalBytes <= 85_000 * gib
    }
    let most = try #require(layout.shrunk(to: 85_000 * gib)).slotCount
    let slots = try #require(found).slotCount
    #expect(slots <= most && slots >= most - most / 64 - 1)
    #expect(asked.count < 12 && asked.first == layout.totalBytes)
    #expect(layout.largestGranted { _ in true } == layout)
    #expect(layout.largestGranted { _ in false } == nil)
    #expect(layout.largestGranted { $0.slotCount == 1 }?.slotCount == 1)
  }
}
