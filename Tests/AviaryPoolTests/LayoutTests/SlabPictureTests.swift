import Foundation
import Testing

@testable import AviaryPool

private func layout(_ slots: Int, megabytes: UInt64, keys: Int, reservation: UInt64 = 4 << 30, guardSize: UInt64 = 2 << 30)
  throws -> SlabLayout
{
  try SlabLayout(
    SlabConstraints(
      slots: slots, maxMemoryBytes: megabytes << 20, reservationBytes: reservation, guardBytes: guardSize, keys: keys))
}

/// The pictures of the documentation. AVIARY_REWRITE_PICTURES=1 draws them anew.
private func golden(_ name: String, _ picture: String) throws {
  let file = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
    .appending(path: "../../../docs/pictures/\(name)").standardizedFileURL
  if ProcessInfo.processInfo.environment["AVIARY_REWRITE_PICTURES"] == "1" {
    try Data(picture.utf8).write(to: file)
  }
  #expect(try String(contentsOf: file, encoding: .utf8) == picture, "docs/pictures/\(name)")
}

@Suite struct SlabPictureTests {
  @Test func `the documentation shows what is drawn`() throws {
    let striped = SlabPicture(layout: try layout(1000, megabytes: 64, keys: 15), keys: Array(1...15))
    try golden("pool-striped.txt", striped.text)
    try golden("pool-striped.svg", striped.svg)
    let plain = SlabPicture(layout: try layout(1000, megabytes: 64, keys: 0))
    try golden("pool-plain.txt", plain.text)
    try golden("pool-plain.svg", plain.svg)
  }

  @Test func `few slots end in the post guard, and occupation is drawn`() throws {
    let counts = SlotCounts(live: 1, warm: 1, cold: 1, neverUsed: 1, quarantined: 0)
    #expect(
      SlabPicture(layout: try layout(3, megabytes: 64, keys: 15), counts: counts).text
        == """
                ┌────────────┬───────────────────────────────────────┬──────────────────────────┐
                │░░░2 GiB░░░░│               3 × 2 GiB               │░░░░░░░░░░4 GiB░░░░░░░░░░░│
                └────────────┴───────────────────────────────────────┴──────────────────────────┘
                0                                                                          12 GiB

                ┌───────────────┬───────────────┬───────────────┬───────────────────────────────┐
        slot    │       0       │       1       │       2       │░░░░░░░░░░post guard░░░░░░░░░░░│
        stripe  │       0       │       1       │       2       │░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░│
        memory  │█              │█              │█              │░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░│
                └───────────────┴───────────────┴───────────────┴───────────────────────────────┘
        reach   ├───────── slot 0's code reaches 6 GiB ─────────┤

          slots       3 slots of 2147483648 bytes (2 GiB)
          memory      up to 67108864 bytes (64 MiB) each
          stripes     3, each under a key of its own
          reach       6 GiB from a slot's start: reservation 4 GiB, guard 2 GiB
          pre guard   2147483648 bytes (2 GiB)
          post guard  4294967296 bytes (4 GiB)
          total       12884901888 bytes (12 GiB), less than 0.1 % of an address space
          that holds  327659 such slots
          now         1 live, 1 warm, 1 cold, of which 1 were never used, 0 quarantined
                      [████████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒····················] █ live ▒ warm · cold × quarantined

        """)
  }

  @Test func `any layout can be drawn`() throws {
    var generator = SeededGenerator(seed: 7)
    var drawn = 0
    for _ in 0..<3000 {
      let constraints = SlabConstraints(
        slots: 1 + generator.below(1 << (1 + generator.below(20))),
        maxMemoryBytes: generator.next() >> UInt64(20 + generator.below(40)),
        reservationBytes: generator.oneIn(3) ? 0 : generator.next() >> 24,
        guardBytes: generator.oneIn(3) ? 0 : generator.next() >> 26,
        guardBeforeSlots: generator.oneIn(2), keys: generator.below(17))
      guard let layout = try? SlabLayout(constraints) else { continue }
      drawn += 1
      let counts = SlotCounts(live: generator.below(layout.slotCount + 1))
      let picture = SlabPicture(layout: layout, keys: generator.oneIn(2) ? [] : [3, 5], counts: counts)
      let lines = picture.text.split(separator: "\n", omittingEmptySubsequences: false)
      // Boxes and their scale are one block.
      #expect(Set(lines.prefix(3).map(\.count)) == [89], "\(constraints)")
      #expect(lines.allSatisfy { $0.count <= 120 }, "\(constraints)")
      #expect(picture.svg.hasPrefix("<svg ") && picture.svg.hasSuffix("</svg>\n"))
    }
    #expect(drawn > 300)
  }

  @Test func `pictures are XML`() throws {
    for keys in [0, 2, 15] {
      let picture = SlabPicture(layout: try layout(1000, megabytes: 1024, keys: keys)).svg
      var depth = 0
      for tag in picture.split(separator: "<") {
        #expect(tag.contains(">"))
        let name = tag.split(separator: ">", omittingEmptySubsequences: false)[0]
        if name.hasPrefix("/") { depth -= 1 } else if !name.hasSuffix("/") { depth += 1 }
        #expect(depth >= 0)
      }
      #expect(depth == 0 && !picture.contains("&"))
    }
  }

  @Test func `byte counts are read by people`() {
    let expected: [(UInt64, String)] = [
      (0, "0 bytes"), (1023, "1023 bytes"), (1024, "1 KiB"), (1536, "1.5 KiB"), (4096, "4 KiB"),
      (429_498_368, "409.6 MiB"), (6 << 30, "6 GiB"), ((6 << 30) - 1, "6 GiB"), ((1 << 47) - 4096, "128 TiB"),
      (.max, "16 EiB"),
    ]
    for (bytes, text) in expected { #expect(ByteCount(bytes).short == text) }
  }
}
