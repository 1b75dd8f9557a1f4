import CAviaryWASI
import Glibc

/// An open directory, and the part of its listing that was read last.
///
/// A cookie is the kernel's own position after an entry, so it stays good for
/// as long as the file system says; zero is the start. Entries are read a
/// buffer at a time and kept, as a guest whose own buffer cut an entry short
/// asks for that one again.
///
/// Not safe for two threads at once: the lock of its `WASI` covers it.
final class Directory: @unchecked Sendable {
  let handle: Handle
  /// The cookie that the first entry of `buffer` was read with.
  private var start: UInt64 = 0
  private var buffer: [UInt8] = []
  private var length = 0
  /// Where the kernel will go on reading.
  private var position: UInt64 = 0

  init(_ handle: Handle) { self.handle = handle }

  struct Entry {
    var name: ArraySlice<UInt8>
    var inode: UInt64
    var type: FileType
    /// The cookie of what follows.
    var next: UInt64
  }

  private static let bufferSize = 32 << 10

  /// Calls `body` with the entries after `cookie`, until it returns false or
  /// the directory ends.
  func forEachEntry(after cookie: UInt64, _ body: (Entry) throws(Errno) -> Bool) throws(Errno) {
    var cookie = cookie
    // From the start on, the guest wants to see what changed.
    var offset = cookie == 0 ? nil : offsetInBuffer(of: cookie)
    while true {
      if offset == nil || offset == length {
        guard try fill(from: cookie) else { return }
        offset = 0
      }
      guard let at = offset, let (entry, end) = entry(at: at) else { throw .io }
      guard try body(entry) else { return }
      cookie = entry.next
      offset = end
    }
  }

  /// Where the entry after `cookie` is in the buffer, if it is there.
  private func offsetInBuffer(of cookie: UInt64) -> Int? {
    if length > 0, cookie == start { return 0 }
    var offset = 0
    while offset < length, let (entry, end) = entry(at: offset) {
      if entry.next == cookie { return end }
      offset = end
    }
    return nil
  }

  /// Reads the next entries; false at the directory's end.
  private func fill(from cookie: UInt64) throws(Errno) -> Bool {
    if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: Self.bufferSize) }
    if cookie != position || cookie == 0 {
      // Any other number is no position of the kernel's.
      guard let offset = Int64(exactly: cookie) else { throw .invalid }
      length = 0
      _ = try handle.seek(offset, SEEK_SET)
    }
    let count = unsafe buffer.withUnsafeMutableBytes {
      unsafe aviary_wasi_entries(handle.number, $0.baseAddress, UInt64($0.count))
    }
    length = 0
    length = Int(try Kernel.check(count))
    start = cookie
    position = cookie
    var offset = 0
    while offset < length, let (entry, end) = entry(at: offset) {
      position = entry.next
      offset = end
    }
    return length > 0
  }

  /// The kernel's `linux_dirent64` at `offset`: inode, next position, length
  /// of the record, type, name up to a zero byte.
  private func entry(at offset: Int) -> (Entry, end: Int)? {
    guard offset + 19 < length else { return nil }
    func number(_ at: Int, _ size: Int) -> UInt64 {
      var value: UInt64 = 0
      for byte in 0..<size { value |= UInt64(buffer[at + byte]) << UInt64(byte * 8) }
      return value
    }
    let end = offset + Int(number(offset + 16, 2))
    guard end > offset + 19, end <= length else { return nil }
    let bytes = buffer[(offset + 19)..<end]
    let name = bytes[..<(bytes.firstIndex(of: 0) ?? end)]
    let entry = Entry(
      name: name, inode: number(offset, 8), type: FileType(entry: buffer[offset + 18]),
      next: number(offset + 8, 8))
    return (entry, end)
  }
}
