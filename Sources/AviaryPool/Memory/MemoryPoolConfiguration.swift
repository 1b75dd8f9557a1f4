/// Everything that a `MemoryPool` is made from. Bytes unless said. Checked by `MemoryPool.init`.
package struct MemoryPoolConfiguration: Sendable, Hashable {
  /// How a slot comes to its initial contents.
  package enum Initialization: UInt8, Sendable, Hashable, CaseIterable {
    /// The image is mapped copy-on-write; the kernel fills pages.
    case copyOnWrite
    /// All memory is one anonymous mapping, registered with userfaultfd: a thread of ours fills
    /// 64 KiB at a time.
    case userfaultfdThread
    /// The same, by a SIGBUS in the thread that faults, 4 KiB at a time.
    case userfaultfdSignal
    /// Anonymous memory; the image is copied in when the slot is taken.
    case eager
  }
  /// How a used slot is brought back to its image; `copyOnWrite` and `eager`.
  package enum Reset: UInt8, Sendable, Hashable, CaseIterable {
    /// Chosen per module at run time, from what the machine has and what the module does.
    case automatic
    /// Pages that are known to be dirty are copied; the rest is write-protected and reports itself.
    case adaptive
    /// PAGEMAP_SCAN finds the dirty pages.
    case scan
    /// The first `keepResidentBytes` are rewritten, the rest is dropped.
    case keepResident
    /// MADV_DONTNEED.
    case decommit
  }
  package enum Keys: UInt8, Sendable, Hashable, CaseIterable {
    case off
    /// Where the machine has them.
    case automatic
    /// An error where the machine has none.
    case required
    /// Striped, but nothing enforces the keys: for tests of layout and reset on machines without.
    /// Not for guests that are not trusted.
    case unenforced
  }

  /// Memories at a time.
  package var slots = 1024
  /// What one memory can grow to; a multiple of 64 KiB.
  package var maxMemoryBytes: UInt64 = 64 << 20
  /// Compiled code's promise (`Tunables`): it touches nothing beyond base + reservation + guard.
  package var reservationBytes: UInt64 = 4 << 30
  package var guardBytes: UInt64 = 2 << 30
  package var initialization: Initialization = .copyOnWrite
  package var reset: Reset = .automatic
  package var keys: Keys = .automatic
  /// The most keys that are taken from the process's 15.
  package var maximumKeys = 15
  /// Unused slots that keep a module's image mapped, for its next instance.
  package var warmSlots = 256
  /// Pages of one unused slot that stay resident.
  package var keepResidentBytes: UInt64 = 1 << 20
  /// Of all unused slots together.
  package var residentBudgetBytes: UInt64 = 256 << 20
  /// Ranges that are dropped with one system call; 1 drops each at once.
  package var decommitBatch = 64
  /// Whether a reservation that the machine does not grant is halved until it does.
  package var shrinksToFit = true
  /// Whether a userfaultfd strategy on a machine that does not permit it becomes `copyOnWrite`.
  package var fallsBack = false

  /// For tests alone.
  package var faults: MemoryPoolFaults = []

  package init() {}
}
