/// Where instances get their memories, tables and stacks from.
public enum AllocationStrategy: Sendable, Hashable {
  /// Each is reserved when it is made and given back when its store goes. No limits but the machine's.
  case onDemand
  /// All are reserved with the engine, and used again and again: instantiation is faster by far, and what all
  /// guests together can hold is known from the start.
  case pooling(PoolingConfiguration)
}

extension PoolingConfiguration {
  /// How a linear memory comes to its initial contents.
  public enum MemoryInitialization: Sendable, Hashable {
    /// `copyOnWrite`; where the pool has more memories than the machine has mappings for (`vm.max_map_count`),
    /// `userfaultfd(.signal)` if the machine permits it.
    case automatic
    /// The module's image is mapped copy-on-write, and the kernel fills pages. The fastest way.
    case copyOnWrite
    /// All memories are one mapping of the process, and the pool fills pages when they are first touched: no
    /// number of instances runs into `vm.max_map_count`. Linux 5.13 or later, with the permission to use userfaultfd.
    case userfaultfd(FaultDelivery)
    /// The image is copied whenever a memory is taken. Needs nothing of the machine.
    case eager
  }

  /// Who fills a missing page.
  public enum FaultDelivery: Sendable, Hashable {
    /// A thread of the pool's, 64 KiB at a time.
    case thread
    /// The thread that touched the page, by a signal, 4 KiB at a time.
    case signal
  }

  /// How a used memory is brought back to its initial contents.
  public enum Reset: Sendable, Hashable {
    /// Chosen for each module at run time, by what the machine has and what the module does.
    case automatic
    /// Pages that a module always writes are copied back; all others are write-protected and report themselves.
    /// Instances that behave alike are reset without a system call. Linux 6.7 or later, as `scan`.
    case adaptive
    /// The kernel is asked which pages were written (PAGEMAP_SCAN).
    case scan
    /// The first `keepResident` bytes are copied back, all behind them is given back to the kernel.
    case keepResident
    /// All pages are given back to the kernel: slow, and nothing unused stays in memory.
    case decommit
  }

  /// Whether neighbouring memories are told apart by the processor's protection keys, and so need no
  /// guard region between them: up to 15 times as many fit in the address space.
  public enum ProtectionKeys: Sendable, Hashable {
    /// Where the machine has them.
    case automatic
    /// Making the engine fails where the machine has none.
    case required
    /// Guard regions only.
    case off
  }
}
