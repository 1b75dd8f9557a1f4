extension MemoryImage {
  /// Keeps a sealed file open and mapped for reading.
  private final class Contents: Sendable {
    let file: SealedFile
    let mapping: Mapping
    init(_ file: consuming SealedFile, _ mapping: consuming Mapping) {
      self.file = file
      self.mapping = mapping
    }
  }

  /// An image in a file of its own, sealed: nobody can change it, not even this process.
  ///
  /// - Parameters:
  ///   - start, count: multiples of a page, `count` > 0.
  ///   - fill: is given a function that places bytes at an offset of the linear memory; what is
  ///     placed later wins. Each range lies inside of [start, start + count).
  /// - Throws: `system`; nothing is left behind.
  package static func sealed(
    start: UInt64, count: UInt64,
    fill: (_ place: (UnsafeRawBufferPointer, UInt64) throws(VMError) -> Void) throws(VMError) -> Void
  ) throws(VMError) -> MemoryImage {
    let file = try SealedFile(count: count)
    try unsafe fill { bytes, offset throws(VMError) in
      precondition(offset >= start)
      unsafe try file.write(bytes, at: offset - start)
    }
    try file.seal()
    let mapping = try Mapping(constantFile: file.descriptor, offset: 0, count: count)
    let descriptor = file.descriptor
    let source = mapping.address
    return MemoryImage(
      start: start, count: count, file: descriptor, fileOffset: 0, source: source, owner: Contents(file, mapping))
  }
}
