package import CAviaryHost

/// A page that was written lately.
struct PageRecord {
  var page: UInt32
  /// Number of the run that is known to have written it last.
  var lastWritten: UInt32
  /// Resident and open to writes: brought back by hand at each reset. Else it was dropped, or is
  /// write-protected.
  var isHot: Bool
}

/// What is remembered of one slot's writes, so that the next reset knows where to look. Raw
/// memory, owned by whoever holds the slot.
///
/// Invariants: `pages` are sorted and different, at most `capacity`; while `armedBytes` is not 0,
/// every page of [0, armedBytes) is write-protected, or hot, or in the log.
@safe
package struct PageHistory {
  struct Head {
    /// Resets so far.
    var run: UInt32 = 0
    /// Of them, the last ones without a page that was not hot.
    var calmRuns: UInt32 = 0
    /// Calm runs that arm.
    var armAfter: UInt32 = PageHistory.calmRunsAtFirst
    /// Faults a run while armed, times 256, averaged.
    var faultAverage: UInt32 = 0
    /// [0, armedBytes) is registered and protected; 0: nothing is.
    var armedBytes: UInt64 = 0
    /// The run that armed.
    var armedSince: UInt32 = 0
    /// Nanoseconds that a scan would take instead.
    var scanCost: UInt32 = 0
    /// Pages that stay in memory when the slot is unused.
    var residentPages: UInt32 = 0
    var count: UInt32 = 0
    var rest = ScanRest()
    var log = AviaryWriteLog()
  }
  /// For so many runs a page counts as written lately. A page that is brought back costs a hundredth
  /// of a fault: one that is written every few runs is worth keeping.
  static let memory: UInt32 = 16
  /// A hot page is given up that was not seen written for so many armed runs, when one in `weeding` is looked at.
  static let patience: UInt32 = 256
  static let weeding: UInt32 = 32
  static let calmRunsAtFirst: UInt32 = 4

  let head: UnsafeMutablePointer<Head>
  let pages: UnsafeMutablePointer<PageRecord>
  /// The most pages that stay resident.
  let residentLimit: Int
  /// Pages that come and go do not displace the hot ones.
  var capacity: Int { 2 * residentLimit + 64 }

  /// - Parameter residentLimit: the most pages that stay resident.
  package init(residentLimit: Int) {
    self.residentLimit = residentLimit
    unsafe head = .allocate(capacity: 1)
    unsafe head.initialize(to: Head())
    unsafe pages = .allocate(capacity: 2 * residentLimit + 64)
  }

  /// Unsafe contract: called once; the slot's record does not name `log` any more.
  @unsafe package func deallocate() {
    unsafe head.deallocate()
    unsafe pages.deallocate()
  }

  /// Where faults on write-protected pages are noted.
  package var log: UnsafeMutablePointer<AviaryWriteLog> {
    let offset = MemoryLayout<Head>.offset(of: \.log)!
    return unsafe (UnsafeMutableRawPointer(head) + offset).assumingMemoryBound(to: AviaryWriteLog.self)
  }

  package var isArmed: Bool { unsafe head.pointee.armedBytes != 0 }
  /// Bytes that the last reset left in memory.
  package var residentBytes: UInt64 { UInt64(unsafe head.pointee.residentPages) * Page.size }

  /// Nothing is known any more: the slot was mapped anew.
  package func forget() { unsafe head.pointee = Head() }

  /// All pages are about to be dropped.
  func forgetPages() {
    unsafe head.pointee.count = 0
    unsafe head.pointee.residentPages = 0
    unsafe head.pointee.calmRuns = 0
  }

  func loggedPage(_ index: Int) -> UInt32 {
    let offset = MemoryLayout<AviaryWriteLog>.offset(of: \.pages)!
    return unsafe (UnsafeRawPointer(log) + offset).load(fromByteOffset: index * 4, as: UInt32.self)
  }

  /// Position of the first record that is not before the page.
  func position(of page: UInt32) -> Int {
    var low = 0
    var high = Int(unsafe head.pointee.count)
    while low < high {
      let middle = (low + high) / 2
      if unsafe pages[middle].page < page { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// - Returns: false where there is no room.
  func insert(_ record: PageRecord, at position: Int) -> Bool {
    let count = Int(unsafe head.pointee.count)
    guard count < capacity else { return false }
    unsafe (pages + position + 1).update(from: pages + position, count: count - position)
    unsafe pages[position] = record
    unsafe head.pointee.count += 1
    return true
  }

  /// Keeps the records for which the closure holds.
  func filter(_ isKept: (PageRecord) -> Bool) {
    var kept = 0
    for position in 0..<Int(unsafe head.pointee.count) where isKept(unsafe pages[position]) {
      unsafe pages[kept] = pages[position]
      kept += 1
    }
    unsafe head.pointee.count = UInt32(kept)
  }
}
