import CAviaryHost
import Glibc

/// Brings used slots back to their images by looking at written pages only.
///
/// Two ways, of which a slot's history chooses one at each reset:
/// ```
///  learning:  PAGEMAP_SCAN finds what was written. Pages that were written lately too are
///             copied from the image and stay; the others are dropped.
///  armed:     hot pages are copied, without a system call. All others are write-protected:
///             one that is written reports itself by SIGBUS and stands in the log.
/// ```
/// Thread-safe: each call works on a slot that its caller holds.
package final class Resetter: Sendable {
  package enum Way: Sendable, Hashable { case scan, armed }

  private let pagemap: Int32
  var scanner: Int32 { pagemap }
  /// -1: nothing is write-protected.
  package let userfaultfd: Int32
  /// Of one unused slot.
  private let maximumResidentPages: Int

  /// - Parameters:
  ///   - arms: whether slots may be write-protected.
  ///   - keepResidentBytes: the most that an unused slot keeps.
  /// - Throws: `system` where the kernel does not have what `ResetSupport` promised.
  package init(arms: Bool, keepResidentBytes: UInt64) throws(VMError) {
    let pagemap = aviary_pagemap_open()
    guard pagemap >= 0 else { throw Mapping.failure("opening the page map", pagemap, 0) }
    self.pagemap = Int32(truncatingIfNeeded: pagemap)
    maximumResidentPages = Int(min(keepResidentBytes / Page.size, 1 << 16))
    guard arms else {
      userfaultfd = -1
      return
    }
    let descriptor = aviary_userfault_open(true)
    let result = descriptor < 0 ? descriptor : aviary_userfault_api(Int32(truncatingIfNeeded: descriptor), ResetSupport.features)
    guard result >= 0 else {
      if descriptor >= 0 { aviary_system_close(Int32(truncatingIfNeeded: descriptor)) }
      aviary_system_close(self.pagemap)
      throw Mapping.failure("opening userfaultfd", result, 0)
    }
    userfaultfd = Int32(truncatingIfNeeded: descriptor)
  }

  deinit {
    aviary_system_close(pagemap)
    if userfaultfd >= 0 { aviary_system_close(userfaultfd) }
  }

  package func makeHistory() -> PageHistory { PageHistory(capacity: maximumResidentPages) }

  /// Afterwards [0, accessible) reads as the image and zeros; `history.residentBytes` of it stay in memory.
  ///
  /// The slot's record has to name `history.log` while `history.isArmed`, and `accessible` there has to hold
  /// what was accessible until this returns.
  /// - Throws: `system`. The contents are then not known: the caller maps the slot anew, and forgets its history.
  @inline(__always)
  package func reset(_ view: SlotView, _ history: PageHistory) throws(VMError) -> Way {
    let head = unsafe history.head
    unsafe head.pointee.run &+= 1
    if unsafe head.pointee.armedBytes != 0 {
      let verdict = unsafe try resetArmed(view, history)
      if verdict == .done { return .armed }
      unsafe try disarm(view, history, isPunished: verdict == .retreat)
    }
    unsafe try scan(view, history)
    if userfaultfd >= 0, unsafe head.pointee.calmRuns >= head.pointee.armAfter, unsafe head.pointee.run >= 4 {
      unsafe try arm(view, history)
    }
    return .scan
  }

  // MARK: Armed

  private enum Verdict {
    case done
    /// Not all that is to be brought back is known, or too much stays: learn anew.
    case rebuild
    /// Faults cost more than scans would.
    case retreat
  }

  /// Nanoseconds that a fault costs, about, and a scan: what is weighed is their ratio.
  private static let faultCost: UInt64 = 7000
  private static func scanCost(_ view: SlotView) -> UInt64 { unsafe 900 + (view.accessible / Page.size) * 5 }

  @inline(__always)
  private func resetArmed(_ view: SlotView, _ history: PageHistory) throws(VMError) -> Verdict {
    let head = unsafe history.head
    let faults = unsafe head.pointee.log.count
    let average = unsafe head.pointee.faultAverage
    if faults == 0, average == 0, unsafe head.pointee.run & 31 != 0, unsafe view.accessible == head.pointee.armedBytes {
      // The way of a calm module.
      for position in 0..<Int(unsafe head.pointee.count) where unsafe history.pages[position].isHot {
        unsafe view.restore(history.pages[position].page)
      }
      return .done
    }
    return unsafe try resetArmedWithFaults(view, history, faults)
  }

  @inline(never)
  private func resetArmedWithFaults(
    _ view: SlotView, _ history: PageHistory, _ faults: UInt32
  ) throws(VMError) -> Verdict {
    let head = unsafe history.head
    let cost = unsafe Resetter.scanCost(view)
    // One burst is no habit: it counts for as much as settles the question if it goes on.
    let sample = min(faults, UInt32(clamping: max(4, 2 * cost / Resetter.faultCost))) << 8
    let average = unsafe head.pointee.faultAverage
    unsafe head.pointee.faultAverage = average - average / 32 + sample / 32
    if unsafe UInt64(head.pointee.faultAverage) * Resetter.faultCost >> 8 > cost { return .retreat }
    guard faults <= UInt32(AVIARY_WRITE_LOG_CAPACITY), unsafe view.accessible >= head.pointee.armedBytes else { return .rebuild }
    // Rounds down to none in the end.
    if faults == 0, unsafe head.pointee.faultAverage < 32 { unsafe head.pointee.faultAverage = 0 }
    // What growth added was never protected, and is hidden before the next use.
    if unsafe view.accessible > head.pointee.armedBytes {
      unsafe try discard(view.base + UInt(head.pointee.armedBytes), view.accessible - head.pointee.armedBytes)
    }
    let weeds = unsafe head.pointee.run & 31 == 0
    for position in 0..<Int(unsafe head.pointee.count) where unsafe history.pages[position].isHot {
      let page = unsafe history.pages[position].page
      if weeds, unsafe view.isClean(page) {
        unsafe history.pages[position].isHot = false
        unsafe try protect(view, page)
      } else {
        unsafe view.restore(page)
        unsafe history.pages[position].lastWritten = head.pointee.run
      }
    }
    for index in 0..<Int(faults) { unsafe try close(history.loggedPage(index), view, history) }
    unsafe head.pointee.log.count = 0
    let run = unsafe head.pointee.run
    history.filter { $0.isHot || run &- $0.lastWritten <= PageHistory.memory }
    // Counts some pages twice: it is a bound, which learning makes exact again.
    return unsafe Int(head.pointee.residentPages) <= maximumResidentPages ? .done : .rebuild
  }

  /// A page that was opened is brought back, and protected again unless it is written often.
  private func close(_ page: UInt32, _ view: SlotView, _ history: PageHistory) throws(VMError) {
    let head = unsafe history.head
    unsafe view.restore(page)
    let position = history.position(of: page)
    let run = unsafe head.pointee.run
    if position < Int(unsafe head.pointee.count), unsafe history.pages[position].page == page {
      // Twice in the log: two threads were in one fault.
      if unsafe history.pages[position].lastWritten == run { return }
      if unsafe run &- history.pages[position].lastWritten <= PageHistory.memory {
        unsafe history.pages[position].isHot = true
        unsafe history.pages[position].lastWritten = run
        return
      }
      unsafe history.pages[position].lastWritten = run
    } else {
      _ = history.insert(PageRecord(page: page, lastWritten: run, isHot: false), at: position)
      unsafe head.pointee.residentPages += 1
    }
    unsafe try protect(view, page)
  }

  private func protect(_ view: SlotView, _ page: UInt32) throws(VMError) {
    let result = unsafe aviary_write_protect(userfaultfd, view.base + UInt(page) * UInt(Page.size), Int(Page.size), true)
    guard result >= 0 else { throw Mapping.failure("write-protecting memory", result, Page.size) }
  }

  private func discard(_ address: UInt, _ bytes: UInt64) throws(VMError) {
    let result = aviary_system_discard(address, Int(bytes))
    guard result >= 0 else { throw Mapping.failure("discarding pages", result, bytes) }
  }

  /// - Precondition: everything accessible is clean; hot pages are in the history.
  @inline(never)
  private func arm(_ view: SlotView, _ history: PageHistory) throws(VMError) {
    let head = unsafe history.head
    let bytes = unsafe view.accessible
    guard bytes > 0 else { return }
    history.filter { $0.isHot }
    var result = unsafe aviary_userfault_register(userfaultfd, view.base, Int(bytes), UInt64(AVIARY_FAULTFD_REGISTER_WP))
    guard result >= 0 else {
      // It stays with scans.
      unsafe head.pointee.armAfter = .max
      return
    }
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
    unsafe head.pointee.log.count = 0
    unsafe head.pointee.faultAverage = 0
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
    // Next time it has to be calm for longer.
    if isPunished { unsafe head.pointee.armAfter = min(head.pointee.armAfter, 1 << 20) * 2 }
  }
}

extension PageHistory {
  func loggedPage(_ index: Int) -> UInt32 {
    let offset = MemoryLayout<AviaryWriteLog>.offset(of: \.pages)!
    return unsafe (UnsafeRawPointer(log) + offset).load(fromByteOffset: index * 4, as: UInt32.self)
  }
}
