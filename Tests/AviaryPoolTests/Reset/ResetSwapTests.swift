@testable import AviaryPool
import Glibc
import Testing

/// Written pages that the kernel has moved to disk are as dirty as others.
@Suite(.enabled(if: ResetSlot.support.scans, "this kernel has no PAGEMAP_SCAN"))
struct ResetSwapTests {
  private static let hasSwap: Bool = {
    guard let file = unsafe fopen("/proc/swaps", "r") else { return false }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    var count = 0
    while unsafe fgets(&line, Int32(line.count), file) != nil { count += 1 }
    return count > 1
  }()

  @Test(.enabled(if: hasSwap, "this machine has no swap space"), arguments: ResetterTests.ways)
  func `pages that were swapped out do not reach the next tenant`(arms: Bool) throws {
    let slot = try ResetSlot(size: 1 << 20, accessible: 1 << 18, imagePages: 8, arms: arms)
    for run in 0..<40 {
      for page in [0, 3, 40, 20 + run % 5] { slot.write(UInt64(page) << 12 | UInt64(run), 0xEE) }
      let pageOut: Int32 = 21
      unsafe madvise(UnsafeMutableRawPointer(bitPattern: slot.mapping.address), 1 << 18, pageOut)
      try slot.reset()
      #expect(slot.firstDifference() == nil, "run \(run)")
    }
  }
}
