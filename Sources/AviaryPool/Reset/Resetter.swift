import CAviaryHost

/// Brings used slots back to their images by looking at written pages only.
///
/// Ways, of which a slot's history chooses one at each reset:
/// ```
///  learning:  PAGEMAP_SCAN finds what was written. Pages that were written lately too are
///             copied from the image and stay; the others are dropped.
///  armed:     hot pages are copied, without a system call. All others are write-protected:
///             one that is written reports itself by SIGBUS and stands in the log.
///  resting:   the caller drops everything, for a while, where scans have not paid.
/// ```
/// Thread-safe: each call works on a slot that its caller holds.
///
/// The slab is to have no huge pages: one would count as 512 written ones, and write protection
/// would split it. What is brought back is right with them, too.
package final class Resetter: Sendable {
  package enum Way: Sendable, Hashable {
    case scan, armed
    /// Nothing was done: the caller drops all pages of [0, accessible).
    case decommit
  }

  let pagemap: Int32
  /// -1: nothing is write-protected.
  package let userfaultfd: Int32
  /// Whether slots may be dropped unseen.
  private let decommits: Bool
  /// Of one unused slot.
  let maximumResidentPages: Int
  private let mark: ForkMark

  /// - Parameters:
  ///   - arms: whether slots may be write-protected.
  ///   - decommits: whether the way may be `decommit` where scans do not pay.
  ///   - keepResidentBytes: the most that an unused slot keeps.
  /// - Throws: `system` where the kernel does not have what `ResetSupport` promised.
  package init(arms: Bool, decommits: Bool = false, keepResidentBytes: UInt64) throws(VMError) {
    mark = try ForkMark()
    let pagemap = aviary_pagemap_open()
    guard pagemap >= 0 else { throw Mapping.failure("opening the page map", pagemap, 0) }
    self.pagemap = Int32(truncatingIfNeeded: pagemap)
    self.decommits = decommits
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

  package func makeHistory() -> PageHistory { PageHistory(residentLimit: maximumResidentPages) }

  /// Afterwards [0, accessible) reads as the image and zeros, unless the way is `decommit`;
  /// `history.residentBytes` of it stay in memory.
  ///
  /// In a process that was forked from the pool's all is dropped: the kernel protects nothing there, and the
  /// descriptors tell of the parent.
  ///
  /// The slot's record has to name `history.log` while `history.isArmed`, and `accessible` there has to hold
  /// what was accessible until this returns.
  /// - Throws: `system`. The contents are then not known: the caller maps the slot anew, and forgets its history.
  @inline(__always)
  package func reset(_ view: SlotView, _ history: PageHistory) throws(VMError) -> Way {
    guard mark.isHere else {
      history.forget()
      return .decommit
    }
    let head = unsafe history.head
    unsafe head.pointee.run &+= 1
    if unsafe head.pointee.armedBytes != 0, unsafe try resetArmed(view, history) { return .armed }
    return unsafe try learn(view, history)
  }

  /// - Precondition: nothing is protected.
  @inline(never)
  private func learn(_ view: SlotView, _ history: PageHistory) throws(VMError) -> Way {
    let head = unsafe history.head
    if unsafe head.pointee.rest.takesOne() {
      history.forgetPages()
      return .decommit
    }
    let mayArm = unsafe userfaultfd >= 0 && view.accessible > 0 && view.accessible <= Resetter.armLimit
    let isLast = unsafe mayArm && head.pointee.calmRuns &+ 1 >= head.pointee.armAfter
    let start = isLast ? MonotonicClock.now : 0
    let findings = unsafe try scan(view, history)
    if isLast, unsafe head.pointee.calmRuns >= head.pointee.armAfter {
      // As long as it took, but not if the thread was interrupted.
      let most = unsafe 2000 + 5 * (view.accessible / Page.size) + 200 * UInt64(head.pointee.count)
      unsafe head.pointee.scanCost = UInt32(clamping: min(MonotonicClock.now &- start, most))
      unsafe try arm(view, history)
    } else if decommits {
      unsafe head.pointee.rest.note(findings) { unsafe readPages(view, history) }
    }
    return .scan
  }

  /// Pages that are there and are not the slot's own.
  private func readPages(_ view: SlotView, _ history: PageHistory) -> Int {
    let present = unsafe aviary_pagemap_present(pagemap, view.base, view.base + UInt(view.accessible))
    // Not known: scans go on.
    return present < 0 ? Int(UInt32.max) : max(0, unsafe present - Int(history.head.pointee.residentPages))
  }
}
