/// A drawing of a pool: as text for a terminal, and as SVG for pages.
///
/// Both show the whole slab to scale, then one slot to scale with all that code may touch in its
/// name, then the numbers. The same pool gives the same bytes.
package struct SlabPicture: Sendable, Hashable {
  package let layout: SlabLayout
  /// By stripe; empty: keys are not drawn by number but by stripe.
  package let keys: [Int32]
  /// nil: occupation is not drawn.
  package let counts: SlotCounts?

  package init(layout: SlabLayout, keys: [Int32] = [], counts: SlotCounts? = nil) {
    self.layout = layout
    self.keys = keys
    self.counts = counts
  }

  /// A part of the address space, from its predecessor's end.
  struct Segment {
    enum Kind: Equatable {
      /// Nobody has access.
      case guarded
      case slot(Int)
      /// More slots than can be drawn.
      case slots
    }
    var kind: Kind
    var bytes: UInt64
  }

  var isStriped: Bool { layout.stripeCount > 1 }

  /// Pre guard, slots, post guard.
  var whole: [Segment] {
    let slots = layout.slotBytes * UInt64(layout.slotCount)
    return [
      Segment(kind: .guarded, bytes: layout.preGuardBytes), Segment(kind: .slots, bytes: slots),
      Segment(kind: .guarded, bytes: layout.postGuardBytes),
    ].filter { $0.bytes > 0 }
  }

  /// From slot 0's start to behind the next slot under its key, or to the slab's end.
  var neighbourhood: [Segment] {
    let drawn = min(layout.slotCount, layout.stripeCount + 1)
    var segments = (0..<drawn).map { Segment(kind: .slot($0), bytes: layout.slotBytes) }
    if drawn == layout.slotCount, layout.postGuardBytes > 0 {
      segments.append(Segment(kind: .guarded, bytes: layout.postGuardBytes))
    }
    return segments
  }

  /// What a slot is coloured with: a key's number where it is known.
  func keyName(ofSlot index: Int) -> String {
    let stripe = layout.stripe(ofSlot: index)
    return stripe < keys.count ? "\(keys[stripe])" : "\(stripe)"
  }

  var colouring: String { keys.isEmpty ? "stripe" : "key" }

  /// "0.3 %": of an address space.
  var share: String {
    let thousandths = (layout.totalBytes / 1024 * 1000 + SlabLayout.addressSpaceBytes / 2048)
      / (SlabLayout.addressSpaceBytes / 1024)
    return thousandths == 0 ? "less than 0.1 %" : "\(thousandths / 10).\(thousandths % 10) %"
  }

  var mostSlots: Int {
    var any = layout.constraints
    any.slots = .max
    return SlabLayout.slotsThatFit(any, in: SlabLayout.addressSpaceBytes)
  }

  /// Name and value, in the order in which they are shown.
  var numbers: [(name: String, value: String)] {
    let wanted = layout.constraints
    let count = layout.slotCount == 1 ? "1 slot" : "\(layout.slotCount) slots"
    var rows = [
      ("slots", "\(count) of \(ByteCount(layout.slotBytes))"),
      ("memory", "up to \(ByteCount(layout.maxMemoryBytes)) each"),
      ("stripes", isStriped ? "\(layout.stripeCount), each under a key of its own" : "none: guards alone keep slots apart"),
      (
        "reach",
        """
        \(ByteCount(layout.faultingBytes).short) from a slot's start: reservation \
        \(ByteCount(wanted.reservationBytes).short), guard \(ByteCount(wanted.guardBytes).short)
        """
      ),
      ("pre guard", ByteCount(layout.preGuardBytes).description),
      ("post guard", ByteCount(layout.postGuardBytes).description),
      ("total", "\(ByteCount(layout.totalBytes)), \(share) of an address space"),
      ("that holds", "\(mostSlots) such slots"),
    ]
    if let counts {
      rows.append(
        (
          "now",
          """
          \(counts.live) live, \(counts.warm) warm, \(counts.cold) cold, of which \(counts.neverUsed) were never used, \
          \(counts.quarantined) quarantined
          """
        ))
    }
    return rows
  }

  /// Where each segment ends when all together are `width` wide: to scale, but none below `least`.
  ///
  /// - Precondition: `width >= least * segments.count`.
  static func ends(_ segments: [Segment], width: Int, least: Int) -> [Int] {
    let total = segments.reduce(0) { $0 + $1.bytes }
    var sum: UInt64 = 0
    var end = 0
    var sizes = segments.map { segment in
      sum += segment.bytes
      let start = end
      end = scaled(sum, of: total, to: width)
      return max(least, end - start)
    }
    // What the smallest got too much, the largest give.
    while sizes.reduce(0, +) > width {
      let largest = sizes.indices.max { sizes[$0] < sizes[$1] }!
      sizes[largest] -= 1
    }
    end = 0
    return sizes.map { size in
      end += size
      return end
    }
  }

  /// Where `bytes` from the first segment's start lie, with the segments' ends as drawn.
  static func place(_ bytes: UInt64, _ segments: [Segment], _ ends: [Int]) -> Int {
    var start: UInt64 = 0
    for (index, segment) in segments.enumerated() {
      let left = index == 0 ? 0 : ends[index - 1]
      if bytes <= start + segment.bytes {
        return left + scaled(bytes - start, of: segment.bytes, to: ends[index] - left)
      }
      start += segment.bytes
    }
    return ends.last ?? 0
  }

  /// `part / whole * width`, to the nearest.
  ///
  /// - Precondition: `part <= whole`.
  static func scaled(_ part: UInt64, of whole: UInt64, to width: Int) -> Int {
    if whole == 0 { return 0 }
    let (high, low) = part.multipliedFullWidth(by: UInt64(width))
    let (sum, carry) = low.addingReportingOverflow(whole / 2)
    return Int(whole.dividingFullWidth((high + (carry ? 1 : 0), sum)).quotient)
  }
}
