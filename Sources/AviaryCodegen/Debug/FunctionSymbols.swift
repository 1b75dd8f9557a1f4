package import AviaryContract
package import AviaryCore

/// A function's name and place in the text, for debuggers and profilers.
package struct FunctionSymbol: Sendable, Equatable {
  package var name: String
  package var range: FunctionRange

  package init(name: String, range: FunctionRange) {
    self.name = name
    self.range = range
  }

  /// One symbol per compiled function. Names come from the module, which may
  /// hold anything: bytes that would break a line or a terminator are replaced.
  package static func all(of artifact: Artifact, _ module: ValidatedModule) -> [FunctionSymbol] {
    artifact.functions.enumerated().map { position, range in
      let index = UInt32(module.info.importedFunctionCount + position)
      let name = module.info.names.functions[index] ?? "function[\(index)]"
      return FunctionSymbol(name: printable(name), range: range)
    }
  }

  private static func printable(_ name: String) -> String {
    String(
      String.UnicodeScalarView(
        name.unicodeScalars.prefix(512).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
  }
}

/// The lines of /tmp/perf-PID.map: address, size and name of each function.
package enum PerfMap {
  package static func lines(_ symbols: [FunctionSymbol], textAddress: UInt64) -> String {
    var text = ""
    for symbol in symbols {
      let start = String(textAddress &+ UInt64(symbol.range.offset), radix: 16)
      text += "\(start) \(String(symbol.range.size, radix: 16)) wasm:\(symbol.name)\n"
    }
    return text
  }
}
