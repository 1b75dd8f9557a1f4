package import AviaryPool
import Glibc
import Synchronization

/// The file by which `perf` names code made at run time: `/tmp/perf-<pid>.map`. Lines come
/// from AviaryCodegen's listing of symbols.
package enum PerfMap {
  private static let lock = Mutex(())

  /// Appends lines, `start size name` in hexadecimal each, to this process's map.
  /// - Throws: `system` where the file cannot be written.
  package static func append(_ lines: String) throws(VMError) {
    let bytes = Array(lines.utf8)
    try lock.withLock { _ throws(VMError) in try write(bytes, to: "/tmp/perf-\(getpid()).map") }
  }

  private static func write(_ bytes: [UInt8], to path: String) throws(VMError) {
    // /tmp is everybody's: a link that waits there under our name is not followed.
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Mapping.failure("opening \(path)", -Int(errno), 0) }
    defer { close(file) }
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress! + done, $0.count - done) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw Mapping.failure("writing \(path)", -Int(errno), UInt64(bytes.count)) }
      done += count
    }
  }
}
