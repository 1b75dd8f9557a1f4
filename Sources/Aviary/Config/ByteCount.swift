/// A number of bytes.
///
/// ```swift
/// limits.memory = .mebibytes(32)
/// ```
/// Multiplications that would overflow stop at the largest value.
public struct ByteCount: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The number.
  public var bytes: UInt64
  /// Makes a count from a number of bytes.
  public init(bytes: UInt64) { self.bytes = bytes }

  /// Bytes.
  public static func bytes(_ count: UInt64) -> ByteCount { .init(bytes: count) }
  /// Units of 1,024 bytes.
  public static func kibibytes(_ count: UInt64) -> ByteCount { scaled(count, 10) }
  /// Units of 1,048,576 bytes.
  public static func mebibytes(_ count: UInt64) -> ByteCount { scaled(count, 20) }
  /// Units of 1,073,741,824 bytes.
  public static func gibibytes(_ count: UInt64) -> ByteCount { scaled(count, 30) }

  private static func scaled(_ count: UInt64, _ shift: UInt64) -> ByteCount {
    let (product, overflow) = count.multipliedReportingOverflow(by: 1 << shift)
    return .init(bytes: overflow ? .max : product)
  }

  public static func < (a: ByteCount, b: ByteCount) -> Bool { a.bytes < b.bytes }

  public var description: String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] as [(UInt64, String)]
    where bytes >= 1 << shift && bytes % (1 << shift) == 0 {
      return "\(bytes >> shift) \(unit)"
    }
    return "\(bytes) bytes"
  }
}
