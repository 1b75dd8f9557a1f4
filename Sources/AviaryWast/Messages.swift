import Aviary
import AviaryText

// What is said of results and errors, and how messages compare.

/// The reference interpreter's comparison: what is expected is a prefix of what is said.
func check(_ actual: String, _ expected: String) -> ScriptResult.Outcome {
  actual.hasPrefix(expected) ? .passed : .failed("said \"\(actual)\", expected \"\(expected)\"")
}

/// For traps a shorter message passes too: the reference names the element of an "uninitialized element 2",
/// machine code does not.
func checkTrap(_ error: any Error, _ expected: String) -> ScriptResult.Outcome {
  guard case .trap(let trap)? = error as? WasmError else {
    return .failed("\(describe(error)), expected the trap \"\(expected)\"")
  }
  let message = trap.code.message
  return message.hasPrefix(expected) || expected.hasPrefix(message)
    ? .passed : .failed("trapped with \"\(message)\", expected \"\(expected)\"")
}

func describe(_ values: [Value]) -> String { "[" + values.map(\.description).joined(separator: " ") + "]" }

func describe(_ error: any Error) -> String {
  switch error {
  case let failure as ModuleFailure:
    switch failure {
    case .text(let error): "text: \(error)"
    case .wasm(let error): "\(error)"
    case .unsupported(let cause): "unsupported: \(cause)"
    }
  default: "\(error)"
  }
}
