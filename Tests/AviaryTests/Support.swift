import Aviary
import Synchronization
import Testing

enum Fixture {
  static let engine = try! Engine()

  static func compile(_ wat: String) throws -> Module { try engine.compile(wat: wat) }

  /// An instance of a module without imports, in a store of its own.
  static func instance(_ wat: String) throws -> Instance {
    try Linker<Void>(engine).instantiate(try compile(wat), in: Store(engine))
  }
}

extension WasmError {
  var trapCode: Trap.Code? { if case .trap(let trap) = self { trap.code } else { nil } }
}

/// The error that a body throws, as Aviary's.
func wasmError(_ body: () throws -> Void) -> WasmError? {
  do {
    try body()
    return nil
  } catch { return error as? WasmError }
}

func trapCode(_ body: () throws -> Void) -> Trap.Code? { wasmError(body)?.trapCode }

struct Mishap: Error, Equatable { var number: Int }

/// A value that tasks share.
final class Shared<Value: Sendable>: Sendable {
  private let value: Mutex<Value>
  init(_ value: Value) { self.value = Mutex(value) }
  var now: Value { value.withLock { $0 } }
  func update<Result: Sendable>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    try value.withLock { value in
      var copy = value
      defer { value = copy }
      return try body(&copy)
    }
  }
}
