/// What the runtime could not do. Traps are `VMCallError`.
package enum VMError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A system call failed. `error` is its symbolic name, `bytes` the size asked for.
  case system(operation: String, error: String, bytes: UInt64)
  /// An implementation limit or one of the embedder's.
  case limit(String)
  /// Something of WebAssembly that the runtime cannot do yet.
  case unsupported(String)
  /// Settings that contradict each other or this machine.
  case configuration(String)
  /// A handle of another store.
  case wrongStore
  /// An import that does not fit; the message says which and why.
  case link(String)

  package var description: String {
    switch self {
    case .system(let operation, let error, let bytes): "\(operation) of \(bytes) bytes failed: \(error)"
    case .limit(let message), .unsupported(let message), .configuration(let message), .link(let message): message
    case .wrongStore: "the object belongs to another store"
    }
  }
}
