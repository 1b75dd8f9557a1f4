import CAviaryHost
import Synchronization

/// The keys that this process's pools hold, each allocated once and shared by them.
///
/// That pools share keys costs nothing: a key keeps slots of one slab apart, and a guest reaches no
/// other slab (`SlabLayout`). Allocated per pool, the second pool would find none left.
enum KeyRegistry {
  private struct Entry {
    let key: Int32
    var users: Int
  }
  private static let entries = Mutex<[Entry]>([])

  /// Up to `count` keys, in use until they are released. Fewer than two are none.
  static func take(_ count: Int) -> [Int32] {
    guard aviary_keys_supported() else { return [] }
    return entries.withLock { entries in
      while entries.count < count {
        let result = aviary_system_key_allocate()
        // None left, or a kernel that denies what the CPU has.
        guard result > 0 else { break }
        entries.append(Entry(key: Int32(result), users: 0))
      }
      let taken = entries.count >= 2 ? min(count, entries.count) : 0
      for index in 0..<taken { entries[index].users += 1 }
      let keys = entries[..<taken].map(\.key)
      clean(&entries)
      return keys
    }
  }

  /// - Precondition: in use.
  static func retain(_ keys: [Int32]) { change(keys, by: 1) }

  /// Keys that nobody uses any more go back to the process.
  ///
  /// Threads keep their rights to them: should another library get the same number, threads that it did
  /// not make may touch its memory. The kernel offers no remedy (pkeys(7)).
  static func release(_ keys: [Int32]) { change(keys, by: -1) }

  private static func change(_ keys: [Int32], by difference: Int) {
    if keys.isEmpty { return }
    entries.withLock { entries in
      for index in entries.indices where keys.contains(entries[index].key) { entries[index].users += difference }
      clean(&entries)
    }
  }

  private static func clean(_ entries: inout [Entry]) {
    let unused = entries.filter { $0.users == 0 }
    entries.removeAll { $0.users == 0 }
    // Before a key is another's, and before one of ours is used.
    aviary_keys_set_bits(KeyRights.bits(of: entries.map(\.key)))
    for entry in unused { _ = aviary_system_key_free(entry.key) }
  }
}
