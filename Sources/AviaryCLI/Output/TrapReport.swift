import Aviary

/// A trap on standard error: what, where in the guest's memory, and its stack.
enum TrapReport {
  static let exitCode: Int32 = 134
  private static let maximumLines = 50

  static func text(_ trap: Trap) -> String {
    let address = trap.address.map { " (guest address 0x\(String($0, radix: 16)))" } ?? ""
    return text("wasm trap: \(trap.message)\(address)", trap.frames)
  }

  /// An exception that nobody caught: its values, its tag's export if it has one, and where it was thrown.
  static func text(_ exception: WasmException) -> String {
    let values = zip(exception.tag.type.function.parameters, exception.values).map { "\($0): \(ValueText.print($1))" }
    return text("uncaught wasm exception (\(values.joined(separator: ", ")))", exception.frames)
  }

  private static func text(_ headline: String, _ frames: [Trap.Frame]) -> String {
    var lines = [headline]
    if !frames.isEmpty { lines.append("wasm backtrace:") }
    var index = 0
    var shown = 0
    while index < frames.count {
      // Recursion says little more than its first frames do.
      let repeats = frames[index...].prefix { $0 == frames[index] }.count
      let folded = repeats > 3 ? repeats - 1 : 0
      guard shown < maximumLines else {
        lines.append("       … \(frames.count - index) frames more")
        break
      }
      lines.append("  \(String(repeating: " ", count: max(0, 3 - "\(index)".count)))\(index): \(text(frames[index]))")
      if folded > 0 { lines.append("       … \(folded) times more") }
      shown += 1
      index += 1 + folded
    }
    return lines.joined(separator: "\n")
  }

  private static func text(_ frame: Trap.Frame) -> String {
    var text = printable(frame.functionName ?? "function[\(frame.functionIndex)]")
    if let module = frame.module { text = printable(module) + "!" + text }
    if frame.functionName != nil { text += " (function[\(frame.functionIndex)])" }
    if let offset = frame.offset { text += " at 0x\(String(offset, radix: 16))" }
    return text
  }

  /// Names are the guest's: what would move the cursor or break the line is left out.
  private static func printable(_ name: String) -> String {
    String(String.UnicodeScalarView(name.unicodeScalars.prefix(300).map { isPlain($0) ? $0 : "?" }))
  }
  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: false
    default: true
    }
  }
}

extension Failure {
  /// What a guest's call came to, if not to results.
  init(path: String, guest error: any Error) {
    if case WasmError.trap(let trap) = error {
      self.init("\(path): \(TrapReport.text(trap))", exitCode: TrapReport.exitCode)
    } else if let exception = error as? WasmException {
      self.init("\(path): \(TrapReport.text(exception))", exitCode: TrapReport.exitCode)
    } else {
      self.init("\(path): \(error)")
    }
  }
}
