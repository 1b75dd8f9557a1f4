import CAviaryHost

// Slots whose pages report themselves.
//
//   0 ─────────────── armedBytes ───────────── accessible, after growth
//   │ hot │ protected  │ neither: dropped as a whole, and hidden by the next use
//
//   0 ─── accessible ─────────── armedBytes, after a run that grew less than the one before
//   │ hot │ protected │ without access, clean: as it was when it was hidden
//
// Invariants while armed, for every page of [0, armedBytes): it is protected; or it is hot; or
// it was opened by a fault since the last reset, and that fault is in the log (or the log's
// count is beyond its capacity). Pages are dropped only where nothing is protected: dropping
// takes the protection of anonymous memory with it. Changes of access (growth, hiding) keep
// it, and so does a fork, for the parent.
extension Resetter {
  /// Protecting pages that are not there takes tables of pages: beyond this, scans are better.
  static let armLimit: UInt64 = 64 << 20
  /// Nanoseconds that a fault on a protected page costs, about.
  private static let faultCost: UInt64 = 7000

  private enum Verdict {
    case done
    /// Not all that is to be brought back is known, or too much stays: learn anew.
    case rebuild
    /// Faults cost more than scans would.
    case retreat
  }

  /// - Returns: false: nothing is protected any more, and nothing is reset for certain.
  @inline(__always)
  func resetArmed(_ view: SlotView, _ history: PageHistory) throws(VMError) -> Bool {
    let head = unsafe history.head
    if unsafe head.pointee.log.count | head.pointee.faultAverage == 0,
      unsafe head.pointee.run & (PageHistory.weeding - 1) != 0, unsafe view.accessible <= head.pointee.armedBytes
    {
      // The way of a calm module.
      let reach = unsafe UInt32(truncatingIfNeeded: view.accessible / Page.size)
      for position in 0..<Int(unsafe head.pointee.count) where unsafe history.pages[position].isHot {
        let page = unsafe history.pages[position].page
        if page >= reach { break }
        unsafe view.restore(page)
      }
      return true
    }
    let verdict = unsafe try resetArmedWithFaults(view, history)
    if verdict == .done { return true }
    unsafe try disarm(view, history, isPunished: verdict == .retreat)
    return false
  }

  @inline(never)
  private func resetArmedWithFaults(_ view: SlotView, _ history: PageHistory) throws(VMError) -> Verdict {
    let head = unsafe history.head
    let faults = unsafe head.pointee.log.count
    let armed = unsafe head.pointee.armedBytes
    let grows = unsafe view.accessible > armed
    // Growth costs as much as a fault: what always grows is better armed as large as it gets.
    if unsafe isTooDear(faults: UInt64(faults) + (grows ? 1 : 0), head) { return .retreat }
    guard faults <= UInt32(AVIARY_WRITE_LOG_CAPACITY) else { return .rebuild }
    if grows { unsafe try discard(view.base + UInt(armed), view.accessible - armed) }
    let reach = unsafe UInt32(truncatingIfNeeded: min(view.accessible, armed) / Page.size)
    unsafe try restoreHot(view, history, below: reach)
    for index in 0..<Int(faults) {
      let page = history.loggedPage(index)
      guard page < reach else { return .rebuild }
      unsafe try close(page, view, history)
    }
    unsafe head.pointee.log.count = 0
    let run = unsafe head.pointee.run
    history.filter { $0.isHot || run &- $0.lastWritten <= PageHistory.memory }
    // Counts some pages twice: it is a bound, which learning makes exact again.
    return unsafe Int(head.pointee.residentPages) <= maximumResidentPages ? .done : .rebuild
  }

  /// Weighs what faults cost with what a scan would.
  private func isTooDear(faults: UInt64, _ head: UnsafeMutablePointer<PageHistory.Head>) -> Bool {
    let cost = unsafe UInt64(head.pointee.scanCost)
    // One burst is no habit, two within a dozen runs are.
    let sample = UInt32(min(faults, max(4, 22 * cost / Resetter.faultCost))) << 8
    let average = unsafe head.pointee.faultAverage
    var next = average - average / 32 + sample / 32
    // Rounds down to none in the end.
    if faults == 0, next < 32 { next = 0 }
    unsafe head.pointee.faultAverage = next
    return UInt64(next) * Resetter.faultCost >> 8 > cost
  }

