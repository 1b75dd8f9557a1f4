package import AviaryContract
package import AviaryCore
import Dispatch
import Synchronization

/// The door of the code generators: a valid module in, an artifact out. Pure: no
/// system call, no state beyond the call.
package struct ModuleCompiler: Sendable {
  package var tunables: Tunables
  /// Threads to compile on; 1 compiles on the caller's.
  package var parallelism: Int
  /// Called now and then with (bytes of code compiled, bytes in all), on any thread.
  package var progress: (@Sendable (Int, Int) -> Void)?

  package init(tunables: Tunables, parallelism: Int = 1, progress: (@Sendable (Int, Int) -> Void)? = nil) {
    self.tunables = tunables
    self.parallelism = parallelism
    self.progress = progress
  }

  /// Bytes of bodies that make a chunk: what a worker takes at a time.
  private static let chunkBytes = 64 << 10

  /// Compiles all functions. The artifact is the same whatever the parallelism.
  ///
  /// - Throws: `ModuleError` of kind `unsupported` for operators that no tier compiles yet, and
  ///   for modules whose code or state grows out of bounds.
  package func compile(_ module: ValidatedModule) throws(ModuleError) -> Artifact {
    let layout = try VMContextLayout(module)
    let tables = ModuleTables(module, layout, tunables)
    let ranges = Self.chunks(of: module.info.bodies)
    let total = module.info.bodies.reduce(0) { $0 + $1.count }
    let results = ChunkResults(
      count: ranges.count, total: total, codeLimit: Self.codeLimit(bodies: total), progress: progress)
    let workers = max(1, min(parallelism, ranges.count))
    if workers == 1 {
      Self.work(module, tables, ranges, results)
    } else {
      DispatchQueue.concurrentPerform(iterations: workers) { _ in
        Self.work(module, tables, ranges, results)
      }
    }
    let chunks = try results.take()
    return try ModuleLinker.link(chunks, functionCount: module.info.bodies.count, tunables: tunables)
  }

  /// What the code of so many bytes of bodies may take. Real code takes ten times as much and less; a call of
  /// two bytes with a thousand arguments takes five thousand times as much, before the linker could refuse it.
  static func codeLimit(bodies bytes: Int) -> Int {
    min(ModuleLinker.maximumTextBytes, 64 << 20 + 64 * bytes)
  }

  /// Neighbouring functions of about `chunkBytes` in all.
  private static func chunks(of bodies: [Range<Int>]) -> [Range<Int>] {
    var chunks: [Range<Int>] = []
    var start = 0
    var bytes = 0
    for (index, body) in bodies.enumerated() {
      bytes += body.count
      if bytes >= chunkBytes {
        chunks.append(start..<index + 1)
        start = index + 1
        bytes = 0
      }
    }
    if start < bodies.count { chunks.append(start..<bodies.count) }
    return chunks
  }

  private static func work(
    _ module: ValidatedModule, _ tables: ModuleTables, _ ranges: [Range<Int>], _ results: ChunkResults
  ) {
    var worker = BaselineWorker(module, tables)
    while let index = results.next() {
      do throws(ModuleError) {
        let chunk = try worker.compile(ranges[index])
        let bytes = module.info.bodies[ranges[index]].reduce(0) { $0 + $1.count }
        results.set(index, .success(chunk), bytes: bytes)
      } catch {
        results.set(index, .failure(error), bytes: 0)
      }
    }
  }
}

/// What the workers share: who does what next, and what came out.
private final class ChunkResults: Sendable {
  private let position = Atomic<Int>(0)
  private let hasFailed = Atomic<Bool>(false)
  private let slots: Mutex<[Result<CompiledChunk, ModuleError>?]>
  private let done = Atomic<Int>(0)
  private let count: Int
  private let total: Int
  private let codeBytes = Atomic<Int>(0)
  private let codeLimit: Int
  private let progress: (@Sendable (Int, Int) -> Void)?

  init(count: Int, total: Int, codeLimit: Int, progress: (@Sendable (Int, Int) -> Void)?) {
    self.count = count
    self.total = total
    self.codeLimit = codeLimit
    self.progress = progress
    slots = Mutex(Array(repeating: nil, count: count))
  }

  /// The next chunk to compile. Chunks are handed out in order and finished once handed
  /// out, so the first failure of the module is always among the results.
  func next() -> Int? {
    if hasFailed.load(ordering: .relaxed) { return nil }
    let index = position.add(1, ordering: .relaxed).oldValue
    return index < count ? index : nil
  }

  func set(_ index: Int, _ result: Result<CompiledChunk, ModuleError>, bytes: Int) {
    switch result {
    case .failure: hasFailed.store(true, ordering: .relaxed)
    case .success(let chunk):
      let sum = codeBytes.add(chunk.code.count, ordering: .relaxed).newValue
      // `take` says so; the rest need not be compiled for that.
      if sum > codeLimit { hasFailed.store(true, ordering: .relaxed) }
    }
    slots.withLock { $0[index] = result }
    let sum = done.add(bytes, ordering: .relaxed).newValue
    progress?(sum, total)
  }

  /// All chunks in order, or the failure that comes first in the module.
  func take() throws(ModuleError) -> [CompiledChunk] {
    let results = slots.withLock { slots in
      let results = slots
      slots = []
      return results
    }
    var chunks: [CompiledChunk] = []
    chunks.reserveCapacity(results.count)
    for result in results {
      guard let result else { continue }
      chunks.append(try result.get())
    }
    let sum = codeBytes.load(ordering: .relaxed)
    guard sum <= codeLimit else {
      throw ModuleError(
        .unsupported, "more than \(codeLimit) bytes of machine code for \(total) bytes of function bodies", offset: 0)
    }
    return chunks
  }
}
