/// Gives every identifier of a module a small number, equal exactly for equal names.
///
/// The hash is seeded per process: names come from strangers.
struct Identifiers {
  private var slots = [UInt32](repeating: 0, count: 64)
  private var entries: [(start: Int, end: Int, hash: Int)] = []
  private var names: [UInt8] = []

  var count: Int { entries.count }

  func name(_ id: UInt32) -> ArraySlice<UInt8> {
    names[entries[Int(id)].start..<entries[Int(id)].end]
  }

  mutating func intern(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
    let hash = Self.hash(bytes, range)
    var slot = hash & (slots.count - 1)
    while slots[slot] != 0 {
      let id = slots[slot] - 1
      let entry = entries[Int(id)]
      if entry.hash == hash, entry.end - entry.start == range.count,
        names[entry.start..<entry.end] == bytes[range]
      {
        return id
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    let id = UInt32(truncatingIfNeeded: entries.count)
    entries.append((names.count, names.count + range.count, hash))
    names += bytes[range]
    slots[slot] = id + 1
    if entries.count * 2 > slots.count { grow() }
    return id
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: slots.count * 2)
    for (id, entry) in entries.enumerated() {
      var slot = entry.hash & (slots.count - 1)
      while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = UInt32(truncatingIfNeeded: id + 1)
    }
  }

  private static func hash(_ bytes: [UInt8], _ range: Range<Int>) -> Int {
    var hasher = Hasher()
    var word: UInt64 = 0
    var filled = 0
    for index in range {
      word = word << 8 | UInt64(bytes[index])
      filled += 1
      if filled == 8 {
        hasher.combine(word)
        word = 0
        filled = 0
      }
    }
    hasher.combine(word)
    hasher.combine(range.count)
    return hasher.finalize()
  }
}

/// One index space of a module: how many there are, and which have names.
struct IndexSpace {
  /// As in error messages.
  let category: String
  private(set) var count: UInt32 = 0
  private var indices: [UInt32: UInt32] = [:]
  /// In order of index.
  private(set) var named: [(index: UInt32, id: UInt32)] = []

  init(_ category: String) { self.category = category }

  /// Takes the next index. False when `id` names another one already.
  mutating func add(_ id: UInt32?) -> Bool {
    defer { count += 1 }
    guard let id else { return true }
    named.append((count, id))
    return indices.updateValue(count, forKey: id) == nil
  }

  func index(of id: UInt32) -> UInt32? { indices[id] }
}
