/// Whether scans pay for a slot, or dropping all its pages unseen is cheaper: where a module
/// writes other pages each time, nothing that a scan finds is worth keeping.
///
/// Judged by counts, weighed with what each thing costs about, in nanoseconds; no clock is read.
struct ScanRest {
  /// What one scan found.
  struct Findings {
    /// Hot pages that were written, and were brought back: a fault each is saved.
    var rewritten = 0
    /// Hot pages that were compared for nothing.
    var unwritten = 0
    /// Ranges that were dropped one by one, and not all as one.
    var dropped = 0
  }
  private static let fault = 1800
  private static let comparison = 80
  private static let range = 550
  /// Of a page that was only read; faults on files fill many at once.
  private static let readFault = 150
  /// Scans before a judgement.
  private static let sample: UInt16 = 8
  private static let first: UInt16 = 32
  private static let longest: UInt16 = 1024
  /// More is not told apart. Half of what an Int32 holds.
  private static let most = 1 << 30

  /// What scans save a run, averaged; negative: lose.
  private var gain: Int32 = 0
  private var scans: UInt16 = 0
  /// Runs for which no scan is made.
  private(set) var left: UInt16 = 0
  private var length: UInt16 = ScanRest.first

  /// Whether this run is one without a scan.
  mutating func takesOne() -> Bool {
    if left == 0 { return false }
    left -= 1
    return true
  }

  /// - Parameter readPages: counts pages that are there and were not written; called seldom.
  mutating func note(_ findings: Findings, readPages: () -> Int) {
    let value =
      findings.rewritten * ScanRest.fault - findings.unwritten * ScanRest.comparison - findings.dropped * ScanRest.range
    // A guest decides how many there are: neither the difference nor the sum may overflow.
    gain += (Int32(max(-ScanRest.most, min(value, ScanRest.most))) - gain) / 8
    scans = min(scans + 1, ScanRest.sample)
    guard scans == ScanRest.sample else { return }
    guard gain < -Int32(ScanRest.range) else {
      if gain > 0 { length = ScanRest.first }
      return
    }
    scans = 0
    // All that was read would have to be mapped again.
    if readPages() * ScanRest.readFault >= -Int(gain) {
      gain = 0
      return
    }
    gain = 0
    left = length
    length = min(length * 2, ScanRest.longest)
  }
}
