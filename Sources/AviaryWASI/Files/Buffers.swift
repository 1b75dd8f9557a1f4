import AviaryPool
import Synchronization

/// Bytes that a guest reads as its standard input.
final class InputBuffer: Sendable {
  private let bytes: [UInt8]
  private let position = Atomic<Int>(0)

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var available: Int { bytes.count - position.load(ordering: .relaxed) }

  /// Fills the vectors as far as bytes last.
  func read(into parts: Vectors) -> UInt32 {
    var total = 0
    for index in 0..<parts.count {
      let part = unsafe parts[index]
      let start = position.load(ordering: .relaxed)
      let count = min(part.count, bytes.count - start, Int(Int32.max) - total)
      guard count > 0 else { continue }
      unsafe bytes.withUnsafeBytes { source in
        unsafe SharedBytes.copy(to: part.baseAddress!, from: source.baseAddress! + start, count: count)
      }
      position.store(start + count, ordering: .relaxed)
      total += count
    }
    return UInt32(total)
  }
}

/// Bytes that a guest wrote to a standard stream, collected in memory.
///
/// It may be read from any thread while the guest runs.
public final class OutputBuffer: Sendable {
  private let content = Mutex<[UInt8]>([])
  /// The most bytes it takes; the guest gets "no space" for more.
  public let limit: Int

  /// - Parameter limit: the most bytes it takes.
  public init(limit: Int = 16 << 20) { self.limit = max(0, limit) }

  /// What was written so far.
  public var bytes: [UInt8] { content.withLock { $0 } }

  /// What was written so far as text; bytes that are not UTF-8 are replaced.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Takes what was written so far away, and begins anew.
  public func drain() -> [UInt8] {
    content.withLock { content in
      let bytes = content
      content = []
      return bytes
    }
  }

  /// Appends what the vectors hold, as far as it fits.
  func write(_ parts: Vectors) throws(Errno) -> UInt32 {
    // The lock is taken once, so that one write stays in one piece.
    let (total, isFull) = content.withLock { content in
      var total = 0
      for index in 0..<parts.count {
        let part = unsafe parts[index]
        let count = min(part.count, limit - content.count)
        parts.append(index, first: count, to: &content)
        total += count
        if count < part.count { return (total, true) }
      }
      return (total, false)
    }
    if isFull, total == 0 { throw .noSpace }
    return UInt32(clamping: total)
  }
}
