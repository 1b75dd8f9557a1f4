import Glibc

/// A used slot, as a reset sees it.
///
/// Unsafe contract: the caller holds the slot; [base, base + accessible) is readable and writable
/// by this thread; `accessible` is whole pages; nobody runs in the slot.
@unsafe
package struct SlotView {
  package let base: UInt
  package let accessible: UInt64
  // The image by its numbers: a reference would be counted at each reset, on a cache line that all
  // threads of a module share.
  let imageStart: UInt64
  /// 0: zeros throughout.
  let imageCount: UInt64
  let imageSource: UInt

  /// - Parameter image: outlives the view.
  @inline(__always)
  package init(base: UInt, accessible: UInt64, image: borrowing MemoryImage?) {
    unsafe self.base = base
    unsafe self.accessible = accessible
    switch image {
    case .some(let image):
      unsafe imageStart = image.start
      unsafe imageCount = image.count
      unsafe imageSource = image.source
    case .none:
      unsafe imageStart = 0
      unsafe imageCount = 0
      unsafe imageSource = 0
    }
  }

  /// Where the page's first contents stand; nil for zeros. An image is whole pages, so none is mixed.
  @inline(__always)
  func source(of page: UInt32) -> UnsafeRawPointer? {
    let offset = UInt64(page) * Page.size
    guard unsafe offset >= imageStart, unsafe offset - imageStart < imageCount else { return nil }
    return unsafe UnsafeRawPointer(bitPattern: imageSource + UInt(offset - imageStart))
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
