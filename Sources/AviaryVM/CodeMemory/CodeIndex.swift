import Synchronization

/// Which module's code an address belongs to, process-wide: for backtraces. The
/// signal handler has an index of its own (ranges.c), since it can take no lock.
final class CodeIndex: Sendable {
  static let shared = CodeIndex()

  private struct Entry {
    let start: UInt
    let end: UInt
    weak var module: VMModule?
  }
  /// Sorted by start, disjoint.
  private let entries = Mutex<[Entry]>([])

  func add(_ module: VMModule, _ range: Range<UInt>) {
    entries.withLock { entries in
      let index = CodeIndex.upperBound(entries, range.lowerBound)
      entries.insert(Entry(start: range.lowerBound, end: range.upperBound, module: module), at: index)
    }
  }

  func remove(start: UInt) {
    entries.withLock { entries in
      let index = CodeIndex.upperBound(entries, start) - 1
      if index >= 0, entries[index].start == start { entries.remove(at: index) }
    }
  }

  /// nil for addresses of no module, and of a module that is going away.
  func find(_ pc: UInt) -> VMModule? {
    entries.withLock { entries in
      let index = CodeIndex.upperBound(entries, pc) - 1
      guard index >= 0, pc < entries[index].end else { return nil }
      return entries[index].module
    }
  }

  /// How many entries start at or before the address.
  private static func upperBound(_ entries: [Entry], _ address: UInt) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = low + (high - low) / 2
      if entries[middle].start <= address { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
