import CAviaryHost

/// A memory's initial contents: whole pages of a file that never changes. Shared by all slots.
///
/// ```
///  linear memory   0 ....... start ├──── count ────┤ ....... minimum size
///                     zeros        │ file, at offset │   zeros
///                                  └ source: the same bytes, mapped for reading ┘
/// ```
/// Invariants: `start`, `count` and `fileOffset` are multiples of a page, `count` > 0; the file
/// is sealed or not writable by anybody else; `source` holds `count` bytes under key 0.
package final class MemoryImage: Sendable {
  package let start: UInt64
  package let count: UInt64
  package let file: Int32
  package let fileOffset: UInt64
  /// Address of `count` readable bytes.
  package let source: UInt
  private let owner: any Sendable

  /// - Parameter owner: keeps the file open and `source` mapped; released with the image.
  package init(start: UInt64, count: UInt64, file: Int32, fileOffset: UInt64, source: UInt, owner: any Sendable) {
    precondition(start % Page.size == 0 && count % Page.size == 0 && fileOffset % Page.size == 0 && count > 0)
    self.start = start
    self.count = count
    self.file = file
    self.fileOffset = fileOffset
    self.source = source
    self.owner = owner
  }
}
