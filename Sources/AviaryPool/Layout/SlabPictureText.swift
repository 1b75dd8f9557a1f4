extension SlabPicture {
  /// For a terminal: box drawing, at most 88 columns. Ends with a line feed.
  package var text: String {
    var lines = wholeText
    lines.append("")
    lines += neighbourhoodText
    lines.append("")
    for (name, value) in numbers { lines.append("  " + padded(name, to: 12) + value) }
    if let bar = occupationText { lines.append("  " + padded("", to: 12) + bar) }
    return lines.joined(separator: "\n") + "\n"
  }

  private static let margin = 8
  private static let columns = 80

  private var wholeText: [String] {
    let segments = whole
    let ends = SlabPicture.ends(segments, width: SlabPicture.columns, least: 3)
    let labels = segments.map { segment in
      switch segment.kind {
      case .guarded: [ByteCount(segment.bytes).short, ""]
      case .slots, .slot: ["\(layout.slotCount) × \(ByteCount(layout.slotBytes).short)", "\(layout.slotCount)", ""]
      }
    }
    var lines = box(ends: ends, rows: [("", labels)], fill: nil, shaded: segments.map { $0.kind == .guarded })
    let total = ByteCount(layout.totalBytes).short
    lines.append(
      padded("", to: SlabPicture.margin) + padded("0", to: SlabPicture.columns + 1 - total.count) + total)
    return lines
  }

  private var neighbourhoodText: [String] {
    let segments = neighbourhood
    let ends = SlabPicture.ends(segments, width: SlabPicture.columns, least: 3)
    let names = segments.map { segment in
      switch segment.kind {
      case .slot(let index): ["\(index)"]
      case .guarded, .slots: ["post guard", "guard", ""]
      }
    }
    var rows = [("slot", names)]
    if isStriped {
      rows.append(
        (
          colouring,
          segments.map { segment in
            if case .slot(let index) = segment.kind { [keyName(ofSlot: index)] } else { [""] }
          }
        ))
    }
    let lines = box(ends: ends, rows: rows, fill: ("memory", "█"), shaded: segments.map { $0.kind == .guarded })
    return lines + [reachText(segments, ends)]
  }

  /// How far code of slot 0 reaches.
  private func reachText(_ segments: [Segment], _ ends: [Int]) -> String {
    let column = SlabPicture.place(layout.faultingBytes, segments, ends)
    let label = " slot 0's code reaches \(ByteCount(layout.faultingBytes).short) "
    let room = max(column - 1, 0)
    let start = padded("reach", to: SlabPicture.margin)
    if label.count > room { return start + "├" + repeated("─", room) + "┤" + label }
    let left = (room - label.count) / 2
    return start + "├" + repeated("─", left) + label + repeated("─", room - label.count - left) + "┤"
  }

  /// A row of boxes.
  ///
  /// - Parameters:
  ///   - rows: a name, and for each box labels of which the first that fits is taken.
  ///   - fill: a last row that shows in each box that is not shaded how much of it is memory.
  private func box(
    ends: [Int], rows: [(String, [[String]])], fill: (name: String, mark: String)?, shaded: [Bool]
  ) -> [String] {
    let widths = ends.indices.map { ends[$0] - ($0 == 0 ? 0 : ends[$0 - 1]) - 1 }
    func border(_ left: String, _ middle: String, _ right: String) -> String {
      padded("", to: SlabPicture.margin) + left
        + widths.map { repeated("─", $0) }.joined(separator: middle) + right
    }
    func row(_ name: String, _ cells: [String]) -> String {
      padded(name, to: SlabPicture.margin) + "│" + cells.joined(separator: "│") + "│"
    }
    var lines = [border("┌", "┬", "┐")]
    for (name, labels) in rows {
      lines.append(
        row(
          name,
          widths.indices.map { index in
            let label = labels[index].first { $0.count <= widths[index] } ?? ""
            return centred(label, in: widths[index], with: shaded[index] ? "░" : " ")
          }))
    }
    if let fill {
      lines.append(
        row(
          fill.name,
          widths.indices.map { index in
            if shaded[index] { return repeated("░", widths[index]) }
            let marked = SlabPicture.scaled(layout.maxMemoryBytes, of: layout.slotBytes, to: widths[index])
            let count = layout.maxMemoryBytes == 0 ? 0 : max(1, min(marked, widths[index]))
            return repeated(fill.mark, count) + repeated(" ", widths[index] - count)
          }))
    }
    return lines + [border("└", "┴", "┘")]
  }

  private var occupationText: String? {
    guard let counts else { return nil }
    let parts = [(counts.live, "█"), (counts.warm, "▒"), (counts.cold, "·"), (counts.quarantined, "×")]
    let width = 60
    var sum = 0
    var bar = ""
    for (count, mark) in parts {
      sum += count
      let end = SlabPicture.scaled(UInt64(sum), of: UInt64(max(layout.slotCount, 1)), to: width)
      bar += repeated(mark, max(end - bar.count, count > 0 ? 1 : 0))
    }
    return "[\(bar)] █ live ▒ warm · cold × quarantined"
  }

  private func repeated(_ mark: String, _ count: Int) -> String { String(repeating: mark, count: max(count, 0)) }

  private func padded(_ text: String, to width: Int) -> String { text + repeated(" ", width - text.count) }

  private func centred(_ text: String, in width: Int, with mark: String) -> String {
    let left = (width - text.count) / 2
    let gap = text.isEmpty ? "" : text
    return repeated(mark, left) + gap + repeated(mark, width - text.count - left)
  }
}
