internal import Dispatch
internal import Synchronization

/// Validates all bodies of a module, on several threads where that is worth it.
///
/// Bodies are cut into chunks of consecutive ones, handed out in order. The error reported is that of
/// the first bad body, whatever the threads' timing: a chunk is only left out when an earlier
/// body was found bad.
final class BodyValidation: Sendable {
  private let tables: ModuleTables
  /// Indices of the first body of each chunk, and the end.
  private let chunks: [Int]
  private let nextChunk = Atomic<Int>(0)
  private let firstBadBody = Atomic<Int>(.max)
  private let outcome = Mutex(Outcome())

  private struct Outcome {
    var hasForeignTailCalls = false
    var body = Int.max
    var error: ModuleError?
  }

  /// Code bytes that are worth handing to a thread at a time.
  private static let chunkSize = 32 << 10

  /// - Parameter parallelism: threads at most; 0 for as many as there are processors.
  /// - Returns: whether some body makes a foreign tail call.
  static func validate(_ tables: ModuleTables, parallelism: Int) throws(ModuleError) -> Bool {
    let validation = BodyValidation(tables)
    let chunkCount = validation.chunks.count - 1
    // Iterations beyond the processors find nothing left to do.
    let workers = min(chunkCount, parallelism == 0 ? 64 : parallelism)
    if workers <= 1 {
      validation.work()
    } else {
      DispatchQueue.concurrentPerform(iterations: workers) { _ in validation.work() }
    }
    let (error, hasForeignTailCalls) = validation.outcome.withLock { ($0.error, $0.hasForeignTailCalls) }
    if let error { throw error }
    return hasForeignTailCalls
  }

  private init(_ tables: ModuleTables) {
    self.tables = tables
    var chunks = [0]
    var size = 0
    for (index, body) in tables.info.bodies.enumerated() {
      size += body.count
      if size >= Self.chunkSize {
        chunks.append(index + 1)
        size = 0
      }
    }
    if chunks.last != tables.info.bodies.count { chunks.append(tables.info.bodies.count) }
    self.chunks = chunks
  }

  /// One thread's loop.
  private func work() {
    var validator = FunctionValidator(tables)
    let nothing = ByteCursor(tables.info.bytes, in: 0..<0)
    var reader = OperatorReader(nothing, features: tables.info.features)
    while true {
      let chunk = nextChunk.add(1, ordering: .relaxed).oldValue
      guard chunk < chunks.count - 1 else { break }
      for body in chunks[chunk]..<chunks[chunk + 1] {
        guard body < firstBadBody.load(ordering: .relaxed) else { break }
        do throws(ModuleError) {
          let function = UInt32(tables.info.importedFunctionCount + body)
          try validator.validate(function: function, body: tables.info.bodies[body], reader: &reader)
        } catch {
          report(error.located(at: tables.info.bodies[body].lowerBound), body: body)
          break
        }
      }
    }
    if validator.hasForeignTailCalls { outcome.withLock { $0.hasForeignTailCalls = true } }
  }

  private func report(_ error: ModuleError, body: Int) {
    firstBadBody.min(body, ordering: .relaxed)
    outcome.withLock {
      guard body < $0.body else { return }
      $0.body = body
      $0.error = error
    }
  }
}
