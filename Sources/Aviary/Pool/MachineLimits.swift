import Glibc

/// What the kernel says of itself in files.
enum MachineLimits {
  /// Mappings that a process may have (`vm.max_map_count`); the kernel's default where it does not say.
  static let mappings: Int = number(in: "/proc/sys/vm/max_map_count") ?? 65_530

  /// Mappings that a copy-on-write memory in use takes at most: image, the zeros behind it, and the inaccessible
  /// rest under the neighbour's key.
  static let mappingsPerMemory = 3

  /// Memories in use at which a pool of copy-on-write memories runs out of mappings. Some are left to the program.
  static let copyOnWriteMemories: Int = max(1, (mappings - min(4096, mappings / 4)) / mappingsPerMemory)

  private static func number(in path: String) -> Int? {
    guard let file = unsafe fopen(path, "re") else { return nil }
    defer { unsafe fclose(file) }
    var bytes = [CChar](repeating: 0, count: 32)
    let count = unsafe fread(&bytes, 1, bytes.count, file)
    return Int(String(decoding: bytes[..<count].lazy.map(UInt8.init(bitPattern:)), as: UTF8.self).filter(\.isNumber))
  }
}
