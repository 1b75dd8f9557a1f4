import AviaryContract
import AviaryCore
import AviaryPool
@testable import AviaryVM
import Glibc
import Testing

/// Entries of a folder of /proc/self, or lines of a file there.
private func countEntries(_ path: String) -> Int {
  guard let folder = unsafe opendir(path) else { return -1 }
  defer { unsafe closedir(folder) }
  var count = 0
  while unsafe readdir(folder) != nil { count += 1 }
  return count
}

private func countMappings() -> Int {
  guard let file = unsafe fopen("/proc/self/maps", "r") else { return -1 }
  defer { unsafe fclose(file) }
  var count = 0
  while true {
    let byte = unsafe fgetc(file)
    if byte < 0 { return count }
    if byte == 10 { count += 1 }
  }
}

/// In processes of their own: other tests map and open at the same time.
@Suite struct LeakTests {
  @Test func whatGoesGivesBackItsMappingsAndFiles() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let memory = MemoryType(limits: SizeLimits(minimum: 1, maximum: 3))
      func round() throws {
        let world = try World(
          [.init(.load, .memoryOutOfBounds), .init(.grow), .init(.callImport), .init(.recurse)],
          .init(memories: [memory], tables: [TableType(element: .externref, limits: SizeLimits(minimum: 3))]),
          host: { _, _ in throw VMError.wrongStore })
        guard world.trap(0, 65536) != nil, try world.call(1, 1) == 1, world.trap(3) != nil else { _exit(3) }
        _ = try? world.call(2)
      }
      for _ in 0..<20 { try round() }
      let files = countEntries("/proc/self/fd")
      let mappings = countMappings()
      for _ in 0..<300 { try round() }
      let moreFiles = countEntries("/proc/self/fd") - files
      let moreMappings = countMappings() - mappings
      _exit(moreFiles <= 0 && moreMappings < 20 ? 0 : 1)
    }
  }

  @Test func threadsGiveBackTheirSignalStacks() async {
    await #expect(processExitsWith: .exitCode(0)) {
      func round() {
        var thread = pthread_t()
        let body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { _ in
          guard let world = try? World([.init(.recurse)]), world.trap(0)?.code == .callStackExhausted else { _exit(3) }
          return nil
        }
        unsafe pthread_create(&thread, nil, body, nil)
        pthread_join(thread, nil)
      }
      for _ in 0..<20 { round() }
      let mappings = countMappings()
      for _ in 0..<200 { round() }
      _exit(countMappings() - mappings < 20 ? 0 : 1)
    }
  }
}
