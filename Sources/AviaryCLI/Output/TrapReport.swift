import Aviary

/// A trap on standard error: what, where in the guest's memory, and its stack.
enum TrapReport {
  static let exitCode: Int32 = 134

  static func text(_ trap: Trap) -> String {
    var lines = ["wasm trap: \(trap.message)"]
    if let address = trap.address { lines[0] += " (guest address 0x\(String(address, radix: 16)))" }
    let frames = trap.frames
    if !frames.isEmpty { lines.append("wasm backtrace:") }
    // Where the stack overflowed there are thousands.
    let head = 40
    let tail = 10
    for (index, frame) in frames.enumerated() {
      if frames.count > head + tail {
        if index == head { lines.append("      … \(frames.count - head - tail) frames more …") }
        if index >= head, index < frames.count - tail { continue }
      }
      lines.append("  \(String(repeating: " ", count: max(0, 3 - "\(index)".count)))\(index): \(text(frame))")
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
    } else {
      self.init("\(path): \(error)")
    }
  }
}
