import Glibc
import Testing

/// What the process holds.
struct TenantHoldings {
  let files = Holdings.filesOfPools()
  let mappings = Holdings.mappings(in: 0..<UInt.max)

  /// Some more is the C library's: a heap for a thread takes two mappings.
  func expectNoMore(than before: TenantHoldings) {
    #expect(files <= before.files, "file descriptors: \(before.files), then \(files)")
    #expect(mappings <= before.mappings + 6, "mappings: \(before.mappings), then \(mappings)")
  }
}

extension Holdings {
  /// Images, page maps and userfaultfds; libraries open others when they like.
  static func filesOfPools() -> Int {
    guard let directory = unsafe opendir("/proc/self/fd") else { return -1 }
    defer { unsafe closedir(directory) }
    var count = 0
    var target = [UInt8](repeating: 0, count: 256)
    while let entry = unsafe readdir(directory) {
      let length = unsafe target.withUnsafeMutableBytes { target in
        unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
          unsafe readlinkat(
            dirfd(directory), UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self),
            target.baseAddress!.assumingMemoryBound(to: CChar.self), target.count)
        }
      }
      let text = String(decoding: target.prefix(max(length, 0)), as: UTF8.self)
      if text.hasPrefix("/memfd:") || text.contains("userfaultfd") || text.hasSuffix("/pagemap") { count += 1 }
    }
    return count
  }

  /// The protection keys of all mappings in the range, as the kernel tells.
  static func keys(in range: Range<UInt>) -> Set<Int> {
    guard let file = unsafe fopen("/proc/self/smaps", "r") else { return [] }
    defer { unsafe fclose(file) }
    var keys: Set<Int> = []
    var isInside = false
    var line = [CChar](repeating: 0, count: 4096)
    while unsafe fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let words = text.split(separator: " ")
      let bounds = (words.first ?? "").split(separator: "-").compactMap { UInt($0, radix: 16) }
      if bounds.count == 2 {
        isInside = bounds[0] < range.upperBound && bounds[1] > range.lowerBound
      } else if isInside, words.count == 2, words[0] == "ProtectionKey:", let key = Int(words[1]) {
        keys.insert(key)
      }
    }
    return keys
  }
}
