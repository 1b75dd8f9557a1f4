import Glibc

/// Writes into slots by hand.
///
/// Unsafe contract of all: the caller holds the slot; the range is accessible.
enum SlotBytes {
  /// Copies an image into pages that are zeros, as far as it lies below `end`.
  @unsafe static func copy(_ image: MemoryImage, to base: UInt, below end: UInt64) {
    let stop = min(image.start + image.count, end)
    guard image.start < stop else { return }
    HostAccess.allow()
    unsafe memcpy(
      UnsafeMutableRawPointer(bitPattern: base + UInt(image.start))!, UnsafeRawPointer(bitPattern: image.source)!,
      Int(stop - image.start))
  }

  /// Makes [0, end) read as the image and zeros, whatever is there.
  @unsafe static func rewrite(_ base: UInt, to end: UInt64, _ image: MemoryImage?) {
    guard let image else { return unsafe zero(base, from: 0, to: end) }
    let stop = image.start + image.count
    unsafe zero(base, from: 0, to: min(image.start, end))
    unsafe copy(image, to: base, below: end)
    unsafe zero(base, from: stop, to: end)
  }

  @unsafe private static func zero(_ base: UInt, from start: UInt64, to end: UInt64) {
    guard start < end else { return }
    HostAccess.allow()
    unsafe memset(UnsafeMutableRawPointer(bitPattern: base + UInt(start))!, 0, Int(end - start))
  }
}
