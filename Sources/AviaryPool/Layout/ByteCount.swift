/// A number of bytes as people read it.
struct ByteCount: CustomStringConvertible {
  let bytes: UInt64
  init(_ bytes: UInt64) { self.bytes = bytes }

  private static let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]

  /// "6 GiB", "409.6 MiB", "100 bytes": to the nearest tenth.
  var short: String {
    var unit = 0
    while unit + 1 < ByteCount.units.count, bytes >> (10 * UInt64(unit + 1)) > 0 { unit += 1 }
    let scale = UInt64(1) << (10 * UInt64(unit))
    // The rest is below 2^60, so ten times it fits.
    let tenths = (bytes % scale * 10 + scale / 2) / scale
    let whole = bytes / scale + tenths / 10
    return tenths % 10 == 0 ? "\(whole) \(ByteCount.units[unit])" : "\(whole).\(tenths) \(ByteCount.units[unit])"
  }

  /// Exact: "6442450944 bytes (6 GiB)".
  var description: String { bytes < 1024 ? "\(bytes) bytes" : "\(bytes) bytes (\(short))" }
}
