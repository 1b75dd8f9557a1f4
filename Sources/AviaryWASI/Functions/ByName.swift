import Synchronization

/// The functions by name, over any memory: for tests and fuzzers, which have
/// no guest to call them.
package struct WASIFunctions: Sendable {
  private enum Body: Sendable {
    case plain(FunctionRegistrar.Body)
    case waiting(FunctionRegistrar.WaitingBody)
    /// proc_exit, proc_raise.
    case ending
  }

  private var functions: [String: (signature: String, body: Body)] = [:]

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
    let (body, slots) = prepare(name, arguments)
    return try unsafe slots.withUnsafeBytes { slots in
      let arguments = unsafe Arguments(slots.baseAddress!, count: arguments.count)
      let memory = unsafe GuestMemory(memory)
      switch body {
      case .plain(let body):
        return try wasi.perform(memory) { (system, memory) throws(Errno) in try body(&system, memory, arguments) }
      case .waiting(let body): return try wasi.perform(memory, arguments, body)
      case .ending: return try end(name, wasi, arguments[0])
      }
    }
  }

  /// The same; suspends the task where the function has to wait.
  /// - Throws: also `CancellationError`.
  /// - Safety: `memory` must stay valid during the call.
  nonisolated(nonsending)
  package func suspendingCall(
    _ name: String, of wasi: WASI, over memory: UnsafeMutableRawBufferPointer, _ arguments: [UInt64]
  ) async throws -> UInt32 {
    let (body, words) = prepare(name, arguments)
    guard case .waiting(let body) = body else { return unsafe try call(name, of: wasi, over: memory, arguments) }
    let slots = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: words.count)
    defer { unsafe slots.deallocate() }
    _ = unsafe slots.initialize(from: words)
    let numbers = unsafe Arguments(UnsafeRawPointer(slots.baseAddress!), count: arguments.count)
    return try await wasi.finish(.suspending(), numbers, body) { unsafe GuestMemory(memory) }
  }

  private func end(_ name: String, _ wasi: WASI, _ number: UInt32) throws -> UInt32 {
    if name == "proc_exit" { throw WASIExit(code: number) }
    return try wasi.raise(number)
  }

  /// The function, and its arguments in slots.
  private func prepare(_ name: String, _ arguments: [UInt64]) -> (Body, [UInt64]) {
    guard let function = functions[name], arguments.count == function.signature.count else {
      preconditionFailure("\(name) with \(arguments.count) arguments")
    }
    // Two words a slot; one slot at least, so that there is an address.
    var slots = [UInt64](repeating: 0, count: max(1, arguments.count) * 2)
    for (index, argument) in arguments.enumerated() { slots[index * 2] = argument }
    return (function.body, slots)
  }

  private final class Collector: FunctionRegistrar {
    let functions = Mutex(WASIFunctions())

    func add(_ name: String, _ parameters: String, _ body: @escaping FunctionRegistrar.Body) {
      functions.withLock { $0.functions[name] = (parameters, .plain(body)) }
    }
    func addWaiting(_ name: String, _ parameters: String, _ body: @escaping FunctionRegistrar.WaitingBody) {
      functions.withLock { $0.functions[name] = (parameters, .waiting(body)) }
    }
    func addExit(_ name: String) { functions.withLock { $0.functions[name] = ("i", .ending) } }
    func addRaise(_ name: String) { functions.withLock { $0.functions[name] = ("i", .ending) } }
  }
}
