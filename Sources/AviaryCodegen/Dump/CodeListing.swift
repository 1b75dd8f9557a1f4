package import AviaryContract
package import AviaryCore

/// A listing of compiled functions: machine code in hexadecimal, cut where the
/// address map and the trap table say which operator it belongs to.
///
/// ```
/// function[3] "fib": 0x40, 118 bytes
///   0x00040  55 48 89 e5 …
///   0x0005c  e8 df ff ff ff                     ; call at 0x61
///   0x00061  03 d8                              ; trap: unreachable
/// ```
/// Where a handler for exceptions begins or ends to look after the code, and where its clauses land, is said too.
/// An address map entry names a position after a call or at an instruction
/// that may fault; what stands in the comment is that operator.
package struct CodeListing {
  private let artifact: Artifact
  private let module: ValidatedModule
  private let mnemonics: [UInt32: String]

  package init(_ artifact: Artifact, _ module: ValidatedModule) {
    self.artifact = artifact
    self.module = module
    var mnemonics: [UInt32: String] = [:]
    for row in OpcodeTable.rows {
      mnemonics[UInt32(row.prefix) << 16 | UInt32(row.code)] = row.mnemonic
    }
    self.mnemonics = mnemonics
  }

  package func write(to output: inout some TextOutputStream) {
    for position in artifact.functions.indices { write(position, to: &output) }
  }

  /// The defined function number `position`.
  package func write(_ position: Int, to output: inout some TextOutputStream) {
    guard artifact.functions.indices.contains(position) else { return }
    let range = artifact.functions[position]
    let index = UInt32(module.info.importedFunctionCount + position)
    let name = module.info.names.functions[index].map { " \"\($0)\"" } ?? ""
    output.write("function[\(index)]\(name): \(Self.hex(range.offset)), \(range.size) bytes\n")
    let end = range.offset + range.size
    let notes = notes(in: range.offset...end)
    var at = range.offset
    for note in notes where note.offset > at || note.offset == range.offset {
      writeBytes(at..<min(note.offset, end), to: &output)
      output.write("           ; \(note.text)\n")
      at = note.offset
    }
    writeBytes(at..<end, to: &output)
    output.write("\n")
  }

  /// What is known of each position, in order.
  private func notes(in range: ClosedRange<UInt32>) -> [(offset: UInt32, text: String)] {
    var texts: [UInt32: String] = [:]
    for entry in Self.slice(artifact.addresses, range, \.offset) {
      texts[entry.offset] = "\(mnemonic(at: entry.wasmOffset)) at \(Self.hex(entry.wasmOffset))"
    }
    for site in Self.slice(artifact.traps, range, \.offset) {
      let trap = "trap: \(TrapCode(rawValue: site.code)?.message ?? "code \(site.code)")"
      texts[site.offset] = texts[site.offset].map { "\($0), \(trap)" } ?? trap
    }
    func add(_ text: String, _ offset: UInt32) { texts[offset] = texts[offset].map { "\($0); \(text)" } ?? text }
    for segment in Self.slice(artifact.exceptions.segments, range, \.offset) {
      guard segment.handler != HandlerSegment.none else {
        add("no handler", segment.offset)
        continue
      }
      let parent = artifact.exceptions.handlers[Int(segment.handler)].parent
      add("handler \(segment.handler)\(parent == HandlerSegment.none ? "" : " in \(parent)")", segment.offset)
    }
    for handler in handlers(in: range) { addLandings(of: handler, add) }
    return texts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// The handlers of the functions in the range, those that look after no code included.
  private func handlers(in range: ClosedRange<UInt32>) -> Set<Int> {
    var found: Set<Int> = []
    for segment in Self.slice(artifact.exceptions.segments, range, \.offset) {
      var next = segment.handler
      while next != HandlerSegment.none, found.insert(Int(next)).inserted {
        next = artifact.exceptions.handlers[Int(next)].parent
      }
    }
    return found
  }

  private func addLandings(of index: Int, _ add: (String, UInt32) -> Void) {
    let handler = artifact.exceptions.handlers[index]
    for clause in artifact.exceptions.clauses[Int(handler.first)..<Int(handler.first + handler.count)] {
      let what = clause.tag == HandlerClause.anyTag ? "any exception" : "tag \(clause.tag)"
      let reference = clause.landing & HandlerClause.keepsReference != 0 ? ", with a reference" : ""
      add("handler \(index): \(what)\(reference) lands", clause.landing & ~HandlerClause.keepsReference)
    }
  }

  /// The entries of a sorted table whose offsets lie in `range`.
  private static func slice<Entry>(
    _ table: [Entry], _ range: ClosedRange<UInt32>, _ offset: KeyPath<Entry, UInt32>
  ) -> ArraySlice<Entry> {
    func firstIndex(_ isBefore: (UInt32) -> Bool) -> Int {
      var low = 0
      var high = table.count
      while low < high {
        let middle = (low + high) / 2
        if isBefore(table[middle][keyPath: offset]) { low = middle + 1 } else { high = middle }
      }
      return low
    }
    return table[firstIndex { $0 < range.lowerBound }..<firstIndex { $0 <= range.upperBound }]
  }

  /// The operator's name at a byte of the module.
  private func mnemonic(at offset: UInt32) -> String {
    let count = module.info.bytes.count
    func byte(_ position: Int) -> UInt8 {
      guard position < count else { return 0 }
      return unsafe module.info.bytes.buffer[position]
    }
    let first = byte(Int(offset))
    if let plain = mnemonics[UInt32(first)] { return plain }
    var code: UInt32 = 0
    for position in 0..<3 {
      let next = byte(Int(offset) + 1 + position)
      code |= UInt32(next & 0x7F) << UInt32(7 * position)
      if next < 0x80 { break }
    }
    return mnemonics[UInt32(first) << 16 | code & 0xFFFF] ?? "?"
  }

  private func writeBytes(_ range: Range<UInt32>, to output: inout some TextOutputStream) {
    var at = range.lowerBound
    while at < range.upperBound {
      let end = min(at + 16, range.upperBound)
      var line = "  " + Self.hex(at, width: 5) + " "
      for offset in at..<end {
        let byte = artifact.text[Int(offset)]
        line += byte < 16 ? " 0" : " "
        line += String(byte, radix: 16)
      }
      output.write(line + "\n")
      at = end
    }
  }

  private static func hex(_ value: UInt32, width: Int = 0) -> String {
    let digits = String(value, radix: 16)
    return "0x" + String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
