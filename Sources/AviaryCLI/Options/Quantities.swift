import ArgumentParser
import Aviary

/// A number and a unit, as the command line has them.
struct Quantity {
  /// Digits before and after the point, as one number, and how many stood after it.
  private var digits: UInt64
  private var decimals: Int
  private(set) var unit: String

  /// nil for anything but a non-negative decimal number and what follows it.
  init?(_ text: String) {
    digits = 0
    decimals = 0
    var seenPoint = false
    var seenDigit = false
    var rest = text[...]
    while let character = rest.first {
      if character == "." {
        guard !seenPoint, seenDigit else { return nil }
        seenPoint = true
      } else {
        guard let value = character.wholeNumberValue, character.isASCII else { break }
        let (tens, overflow) = digits.multipliedReportingOverflow(by: 10)
        let (sum, carry) = tens.addingReportingOverflow(UInt64(value))
        guard !overflow, !carry, decimals < 15 else { return nil }
        digits = sum
        decimals += seenPoint ? 1 : 0
        seenDigit = true
      }
      rest = rest.dropFirst()
    }
    guard seenDigit, !(seenPoint && decimals == 0) else { return nil }
    unit = String(rest)
  }

  /// The number in units of which `scale` make one of its own; nil for one of more than 64 bits.
  /// What is less than one is cut off.
  func scaled(by scale: UInt64) -> UInt64? {
    let product = digits.multipliedFullWidth(by: scale)
    var power: UInt64 = 1
    for _ in 0..<decimals { power *= 10 }
    guard product.high < power else { return nil }
    return power.dividingFullWidth(product).quotient
  }
}

extension Duration {
  /// Reads "500ms", "2s", "1.5m"; a bare number is seconds.
  init?(argument: String) {
    let scales: [String: UInt64] = [
      "ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "": 1_000_000_000,
      "m": 60_000_000_000, "min": 60_000_000_000, "h": 3_600_000_000_000,
    ]
    guard let quantity = Quantity(argument), let scale = scales[quantity.unit],
      let nanoseconds = quantity.scaled(by: scale), let signed = Int64(exactly: nanoseconds)
    else { return nil }
    self = .nanoseconds(signed)
  }

  var nanosecondCount: UInt64 {
    let (seconds, attoseconds) = components
    let (whole, overflow) = UInt64(clamping: seconds).multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = whole.addingReportingOverflow(UInt64(clamping: attoseconds / 1_000_000_000))
    return overflow || carry ? .max : sum
  }
}

/// A span of time as an option's value.
struct TimeSpan: ExpressibleByArgument {
  var duration: Duration
  var defaultValueDescription: String { "\(duration)" }
  init?(argument: String) {
    guard let duration = Duration(argument: argument) else { return nil }
    self.duration = duration
  }
}

/// A number of bytes as an option's value.
struct Size: ExpressibleByArgument {
  var bytes: ByteCount
  var defaultValueDescription: String { "\(bytes)" }

  /// Reads "64MiB", "64M" (the same), "64MB" (millions), or a bare number of bytes.
  init?(argument: String) {
    guard let quantity = Quantity(argument), let scale = Self.scale(of: quantity.unit.lowercased()),
      let count = quantity.scaled(by: scale)
    else { return nil }
    bytes = .bytes(count)
  }

  private static func scale(of unit: String) -> UInt64? {
    switch unit {
    case "", "b": 1
    case "k", "kib": 1 << 10
    case "m", "mib": 1 << 20
    case "g", "gib": 1 << 30
    case "t", "tib": 1 << 40
    case "kb": 1_000
    case "mb": 1_000_000
    case "gb": 1_000_000_000
    case "tb": 1_000_000_000_000
    default: nil
    }
  }
}
