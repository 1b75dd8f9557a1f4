import Synchronization

/// Where the warm slots of each group begin, by shard and stripe.
///
/// ```
///  directory ─► 64 records ─► row: shard 0 │ stripe 0 1 2 … │ pad to a cache line
///            ─► 128 records       shard 1 │ …
///            ─► 256 …
/// ```
/// Records and rows never move and are not freed before the table, so that they are read without
/// a lock. Rows of a group that was retired are empty, and serve the next group of that number.
///
/// Invariant: a head changes under its shard's lock only; others read it as a hint.
@safe
struct GroupTable: ~Copyable, @unchecked Sendable {
  @safe
  struct Record: ~Copyable {
    /// Of the group that lives, or is to be made next.
    let generation = Atomic<UInt32>(0)
    let heads: UnsafeMutablePointer<Atomic<UInt32>>
  }
  struct Numbers {
    var count: UInt32 = 0
    var free: [UInt32] = []
  }

  private static let firstChunkBits = 6
  private static let chunks = 25

  private let shards: Int
  private let stripes: Int
  /// Heads from one shard's part of a row to the next's: whole cache lines.
  private let headsPerShard: Int
  private let numbers = Mutex(Numbers())
  private let directory: UnsafeMutablePointer<UnsafeMutablePointer<Record>?>

  init(shards: Int, stripes: Int) {
    self.shards = shards
    self.stripes = stripes
    headsPerShard = (stripes + 15) & ~15
    unsafe directory = .allocate(capacity: GroupTable.chunks)
    unsafe directory.initialize(repeating: nil, count: GroupTable.chunks)
  }

  deinit {
    let count = numbers.withLock { $0.count }
    for id in 0..<count { unsafe record(id).pointee.heads.deallocate() }
    for chunk in 0..<GroupTable.chunks { unsafe directory[chunk]?.deallocate() }
    unsafe directory.deallocate()
  }

  func make() -> AffinityGroup {
    let id = numbers.withLock { numbers in
      if let id = numbers.free.popLast() { return id }
      let id = numbers.count
      numbers.count += 1
      addRecord(id)
      return id
    }
    return unsafe AffinityGroup(id: id, generation: record(id).pointee.generation.load(ordering: .relaxed))
  }

  /// From now on the group is nobody's: `lives` is false. False: it was already.
  func end(_ group: AffinityGroup) -> Bool {
    unsafe record(group.id).pointee.generation.compareExchange(
      expected: group.generation, desired: group.generation &+ 1, ordering: .relaxed
    ).exchanged
  }

  /// Lets a group that ended have its number used again.
  ///
  /// - Precondition: all its heads are `noSlot`, and stay so: no slot goes warm for a group that
  ///   ended, because that is looked up under the shard's lock, and each was held since.
  func recycle(_ group: AffinityGroup) { numbers.withLock { $0.free.append(group.id) } }

  func lives(_ group: AffinityGroup) -> Bool {
    unsafe record(group.id).pointee.generation.load(ordering: .relaxed) == group.generation
  }

  /// The most recently used warm slot of a group; a hint without the shard's lock.
  func head(_ id: UInt32, shard: Int, stripe: Int) -> UInt32 {
    unsafe record(id).pointee.heads[shard &* headsPerShard &+ stripe].load(ordering: .relaxed)
  }

  /// - Precondition: the shard's lock is held.
  func setHead(_ id: UInt32, shard: Int, stripe: Int, _ slot: UInt32) {
    unsafe record(id).pointee.heads[shard &* headsPerShard &+ stripe].store(slot, ordering: .relaxed)
  }

  private func record(_ id: UInt32) -> UnsafeMutablePointer<Record> {
    let number = UInt64(id) + (1 << GroupTable.firstChunkBits)
    let bits = 63 - number.leadingZeroBitCount
    let chunk = bits - GroupTable.firstChunkBits
    precondition(chunk < GroupTable.chunks, "a group of another pool")
    guard let records = unsafe directory[chunk] else { preconditionFailure("a group of another pool") }
    return unsafe records + Int(number & ((1 << UInt64(bits)) - 1))
  }

  /// - Precondition: `numbers` is locked, and `id` is the next one.
  private func addRecord(_ id: UInt32) {
    let number = UInt64(id) + (1 << GroupTable.firstChunkBits)
    let bits = 63 - number.leadingZeroBitCount
    let chunk = bits - GroupTable.firstChunkBits
    precondition(chunk < GroupTable.chunks, "too many groups")
    if unsafe directory[chunk] == nil { unsafe directory[chunk] = .allocate(capacity: 1 << bits) }
    let bytes = shards * headsPerShard * MemoryLayout<Atomic<UInt32>>.stride
    let heads = unsafe UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      .bindMemory(to: Atomic<UInt32>.self, capacity: shards * headsPerShard)
    for index in 0..<(shards * headsPerShard) { unsafe (heads + index).initialize(to: Atomic(noSlot)) }
    unsafe record(id).initialize(to: Record(heads: heads))
  }
}
