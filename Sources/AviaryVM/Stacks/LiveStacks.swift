import Synchronization

/// The ranges of all stacks that embedders have on loan to engines of this process, guards included.
enum LiveStacks {
  /// Sorted; no two overlap.
  private static let ranges = Mutex<[Range<UInt>]>([])

  /// False where it overlaps one that is there.
  static func insert(_ range: Range<UInt>) -> Bool {
    ranges.withLock { ranges in
      let index = firstIndex(in: ranges, from: range.lowerBound)
      if index > 0, ranges[index - 1].upperBound > range.lowerBound { return false }
      if index < ranges.count, ranges[index].lowerBound < range.upperBound { return false }
      ranges.insert(range, at: index)
      return true
    }
  }

  /// - Precondition: it was inserted.
  static func remove(_ range: Range<UInt>) {
    ranges.withLock { ranges in
      let index = firstIndex(in: ranges, from: range.lowerBound)
      precondition(index < ranges.count && ranges[index] == range, "a stack that is not on loan is given back")
      ranges.remove(at: index)
    }
  }

  static var count: Int { ranges.withLock { $0.count } }

  /// Of the first range that begins there or above.
  private static func firstIndex(in ranges: [Range<UInt>], from address: UInt) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = low + (high - low) / 2
      if ranges[middle].lowerBound < address { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
