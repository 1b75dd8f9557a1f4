import AviaryPool
import Glibc

/// What this machine has for pools.
package struct MachineLimits: Sendable {
  /// Mappings that a process may have (`vm.max_map_count`); the kernel's default where it does not say.
  package static let mappings: Int = number(in: "/proc/sys/vm/max_map_count") ?? 65_530

  /// Mappings that a copy-on-write memory in use takes at most: image, the zeros behind it, and the inaccessible
  /// rest.
  package static let mappingsPerMemory = 3

  /// Memories in use at which a pool of copy-on-write memories runs out of mappings. Some are left to the program.
  package static let copyOnWriteMemories: Int = max(1, (mappings - min(4096, mappings / 4)) / mappingsPerMemory)

  /// How many memories the machine grants a pool; nothing stays reserved.
  /// - Throws: `WasmError.limit` or `.exhausted` where it grants none, or not in that way.
  package static func memories(
    for pool: PoolingConfiguration, _ configuration: EngineConfiguration = .init()
  ) throws(WasmError) -> (count: Int, stride: ByteCount) {
    var asked = pool.runtime()
    asked.reservationBytes = configuration.memoryReservation.bytes
    asked.guardBytes = configuration.memoryGuard.bytes
    do throws(VMError) {
      let layout = try MemoryPool(asked).layout
      return (layout.slotCount, .bytes(layout.slotBytes))
    } catch { throw WasmError(error) }
  }

  package static var hasProtectionKeys: Bool { ProtectionKeys.areSupported }

  /// A sentence for each of the features that pools use, in the order of their use.
  package static var sentences: [String] {
    let support = ResetSupport.probe()
    func userfaultfd(_ mode: FaultService.Mode) -> String {
      do throws(VMError) { try FaultSupport.check(mode) } catch { return error.description }
      return "permitted"
    }
    return [
      "protection keys: \(ProtectionKeys.areSupported ? "supported" : "not on this machine")",
      "PAGEMAP_SCAN: \(support.scans ? "supported" : "not on this kernel (6.7 has it)")",
      "write protection by userfaultfd: \(support.protects ? "supported" : "not on this kernel (6.4 has it)")",
      "userfaultfd, in a thread: \(userfaultfd(.thread))",
      "userfaultfd, by signals: \(userfaultfd(.signal))",
      "mappings of a process: \(mappings), enough for \(copyOnWriteMemories) copy-on-write memories in use",
    ]
  }

  private static func number(in path: String) -> Int? {
    guard let file = unsafe fopen(path, "re") else { return nil }
    defer { unsafe fclose(file) }
    var bytes = [CChar](repeating: 0, count: 32)
    let count = unsafe fread(&bytes, 1, bytes.count, file)
    return Int(String(decoding: bytes[..<count].lazy.map(UInt8.init(bitPattern:)), as: UTF8.self).filter(\.isNumber))
  }
}
