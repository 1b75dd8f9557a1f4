import Aviary
import Testing

@testable import AviaryCLI

@Suite struct QuantityTests {
  @Test(arguments: [
    ("500ms", 500_000_000), ("2s", 2_000_000_000), ("3", 3_000_000_000), ("1.5s", 1_500_000_000), ("0.25ms", 250_000),
    ("10us", 10_000), ("10µs", 10_000), ("7ns", 7), ("2m", 120_000_000_000), ("2min", 120_000_000_000),
    ("1h", 3_600_000_000_000), ("0", 0), ("0.0000000019s", 1),
  ] as [(String, UInt64)])
  func durations(text: String, nanoseconds: UInt64) throws {
    #expect(try #require(Duration(argument: text)).nanosecondCount == nanoseconds)
  }

  @Test(arguments: ["", "s", "-1s", "+1s", "1 s", "1.s", ".5s", "1..5s", "1.2.3", "1d", "1e3s", "99999999999999999999s", "9999999999h", "١s"])
  func wrongDurations(text: String) { #expect(Duration(argument: text) == nil) }

  @Test(arguments: [
    ("4096", 4096), ("4096b", 4096), ("64KiB", 65536), ("64k", 65536), ("1M", 1 << 20), ("1.5MiB", 3 << 19),
    ("2GiB", 2 << 30), ("1T", 1 << 40), ("64KB", 64_000), ("5mb", 5_000_000), ("18446744073709551615", .max),
  ] as [(String, UInt64)])
  func sizes(text: String, bytes: UInt64) throws {
    #expect(try #require(Size(argument: text)).bytes.bytes == bytes)
  }

  @Test(arguments: ["", "MiB", "-1", "1 MiB", "1XiB", "18446744073709551616", "99999999TiB", "1.M"])
  func wrongSizes(text: String) { #expect(Size(argument: text) == nil) }
}
