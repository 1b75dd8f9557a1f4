import AviaryPool
import Glibc

/// A module as a pool sees it: an image, a first size, and a group. And what its memory must read as.
@safe
final class TenantModule: @unchecked Sendable {
  let group: AffinityGroup?
  let image: MemoryImage?
  let initialBytes: UInt64
  /// Pages that its instances write, and most of them write no others; empty: they write anywhere.
  let habit: [Int]
  /// All of a fresh memory, up to the pool's maximum. Never written after `init`.
  let contents: UnsafeMutableRawBufferPointer

  /// - Parameter most: the pool's maximum memory.
  init(_ generator: inout SeededGenerator, group: AffinityGroup?, most: UInt64, hasHabit: Bool) throws {
    self.group = group
    let wasmPage: UInt64 = 64 << 10
    initialBytes = wasmPage * UInt64(generator.below(Int(most / wasmPage / 2) + 1))
    unsafe contents = .allocate(byteCount: Int(most), alignment: 4096)
    unsafe memset(contents.baseAddress!, 0, Int(most))
    let pages = Int(initialBytes / Page.size)
    habit = pages == 0 || !hasHabit ? [] : (0..<(1 + generator.below(4))).map { _ in generator.below(pages) }
    guard pages > 0, !generator.oneIn(4) else {
      image = nil
      return
    }
    let start = generator.oneIn(3) ? 0 : generator.below(pages)
    // Some end where the memory ends.
    let count = generator.oneIn(3) ? pages - start : 1 + generator.below(pages - start)
    let isDense = generator.oneIn(2)
    for page in start..<(start + count) where isDense || generator.oneIn(4) {
      let from = page * 4096 + (generator.oneIn(2) ? 0 : generator.below(4096))
      let to = page * 4096 + 4096
      for byte in from..<to { unsafe contents[byte] = UInt8(truncatingIfNeeded: generator.next() | 1) }
    }
    let source = unsafe UnsafeRawBufferPointer(rebasing: contents[(start * 4096)..<((start + count) * 4096)])
    image = unsafe try MemoryImage.sealed(start: UInt64(start) * Page.size, count: UInt64(count) * Page.size) {
      place throws(VMError) in unsafe try place(source, UInt64(start) * Page.size)
    }
  }

  deinit { unsafe contents.deallocate() }

  func request(stripe: Int) -> MemoryRequest {
    MemoryRequest(group: group, stripe: stripe, image: image, initialBytes: initialBytes)
  }
}
