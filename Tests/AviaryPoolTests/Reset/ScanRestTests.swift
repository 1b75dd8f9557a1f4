@testable import AviaryPool
import Testing

/// How much a guest writes is the guest's: no count of pages or ranges stops the process.
@Suite struct ScanRestTests {
  @Test(arguments: [0, 1, 4_000_000, 100_000_000, 1 << 40] as [Int]) func anyCountsAreTaken(_ count: Int) {
    for (most, least) in [
      (ScanRest.Findings(rewritten: count), ScanRest.Findings(dropped: count)),
      (ScanRest.Findings(rewritten: 10), ScanRest.Findings(unwritten: count, dropped: count)),
    ] {
      var rest = ScanRest()
      for _ in 0..<50 { rest.note(most) { 0 } }
      for _ in 0..<50 { rest.note(least) { 0 } }
      for _ in 0..<50 { rest.note(most) { 0 } }
      #expect(count < 1000 || rest.left > 0)
    }
  }
}
