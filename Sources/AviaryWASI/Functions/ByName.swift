import Synchronization

/// The functions by name, over any memory: for tests and fuzzers, which have
/// no guest to call them.
package struct WASIFunctions: Sendable {
  private var functions: [String: (signature: String, body: FunctionRegistrar.Body?)] = [:]

  package static let all: WASIFunctions = {
    let collector = Collector()
    FunctionTable.register(in: collector)
    return collector.functions.withLock { $0 }
  }()

  package var names: [String] { functions.keys.sorted() }

  /// The parameters of a function, a letter each.
  package func signature(of name: String) -> String { functions[name]?.signature ?? "" }

  /// Calls a function.
  /// - Returns: an error number.
  /// - Throws: `WASIExit`, `WASIInterrupted`.
  /// - Safety: `memory` must stay valid during the call.
  package func call(
    _ name: String, of wasi: WASI, over memory: UnsafeMutableRawBufferPointer,
    _ arguments: [UInt64]
  ) throws -> UInt32 {
    guard let function = functions[name], arguments.count == function.signature.count else {
      preconditionFailure("\(name) with \(arguments.count) arguments")
    }
    guard let body = function.body else {
      let number = UInt32(truncatingIfNeeded: arguments[0])
      if name == "proc_exit" { throw WASIExit(code: number) }
      return try wasi.raise(number)
    }
    // Two words a slot; one slot at least, so that there is an address.
    var slots = [UInt64](repeating: 0, count: max(1, arguments.count) * 2)
    for (index, argument) in arguments.enumerated() { slots[index * 2] = argument }
    return try unsafe slots.withUnsafeBytes { slots in
      try wasi.perform(unsafe GuestMemory(memory)) { (system, memory) throws(Errno) in
        try body(&system, memory, unsafe Arguments(slots.baseAddress!, count: arguments.count))
      }
    }
  }

  private final class Collector: FunctionRegistrar {
    let functions = Mutex(WASIFunctions())

    func add(_ name: String, _ parameters: String, _ body: @escaping Body) {
      functions.withLock { $0.functions[name] = (parameters, body) }
    }
    func addExit(_ name: String) { functions.withLock { $0.functions[name] = ("i", nil) } }
    func addRaise(_ name: String) { functions.withLock { $0.functions[name] = ("i", nil) } }
  }
}
