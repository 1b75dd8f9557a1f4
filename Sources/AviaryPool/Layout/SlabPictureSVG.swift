extension SlabPicture {
  /// A picture of its own, readable on light and dark pages. Ends with a line feed.
  package var svg: String {
    var canvas = Canvas()
    canvas.heading(title)
    drawWhole(&canvas)
    drawNeighbourhood(&canvas)
    if isStriped { drawLegend(&canvas) }
    drawNumbers(&canvas)
    return canvas.document(title: title, description: numbers.map { "\($0.name): \($0.value)" })
  }

  private var title: String {
    let count = layout.slotCount == 1 ? "1 slot" : "\(layout.slotCount) slots"
    let stripes = isStriped ? " in \(layout.stripeCount) stripes" : ""
    return "A memory pool: \(count) of \(ByteCount(layout.slotBytes).short)\(stripes)"
  }

  private func drawWhole(_ canvas: inout Canvas) {
    let segments = whole
    let ends = SlabPicture.ends(segments, width: Canvas.width, least: 8)
    canvas.text("The whole: \(ByteCount(layout.totalBytes).short), \(share) of an address space", 0, canvas.y + 28, "label")
    let y = canvas.y + 40
    _ = canvas.advance(by: 124)
    var left = 0
    for (segment, end) in zip(segments, ends) {
      canvas.box(left, y, end - left, 40, segment.kind == .guarded ? "guard" : "slots")
      switch segment.kind {
      case .guarded: canvas.centred([ByteCount(segment.bytes).short], left, y + 25, end - left)
      case .slot, .slots:
        canvas.centred(["slots 0 to \(layout.slotCount - 1)", "\(layout.slotCount)"], left, y + 25, end - left)
      }
      if segment.kind == .slots {
        // Two lines lead to the part that is drawn larger.
        let drawn = neighbourhood.reduce(0) { $0 + $1.bytes }
        let right = left + SlabPicture.scaled(min(drawn, segment.bytes), of: segment.bytes, to: end - left)
        canvas.line(left, y + 40, 0, y + 84, "lead")
        canvas.line(right, y + 40, Canvas.width, y + 84, "lead")
      }
      left = end
    }
  }

  private func drawNeighbourhood(_ canvas: inout Canvas) {
    let segments = neighbourhood
    let ends = SlabPicture.ends(segments, width: Canvas.width, least: 8)
    let y = canvas.y
    var left = 0
    for (segment, end) in zip(segments, ends) {
      let width = end - left
      if case .slot(let index) = segment.kind {
        let stripe = layout.stripe(ofSlot: index)
        canvas.box(left, y, width, 64, isStriped ? "slot" : "slots", hue: isStriped ? hue(stripe) : nil)
        let memory = SlabPicture.scaled(layout.maxMemoryBytes, of: layout.slotBytes, to: width)
        if layout.maxMemoryBytes > 0 {
          canvas.box(left, y + 44, max(2, memory), 20, "memory", hue: isStriped ? hue(stripe) : 210)
        }
        canvas.centred(["slot \(index)", "\(index)"], left, y + 18, width)
        if isStriped {
          canvas.centred(["\(colouring) \(keyName(ofSlot: index))", keyName(ofSlot: index)], left, y + 36, width)
        }
      } else {
        canvas.box(left, y, width, 64, "guard")
        canvas.centred(["post guard", "guard"], left, y + 36, width)
      }
      left = end
    }
    let reach = SlabPicture.place(layout.faultingBytes, segments, ends)
    let below = y + 78
    canvas.line(0, below, reach, below, "reach")
    canvas.line(0, below - 6, 0, below + 6, "reach")
    canvas.line(reach, below - 6, reach, below + 6, "reach")
    let next = layout.stripeCount < layout.slotCount ? "; the next slot \(isStriped ? "under its \(colouring) " : "")lies behind" : ""
    canvas.text("Code of slot 0 reaches \(ByteCount(layout.faultingBytes).short)\(next).", 0, below + 22, "label")
    _ = canvas.advance(by: 112)
  }

  private func drawLegend(_ canvas: inout Canvas) {
    let columns = 3
    for stripe in 0..<layout.stripeCount {
      let column = stripe % columns
      if column == 0 { _ = canvas.advance(by: 24) }
      let x = column * Canvas.width / columns
      let y = canvas.y
      canvas.box(x, y - 12, 16, 16, "memory", hue: hue(stripe))
      let members = stride(from: stripe, to: layout.slotCount, by: layout.stripeCount).prefix(3).map { "\($0)" }
      let more = layout.slotCount > stripe + 3 * layout.stripeCount ? ", …" : ""
      let name = stripe < keys.count ? "key \(keys[stripe])" : "stripe \(stripe)"
      let noun = members.count == 1 ? "slot" : "slots"
      canvas.text("\(name): \(noun) \(members.joined(separator: ", "))\(more)", x + 24, y + 1, "label")
    }
    _ = canvas.advance(by: 12)
  }

  private func drawNumbers(_ canvas: inout Canvas) {
    _ = canvas.advance(by: 8)
    for (name, value) in numbers {
      let y = canvas.advance(by: 20)
      canvas.text(name, 0, y, "name")
      canvas.text(value, 110, y, "value")
    }
  }

  /// Neighbours differ much, and each stripe from all others.
  private func hue(_ stripe: Int) -> Int {
    let count = layout.stripeCount
    // A step that visits all hues: it shares no factor with their number.
    var step = max(1, count * 2 / 5)
    while !SlabPicture.sharesNoFactor(step, count) { step += 1 }
    return stripe * step % count * 360 / count
  }

  private static func sharesNoFactor(_ a: Int, _ b: Int) -> Bool {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return a == 1
  }
}
