import CAviaryHost
import Synchronization

/// How an engine's host functions are tested for the stack that they need (CAviaryHost/aviary_host_check.h).
package enum VMHostCheck: Sendable {
  /// Bytes, a multiple of 16.
  case squeeze(UInt64)
  case highWater
}

/// What was seen of one host function, under all of an engine's stores.
package struct VMHostUse: Sendable {
  /// nil: of all that have no name.
  package let name: VMHostName?
  package let calls: UInt64
  package let most: UInt64
  /// All that was looked at was used.
  package let isAtLeast: Bool
}

/// The counters of an engine's host functions, one for each name. They live as long as this.
@safe
final class HostCheckLedger: Sendable {
  private let budget: UInt64
  private let records: Mutex<[String: Record]>

  @safe private struct Record: @unchecked Sendable {
    let name: VMHostName?
    let words: UnsafeMutablePointer<AviaryHostCheck>
  }

  init(_ check: VMHostCheck) {
    if case .squeeze(let bytes) = check { budget = bytes } else { budget = 0 }
    records = Mutex([:])
  }

  deinit { records.withLock { for record in $0.values { unsafe record.words.deallocate() } } }

  /// Lives as long as this. Only C counts in it.
  func record(_ name: VMHostName?) -> UnsafeMutablePointer<AviaryHostCheck> {
    let key = name?.text ?? ""
    let record = records.withLock { records in
      if let known = records[key] { return known }
      let words = UnsafeMutablePointer<AviaryHostCheck>.allocate(capacity: 1)
      unsafe words.initialize(to: AviaryHostCheck(budget: budget, calls: 0, most: 0, is_all_used: 0))
      let record = unsafe Record(name: name, words: words)
      records[key] = record
      return record
    }
    return unsafe record.words
  }

  var uses: [VMHostUse] {
    records.withLock { records in
      records.values.map { record in
        let seen = unsafe aviary_host_check_read(record.words)
        return VMHostUse(name: record.name, calls: seen.calls, most: seen.most, isAtLeast: seen.is_all_used != 0)
      }
    }
  }
}

extension VMEngine {
  /// What was seen of host functions so far, in no order; empty where they are not tested.
  package var hostUses: [VMHostUse] { hostChecks?.uses ?? [] }
}
