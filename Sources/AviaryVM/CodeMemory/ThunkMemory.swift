import AviaryPool
import CAviaryHost
import Synchronization

/// Small pieces of code that live as long as the engine: entry and host thunks.
/// They are written one after the other into chunks that are registered as guest
/// code whole.
@safe
final class ThunkMemory: Sendable {
  private static let chunkBytes: UInt64 = 64 << 10

  private final class Chunk: Sendable {
    let mapping: CodeMapping
    init() throws(VMError) {
      let mapping = try CodeMapping(count: ThunkMemory.chunkBytes)
      let start = mapping.code.address
      guard aviary_code_add(start, start + UInt(ThunkMemory.chunkBytes), nil, 0, nil) else {
        throw .system(operation: "registering code", error: "ENOMEM", bytes: ThunkMemory.chunkBytes)
      }
      self.mapping = mapping
    }
    deinit { aviary_code_remove(mapping.code.address) }
  }
  private struct State {
    var chunks: [Chunk] = []
    var used: UInt64 = ThunkMemory.chunkBytes
  }
  private let state = Mutex(State())

  /// The address at which the code may be run.
  func publish(_ bytes: [UInt8]) throws(VMError) -> UInt {
    guard bytes.count <= Int(ThunkMemory.chunkBytes) else {
      throw .limit("a thunk of \(bytes.count) bytes exceeds the limit of \(ThunkMemory.chunkBytes)")
    }
    return try state.withLock { state throws(VMError) in
      if UInt64(bytes.count) > ThunkMemory.chunkBytes - state.used {
        state.chunks.append(try Chunk())
        state.used = 0
      }
      let chunk = state.chunks[state.chunks.count - 1]
      let offset = state.used
      chunk.mapping.write(bytes, at: offset)
      state.used = min((offset + UInt64(bytes.count) + 15) & ~15, ThunkMemory.chunkBytes)
      return chunk.mapping.code.address + UInt(offset)
    }
  }
}
