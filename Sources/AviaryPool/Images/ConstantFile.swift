import CAviaryHost

/// A file that its owner promises not to change, open and mapped for reading as long as this lives.
///
/// The promise is the embedder's: whoever can write the file can change what tenants start with, and whoever
/// truncates it makes them, and the host that reads it, end with SIGBUS. What can be seen of a broken promise is
/// refused: a file that others may write. Replacing it by another (rename) or removing it is harmless.
@safe
package final class ConstantFile: Sendable {
  let descriptor: Int32
  private let mapping: Mapping

  /// - Throws: `system`; `configuration` for what is not a file, or not safe from others.
  @inline(never)
  package init(path: String) throws(VMError) {
    let opened = unsafe path.withCString { unsafe aviary_system_image_open($0) }
    guard opened >= 0 else { throw Mapping.failure("opening \(path)", opened, 0) }
    descriptor = Int32(truncatingIfNeeded: opened)
    do {
      mapping = try ConstantFile.map(descriptor, path)
    } catch {
      aviary_system_close(descriptor)
      throw error
    }
  }

  deinit { aviary_system_close(descriptor) }

  private static func map(_ descriptor: Int32, _ path: String) throws(VMError) -> Mapping {
    var status = AviaryFileStatus()
    let result = unsafe aviary_system_image_status(descriptor, &status)
    guard result >= 0 else { throw Mapping.failure("looking at \(path)", result, 0) }
    guard status.is_regular, status.bytes > 0 else { throw .configuration("\(path) is no file, or an empty one") }
    guard !status.is_others else {
      throw .configuration("\(path) belongs to another user, who can change it while it is mapped")
    }
    guard !status.others_write else {
      throw .configuration("\(path) can be written by others than its owner, while it is mapped")
    }
    return try Mapping(constantFile: descriptor, offset: 0, count: status.bytes)
  }

  /// Unsafe contract: not used longer than this object, nor once the promise is broken.
  package var unsafeBytes: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: mapping.address), count: Int(mapping.count))
  }

  /// Whether whole pages of the file are there.
  func holds(_ count: UInt64, at offset: UInt64) -> Bool {
    offset % Page.size == 0 && count % Page.size == 0 && count <= mapping.count && offset <= mapping.count - count
  }
  var address: UInt { mapping.address }
}

extension MemoryImage {
  /// An image that stands in a file, without a copy. nil where it is not in the file, or not in whole pages.
  package convenience init?(in file: ConstantFile, at offset: UInt64, start: UInt64, count: UInt64) {
    guard file.holds(count, at: offset), start % Page.size == 0, count > 0 else { return nil }
    self.init(
      start: start, count: count, file: file.descriptor, fileOffset: offset, source: file.address + UInt(offset),
      owner: file)
  }
}
