import Synchronization

/// How much the unused slots of a pool keep in memory.
///
/// A thread that takes and gives back in turn changes its part alone, and so writes no cache line that
/// others use:
/// ```
///  part 0 │ part 1 │ … │ part 15 ──► total, where a part is off by `slack`
/// ```
/// Unsafe contract: none; all access is atomic, and indices are masked.
@safe
struct ResidentBytes: ~Copyable, @unchecked Sendable {
  private static let parts = 16
  private static let stride = 8  // counters in a cache line
  private let counters: UnsafeMutablePointer<Atomic<Int>>
  private let total = Atomic<Int>(0)
  private let slack: Int
  private let budget: Int

  /// - Parameter budget: below 16 MiB it is kept to the byte, above to a sixteenth.
  init(budget: UInt64) {
    self.budget = Int(clamping: budget)
    slack = budget < 16 << 20 ? 0 : Int(min(budget / 256, 64 << 10))
    unsafe counters = .allocate(capacity: ResidentBytes.parts * ResidentBytes.stride)
    for i in 0..<(ResidentBytes.parts * ResidentBytes.stride) { unsafe (counters + i).initialize(to: Atomic(0)) }
  }

  deinit { unsafe counters.deallocate() }

  /// - Parameter slot: whose bytes they are; chooses the part.
  @inline(__always)
  func add(_ bytes: UInt64, slot: Int) { change(Int(bytes), slot) }
  @inline(__always)
  func subtract(_ bytes: UInt64, slot: Int) { change(-Int(bytes), slot) }

  @inline(__always)
  private func change(_ difference: Int, _ slot: Int) {
    if slack == 0 {
      total.wrappingAdd(difference, ordering: .relaxed)
      return
    }
    let part = unsafe counters + (slot & (ResidentBytes.parts - 1)) * ResidentBytes.stride
    let sum = unsafe part.pointee.wrappingAdd(difference, ordering: .relaxed).newValue
    if sum > slack || sum < -slack {
      total.wrappingAdd(unsafe part.pointee.exchange(0, ordering: .relaxed), ordering: .relaxed)
    }
  }

  var isOverBudget: Bool {
    @inline(__always) get { total.load(ordering: .relaxed) > budget }
  }

  /// Exact where nothing changes meanwhile.
  var value: UInt64 {
    var sum = total.load(ordering: .relaxed)
    for part in 0..<ResidentBytes.parts {
      sum &+= unsafe counters[part * ResidentBytes.stride].load(ordering: .relaxed)
    }
    return UInt64(max(sum, 0))
  }
}
