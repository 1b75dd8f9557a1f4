import Glibc

/// What a process holds of the machine's, to be compared before and after.
public struct Resources: Sendable, Equatable, CustomStringConvertible {
  /// Open file descriptors.
  public var descriptors: Int
  /// Mappings, but for the allocator's own arenas, thread stacks and the like: only files and
  /// reservations of at least a mebibyte without access count.
  public var mappings: Int

  public static func now() -> Resources {
    Resources(descriptors: countDescriptors(), mappings: countMappings())
  }

  public var description: String { "\(descriptors) descriptors, \(mappings) mappings" }

  private static func countDescriptors() -> Int {
    guard let directory = unsafe opendir("/proc/self/fd") else { return 0 }
    defer { unsafe closedir(directory) }
    var count = 0
    while unsafe readdir(directory) != nil { count += 1 }
    return count
  }

  private static func countMappings() -> Int {
    guard let file = unsafe fopen("/proc/self/maps", "re") else { return 0 }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 1024)
    var count = 0
    while unsafe fgets(&line, 1024, file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      let fields = text.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
      let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
      guard ends.count == 2, fields.count > 1 else { continue }
      let isReservation = fields[1].hasPrefix("---p") && ends[1] - ends[0] >= 1 << 27
      let isImage = text.contains("aviary-")
      if isReservation || isImage { count += 1 }
    }
    return count
  }
}