  /// Brings hot pages back; from time to time looks which of them were not written for long.
  private func restoreHot(_ view: SlotView, _ history: PageHistory, below reach: UInt32) throws(VMError) {
    let run = unsafe history.head.pointee.run
    let weeds = run & (PageHistory.weeding - 1) == 0
    for position in 0..<Int(unsafe history.head.pointee.count) where unsafe history.pages[position].isHot {
      let page = unsafe history.pages[position].page
      if page >= reach { break }
      if weeds, unsafe view.isClean(page) {
        if unsafe run &- history.pages[position].lastWritten <= PageHistory.patience { continue }
        unsafe history.pages[position].isHot = false
        unsafe try protect(view, page)
        continue
      }
      unsafe view.restore(page)
      if weeds { unsafe history.pages[position].lastWritten = run }
    }
  }

  /// A page that was opened is brought back, and protected again unless it is written often.
  private func close(_ page: UInt32, _ view: SlotView, _ history: PageHistory) throws(VMError) {
    let head = unsafe history.head
    let position = history.position(of: page)
    let run = unsafe head.pointee.run
    var isFrequent = false
    if position < Int(unsafe head.pointee.count), unsafe history.pages[position].page == page {
      // Twice in the log, as two threads were in one fault. It was dealt with, and must not be
      // touched: a write would open it again.
      if unsafe history.pages[position].isHot || history.pages[position].lastWritten == run { return }
      isFrequent = unsafe run &- history.pages[position].lastWritten <= PageHistory.memory
      unsafe history.pages[position].lastWritten = run
      unsafe history.pages[position].isHot = isFrequent
    } else {
      // Without a record nobody would know it again: learning makes room.
      guard history.insert(PageRecord(page: page, lastWritten: run, isHot: false), at: position) else {
        unsafe head.pointee.residentPages = .max
        return
      }
      unsafe head.pointee.residentPages += 1
    }
    unsafe view.restore(page)
    if !isFrequent { unsafe try protect(view, page) }
  }

  private func protect(_ view: SlotView, _ page: UInt32) throws(VMError) {
    let result = unsafe aviary_write_protect(userfaultfd, view.base + UInt(page) * UInt(Page.size), Int(Page.size), true)
    guard result >= 0 else { throw Mapping.failure("write-protecting memory", result, Page.size) }
  }

  private func discard(_ address: UInt, _ bytes: UInt64) throws(VMError) {
    let result = aviary_system_discard(address, Int(bytes))
    guard result >= 0 else { throw Mapping.failure("discarding pages", result, bytes) }
  }

  // MARK: Arming

  /// - Precondition: everything accessible is clean; hot pages are in the history. 0 < accessible ≤ `armLimit`.
  @inline(never)
  func arm(_ view: SlotView, _ history: PageHistory) throws(VMError) {
    let head = unsafe history.head
    let bytes = unsafe view.accessible
    var result = unsafe aviary_userfault_register(userfaultfd, view.base, Int(bytes), UInt64(AVIARY_FAULTFD_REGISTER_WP))
    guard result >= 0 else {
      // It stays with scans: an image in an ordinary file cannot be registered.
      unsafe head.pointee.armAfter = .max
      return
    }
    history.filter { $0.isHot }
    var start: UInt64 = 0
    for position in 0...Int(unsafe head.pointee.count) {
      let end =
        unsafe position == Int(head.pointee.count) ? bytes : UInt64(history.pages[position].page) * Page.size
      if end > start, result >= 0 {
        result = unsafe aviary_write_protect(userfaultfd, view.base + UInt(start), Int(end - start), true)
      }
      start = end + Page.size
    }
    unsafe head.pointee.armedBytes = bytes
    unsafe head.pointee.armedSince = head.pointee.run
    unsafe head.pointee.log.count = 0
    guard result < 0 else { return }
    unsafe try disarm(view, history, isPunished: true)
    unsafe head.pointee.armAfter = .max
  }

  @inline(never)
  private func disarm(_ view: SlotView, _ history: PageHistory, isPunished: Bool) throws(VMError) {
    let head = unsafe history.head
    let result = unsafe aviary_userfault_unregister(userfaultfd, view.base, Int(head.pointee.armedBytes))
    guard result >= 0 else { throw Mapping.failure("lifting write protection", result, unsafe head.pointee.armedBytes) }
    unsafe head.pointee.armedBytes = 0
    unsafe head.pointee.log.count = 0
    unsafe head.pointee.calmRuns = 0
    // Otherwise the average goes on where it was: what makes it learn anew are bursts, too.
    guard isPunished else { return }
    unsafe head.pointee.faultAverage = 0
    // Next time it has to be calm for longer, unless this time was worth it.
    let wasWorthIt = unsafe head.pointee.run &- head.pointee.armedSince > 1024
    let after = unsafe head.pointee.armAfter
    unsafe head.pointee.armAfter = wasWorthIt ? max(after / 2, PageHistory.calmRunsAtFirst) : min(after, 1 << 20) * 2
  }
}
