import CAviaryHost
import Synchronization

/// Retired stores of one linked module, for its next tenants.
///
/// Sharded by thread: a thread that makes and drops stores finds its own ones, in its own cache lines.
/// Thread-safe. A retired store holds a guest stack and its instance's words, no memory.
@safe
package final class StoreCache: Sendable {
  /// Idle stores of a shard.
  package static let shardCapacity = 32
  private static let shardCount = 8

  /// One line of the cache and more, so that shards do not share one.
  private struct Shard: ~Copyable {
    let stores = Mutex(Stores())
    private let padding = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  }
  @safe
  private struct Stores: ~Copyable, @unchecked Sendable {
    /// The last `count` were put last. Retained.
    let idle = UnsafeMutablePointer<Unmanaged<VMStore>>.allocate(capacity: StoreCache.shardCapacity)
    var count = 0
    var isClosed = false
    deinit { unsafe idle.deallocate() }
  }
  nonisolated(unsafe) private let shards: UnsafeMutablePointer<Shard>
  private let engine: VMEngine

  package init(_ engine: VMEngine) {
    self.engine = engine
    unsafe shards = .allocate(capacity: StoreCache.shardCount)
    for index in 0..<StoreCache.shardCount { unsafe (shards + index).initialize(to: Shard()) }
    engine.caches.add(self)
  }

  deinit {
    drain()
    unsafe shards.deinitialize(count: StoreCache.shardCount)
    unsafe shards.deallocate()
  }

  /// A retired store, retained for the caller, or nil.
  package func take() -> Unmanaged<VMStore>? {
    let own = Int(aviary_thread_shard())
    for step in 0..<StoreCache.shardCount {
      let index = (own &+ step) & (StoreCache.shardCount - 1)
      let taken: Unmanaged<VMStore>? = unsafe shards[index].stores.withLock { state in
        guard state.count > 0 else { return nil }
        state.count -= 1
        return unsafe state.idle[state.count]
      }
      if unsafe taken != nil { return unsafe taken }
    }
    return nil
  }

  /// Takes over a reference to a retired store that nobody uses; false where there is no room.
  func keep(_ store: Unmanaged<VMStore>) -> Bool {
    let index = Int(aviary_thread_shard()) & (StoreCache.shardCount - 1)
    return unsafe shards[index].stores.withLock { state in
      guard !state.isClosed, state.count < StoreCache.shardCapacity else { return false }
      unsafe (state.idle + state.count).initialize(to: store)
      state.count += 1
      return true
    }
  }

  /// Stores at rest; other threads may change it at once.
  package var count: Int {
    (0..<StoreCache.shardCount).reduce(0) { sum, index in unsafe sum + shards[index].stores.withLock { $0.count } }
  }

  /// Lets all idle stores go. Returns how many.
  @discardableResult
  package func drain() -> Int {
    var count = 0
    for index in 0..<StoreCache.shardCount {
      while let store = unsafe shards[index].stores.withLock({ state -> Unmanaged<VMStore>? in
        guard state.count > 0 else { return nil }
        state.count -= 1
        return unsafe state.idle[state.count]
      }) {
        // Outside of the lock.
        unsafe store.release()
        count += 1
      }
    }
    return count
  }

  /// Keeps no more stores. Stores keep the cache, so it goes only after this.
  package func close() {
    engine.caches.remove(self)
    for index in 0..<StoreCache.shardCount { unsafe shards[index].stores.withLock { $0.isClosed = true } }
    drain()
  }
}

/// The caches of an engine: what rests there can be had back when something runs out.
@safe
final class StoreCaches: Sendable {
  /// Unretained: a cache takes itself out before its last reference goes.
  private let open = unsafe Mutex<[ObjectIdentifier: Unmanaged<StoreCache>]>([:])

  func add(_ cache: StoreCache) {
    unsafe open.withLock { unsafe $0[ObjectIdentifier(cache)] = Unmanaged.passUnretained(cache) }
  }
  func remove(_ cache: StoreCache) {
    unsafe open.withLock { unsafe $0[ObjectIdentifier(cache)] = nil }
  }

  /// Lets all idle stores of the engine go. Returns how many there were.
  func drain() -> Int {
    let caches = unsafe open.withLock { unsafe $0.values.map { unsafe $0.takeUnretainedValue() } }
    return caches.reduce(0) { $0 + $1.drain() }
  }
}
