import CAviaryHost

extension Resetter {
  private static let regionCapacity = 256

  /// Scratch memory of one scan.
  @unsafe
  struct Scan {
    let view: SlotView
    let history: PageHistory
    var dropper: RangeDropper
    /// The history's records after this run; sorted.
    let next: UnsafeMutablePointer<PageRecord>
    var nextCount = 0
    /// Position in the old records: all before it were dealt with.
    var position = 0
    var resident: UInt32 = 0
    var isCalm = true
    var findings = ScanRest.Findings()
  }

  /// Finds what was written by asking the kernel, and brings it back.
  func scan(_ view: SlotView, _ history: PageHistory) throws(VMError) -> ScanRest.Findings {
    let head = unsafe history.head
    var failure: VMError?
    var findings = ScanRest.Findings()
    unsafe withUnsafeTemporaryAllocation(of: AviaryPageRegion.self, capacity: Resetter.regionCapacity) { regions in
      unsafe withUnsafeTemporaryAllocation(of: AviaryRange.self, capacity: RangeDropper.capacity) { ranges in
        unsafe withUnsafeTemporaryAllocation(of: PageRecord.self, capacity: history.capacity) { records in
          var scan = unsafe Scan(
            view: view, history: history, dropper: RangeDropper(ranges.baseAddress.unsafelyUnwrapped),
            next: records.baseAddress.unsafelyUnwrapped)
          do throws(VMError) {
            unsafe try walk(&scan, regions.baseAddress.unsafelyUnwrapped)
          } catch {
            failure = error
            return
          }
          unsafe history.pages.update(from: scan.next, count: scan.nextCount)
          unsafe head.pointee.count = UInt32(scan.nextCount)
          unsafe head.pointee.residentPages = scan.resident
          unsafe head.pointee.calmRuns = scan.isCalm ? head.pointee.calmRuns &+ 1 : 0
          unsafe findings = scan.findings
          unsafe findings.dropped = scan.dropper.total
        }
      }
    }
    if let failure { throw failure }
    return findings
  }

  private func walk(_ scan: inout Scan, _ regions: UnsafeMutablePointer<AviaryPageRegion>) throws(VMError) {
    let base = unsafe scan.view.base
    let end = unsafe base + UInt(scan.view.accessible)
    var start = base
    while start < end {
      var walked: UInt = 0
      let count = unsafe aviary_pagemap_scan(pagemap, start, end, regions, Resetter.regionCapacity, &walked)
      guard count >= 0 else { throw Mapping.failure("scanning pages", count, UInt64(end - start)) }
      for index in 0..<count {
        let region = unsafe regions[index]
        let first = UInt32((UInt(region.start) - base) / UInt(Page.size))
        let last = UInt32((UInt(region.end) - base) / UInt(Page.size))
        for page in first..<last { unsafe try scan.visit(page) }
      }
      // It always goes on; where it did not, nothing would be known of the rest.
      guard walked > start else { throw Mapping.failure("scanning pages", -Int(5), UInt64(end - start)) }
      start = walked
    }
    unsafe scan.keepAbsent(before: .max)
    unsafe try scan.dropper.drop()
  }
}

extension Resetter.Scan {
  private var run: UInt32 { unsafe history.head.pointee.run }

  /// - Returns: false where there is no room.
  @discardableResult
  private mutating func keep(_ record: PageRecord) -> Bool {
    let others = unsafe nextCount - Int(resident)
    guard
      unsafe record.isHot
        ? Int(resident) < history.residentLimit : others < history.capacity - history.residentLimit
    else { return false }
    unsafe next[nextCount] = record
    unsafe nextCount += 1
    if record.isHot { unsafe resident += 1 }
    return true
  }

  /// Records of pages that are not there: dropped before and not written since. They are remembered for some runs.
  mutating func keepAbsent(before page: UInt32) {
    while unsafe position < Int(history.head.pointee.count) {
      var record = unsafe history.pages[position]
      guard record.page < page else { return }
      unsafe position += 1
      record.isHot = false
      if unsafe run &- record.lastWritten <= PageHistory.memory { unsafe keep(record) }
    }
  }

  /// A page of the slot's own. Pages come in order.
  mutating func visit(_ page: UInt32) throws(VMError) {
    unsafe keepAbsent(before: page)
    guard unsafe position < Int(history.head.pointee.count), unsafe history.pages[position].page == page else {
      unsafe isCalm = false
      unsafe keep(PageRecord(page: page, lastWritten: run, isHot: false))
      return unsafe try drop(page)
    }
    var record = unsafe history.pages[position]
    unsafe position += 1
    if record.isHot, unsafe view.isClean(page) {
      // It was kept, and not written this time.
      unsafe findings.unwritten += 1
      if unsafe run &- record.lastWritten > PageHistory.memory || !keep(record) { unsafe try drop(page) }
      return
    }
    // Written again, lately enough to expect it next time too: it stays.
    if !record.isHot { unsafe isCalm = false }
    record.isHot = true
    record.lastWritten = unsafe run
    guard unsafe keep(record) else {
      // More than may stay in memory.
      unsafe isCalm = false
      record.isHot = false
      unsafe keep(record)
      return unsafe try drop(page)
    }
    unsafe findings.rewritten += 1
    unsafe view.restore(page)
  }

  private mutating func drop(_ page: UInt32) throws(VMError) {
    unsafe try dropper.add(view.base + UInt(page) * UInt(Page.size), Int(Page.size))
  }
}
