/// The bytes that one fault fills: the aligned 64 KiB around it, as far as they are accessible.
///
/// ```
///  block      start ─────────────── fault ─────── end        offsets from the slot's start
///  image          ├──── image ─────┤
///  pieces     zeros │ image        │ blank │ zeros
/// ```
/// Zeros are a page that all share, until it is written. The page of a fault that writes is
/// blank instead, a page of its own: it would be replaced at once.
///
/// Invariants: all are whole pages; start ≤ fault < end ≤ accessible; end - start ≤ 64 KiB.
struct FaultBlock: Equatable {
  static let size: UInt64 = 64 << 10

  enum Kind { case image, zeros, blank }
  struct Piece: Equatable {
    let kind: Kind
    let end: UInt64
  }

  let start: UInt64
  let end: UInt64
  let fault: UInt64
  let writes: Bool
  let image: Range<UInt64>

  /// - Precondition: `offset` < `accessible`, which is whole pages, as is the image.
  init(offset: UInt64, accessible: UInt64, image: Range<UInt64>, writes: Bool) {
    precondition(offset < accessible)
    start = offset & ~(FaultBlock.size - 1)
    // No overflow: the slot is in memory.
    end = min(start + FaultBlock.size, accessible)
    fault = offset & ~(Page.size - 1)
    self.writes = writes
    self.image = image
  }

  /// What is at `offset`, and where that ends.
  ///
  /// - Precondition: start ≤ offset < end.
  func piece(at offset: UInt64) -> Piece {
    if image.contains(offset) { return Piece(kind: .image, end: min(image.upperBound, end)) }
    var limit = end
    if image.lowerBound > offset && !image.isEmpty { limit = min(limit, image.lowerBound) }
    guard writes, fault >= offset else { return Piece(kind: .zeros, end: limit) }
    if fault == offset { return Piece(kind: .blank, end: offset + Page.size) }
    return Piece(kind: .zeros, end: min(limit, fault))
  }
}
