import Glibc

/// A used slot, as a reset sees it.
///
/// Unsafe contract: the caller holds the slot; [base, base + accessible) is readable and writable
/// by this thread; `accessible` is whole pages; nobody runs in the slot.
@unsafe
package struct SlotView {
  package let base: UInt
  package let accessible: UInt64
  package let image: MemoryImage?

  package init(base: UInt, accessible: UInt64, image: MemoryImage?) {
    unsafe self.base = base
    unsafe self.accessible = accessible
    unsafe self.image = image
  }

  /// Where the page's first contents stand; nil for zeros. An image is whole pages, so none is mixed.
  @inline(__always)
  func source(of page: UInt32) -> UnsafeRawPointer? {
    guard let image = unsafe image else { return nil }
    let offset = UInt64(page) * Page.size
    guard offset >= image.start, offset - image.start < image.count else { return nil }
    return unsafe UnsafeRawPointer(bitPattern: image.source + UInt(offset - image.start))
  }

  @inline(__always)
  private func address(of page: UInt32) -> UnsafeMutableRawPointer {
    unsafe UnsafeMutableRawPointer(bitPattern: base + UInt(page) * UInt(Page.size)).unsafelyUnwrapped
  }

  /// - Precondition for this and the next: the page is accessible.
  @inline(__always)
  func restore(_ page: UInt32) {
    let target = unsafe address(of: page)
    if let source = unsafe source(of: page) {
      unsafe memcpy(target, source, Int(Page.size))
    } else {
      unsafe memset(target, 0, Int(Page.size))
    }
  }

  func isClean(_ page: UInt32) -> Bool {
    let target = unsafe UnsafeRawPointer(address(of: page))
    if let source = unsafe source(of: page) { return unsafe memcmp(target, source, Int(Page.size)) == 0 }
    // All bytes equal the next one, and the first is zero.
    return unsafe target.load(as: UInt8.self) == 0 && memcmp(target, target + 1, Int(Page.size) - 1) == 0
  }
}
