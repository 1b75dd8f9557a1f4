internal import AviaryCore

/// Finds keywords and mnemonics by their spelling: an open-addressed table that is
/// built once. Its contents are fixed, so its hash needs no seed.
struct KeywordTable: Sendable {
  static let shared = KeywordTable()

  /// Ordinals of `Keyword`, to go from a token's payload back.
  static let keywords = Keyword.allCases

  private struct Entry {
    var start: UInt32
    var length: UInt16
    var isOpcode: Bool
    var payload: UInt16
  }
  /// Index into `entries` plus one; 0 is free. Power of two, at most half full.
  private var slots = [UInt16](repeating: 0, count: 4096)
  private var entries: [Entry] = []
  private var spellings: [UInt8] = []

  private init() {
    for (ordinal, keyword) in Keyword.allCases.enumerated() {
      insert(keyword.rawValue, isOpcode: false, payload: UInt16(ordinal))
    }
    // Rows that share a mnemonic in the text format have a made-up one in the table.
    let unspellable: Set<Opcode> = [.selectTyped, .refTestNull, .refCastNull]
    for opcode in Opcode.allCases where !unspellable.contains(opcode) {
      insert(opcode.mnemonic, isOpcode: true, payload: opcode.rawValue)
    }
  }

  private mutating func insert(_ text: String, isOpcode: Bool, payload: UInt16) {
    let bytes = Array(text.utf8)
    entries.append(
      Entry(start: UInt32(spellings.count), length: UInt16(bytes.count), isOpcode: isOpcode, payload: payload))
    spellings += bytes
    var slot = Self.hash(bytes, 0, bytes.count) & (slots.count - 1)
    while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = UInt16(entries.count)
  }

  private static func hash(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
    var hash: UInt32 = 0x811C_9DC5
    for index in start..<end { hash = (hash ^ UInt32(bytes[index])) &* 0x0100_0193 }
    return Int(hash ^ (hash >> 15))
  }

  /// The token at `start..<end` if it is a word of the language.
  func token(_ source: [UInt8], _ start: Int, _ end: Int) -> Token? {
    var slot = Self.hash(source, start, end) & (slots.count - 1)
    while slots[slot] != 0 {
      let entry = entries[Int(slots[slot]) - 1]
      if Int(entry.length) == end - start && matches(entry, source, start) {
        return Token(entry.isOpcode ? .opcode : .keyword, payload: entry.payload, start: start, end: end)
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  private func matches(_ entry: Entry, _ source: [UInt8], _ start: Int) -> Bool {
    for index in 0..<Int(entry.length) where spellings[Int(entry.start) + index] != source[start + index] {
      return false
    }
    return true
  }
}

extension Token {
  var keyword: Keyword? { kind == .keyword ? KeywordTable.keywords[Int(payload)] : nil }
  var opcode: Opcode? { kind == .opcode ? Opcode(rawValue: payload) : nil }
}
