import CAviaryHost
import Synchronization

/// Released slots whose pages are still to be dropped: many of them with one system call.
///
/// Invariant: the queue, or the batch that was taken from it, holds the slots' indices; a slot goes
/// back to the allocator only after its pages are gone.
@safe
final class DecommitQueue: Sendable {
  /// What is dropped together. Owned by whoever drops it.
  @safe
  struct Batch: ~Copyable, @unchecked Sendable {
    struct Entry {
      var slot: Int
      /// Bytes that stay in memory when the ranges are gone.
      var resident: UInt64
    }
    private(set) var bytes: UInt64 = 0
    private(set) var rangeCount = 0
    private(set) var entryCount = 0
    private let ranges: UnsafeMutablePointer<AviaryRange>
    private let entries: UnsafeMutablePointer<Entry>

    init() {
      unsafe ranges = .allocate(capacity: Int(AVIARY_RANGES_PER_CALL))
      unsafe entries = .allocate(capacity: Int(AVIARY_RANGES_PER_CALL))
    }

    deinit {
      unsafe ranges.deallocate()
      unsafe entries.deallocate()
    }

    func hasRoom(for count: Int) -> Bool { count <= Int(AVIARY_RANGES_PER_CALL) - rangeCount }

    /// - Precondition: `hasRoom`; there is at least one range.
    mutating func add(_ entry: Entry, _ added: UnsafeBufferPointer<AviaryRange>) {
      precondition(hasRoom(for: added.count) && added.count > 0)
      for i in 0..<added.count {
        unsafe ranges[rangeCount] = unsafe added[i]
        rangeCount += 1
        bytes += UInt64(unsafe added[i].bytes)
      }
      unsafe entries[entryCount] = entry
      entryCount += 1
    }

    /// - Throws: `system`; any of the ranges may then have been dropped.
    @inline(never)
    func drop() throws(VMError) {
      let result = unsafe aviary_system_discard_ranges(ranges, rangeCount)
      guard result >= 0 else { throw Mapping.failure("dropping pages", result, bytes) }
    }

    func forEach(_ body: (Entry) -> Void) {
      for i in 0..<entryCount { unsafe body(entries[i]) }
    }
  }

  private let waiting = Mutex<Batch?>(nil)
  private let rangeLimit: Int
  private let byteLimit: UInt64

  /// - Parameters:
  ///   - rangeLimit: ranges that are dropped together, at most `AVIARY_RANGES_PER_CALL`.
  ///   - byteLimit: memory that may wait; an upper bound of it is counted.
  init(rangeLimit: Int, byteLimit: UInt64) {
    self.rangeLimit = min(max(rangeLimit, 1), Int(AVIARY_RANGES_PER_CALL))
    self.byteLimit = byteLimit
  }

  /// Hands a slot over. The result, if any, is to be dropped by the caller, outside of all locks.
  ///
  /// - Precondition: 1...AVIARY_RANGES_PER_CALL ranges. They are copied.
  func add(_ entry: Batch.Entry, _ ranges: UnsafeBufferPointer<AviaryRange>) -> Batch? {
    waiting.withLock { waiting -> Batch? in
      var full: Batch? = nil
      var batch = waiting.take() ?? Batch()
      if !batch.hasRoom(for: ranges.count) {
        full = consume batch
        batch = Batch()
      }
      unsafe batch.add(entry, ranges)
      if full == nil, batch.rangeCount >= rangeLimit || batch.bytes >= byteLimit { return batch }
      waiting = consume batch
      return full
    }
  }

  /// All that waits; nil: nothing.
  func takeAll() -> Batch? { waiting.withLock { $0.take() } }
}
