/// Where guests' stacks come from, if not from the engine: memory that was reserved at the start, or is counted,
/// or is of another kind.
///
/// ```swift
/// configuration.stackProvider = StackShelf(stacks: 1_000, byteCount: 512 << 10)
/// ```
/// The engine asks for a stack when a store is first used, and gives it back when the store goes: one tenant, one
/// stack, for synchronous and asynchronous calls alike. It never puts a stack at rest with its
/// own; a store that is kept for the next tenant keeps no stack.
///
/// **What is checked.** Making the engine asks for one stack and looks at each page of it; later ones are looked at in a
/// dozen places. The stack's range and its guard's are whole pages, the guard ends where the stack begins, no stack overlaps another
/// one of the process that is in use, the memory can be read and written, the guard cannot. A guard has 2 MiB at least,
/// or one page where `EngineConfiguration.explicitStackChecks` is set and `hostStack` is `.native`. What is
/// refused is an error that names the numbers: of the engine, or of the store that needed the stack.
///
/// **What is not checked** is that the memory belongs to nobody else, and stays as it is until `deallocate`.
///
/// Called from any thread, several at a time. Neither method may call into the engine.
public protocol StackProvider: Sendable {
  /// Gives a stack that nobody uses.
  ///
  /// - Parameters:
  ///   - byteCount: usable bytes, a multiple of 4 KiB: `maxGuestStack`, or `fiberStackSize` where host functions run
  ///     on the guest's stack. More is no mistake.
  ///   - zeroed: whether all usable bytes have to be zero, so that no tenant finds what another left. True for every
  ///     stack that guests run on; false for the one that is tried when the engine is made.
  /// - Throws: where there is none to be had. The store's user gets `WasmError.limit` with the error's text.
  func allocate(byteCount: Int, zeroed: Bool) throws -> ProvidedStack

  /// Takes back what `allocate` gave, once. It holds what guests left, and whatever was done to it before
  /// (`zeroed`) has to be done again.
  ///
  /// A stack that was refused comes back the same way, save one that overlaps another in use.
  func deallocate(_ stack: ProvidedStack)
}

/// A stack as a `StackProvider` gives it.
/// ```
///  guardRange.lowerBound      usable.lowerBound                 top
///  ├── every access faults ───┼── readable, writable ───────────┤
///                             ◀── grows downwards
/// ```
public struct ProvidedStack: Sendable, Hashable {
  /// Addresses that the guest may use.
  public let usable: Range<UInt>
  /// Addresses that fault when they are touched, right below.
  public let guardRange: Range<UInt>
  /// The provider's own, to know the stack again.
  public let tag: UInt64

  /// Where the stack begins: it grows downwards from there.
  public var top: UInt { usable.upperBound }

  /// Describes a stack.
  ///
  /// Unsafe contract: from `allocate` to `deallocate` nobody else uses the memory, unmaps it or changes its protection.
  @unsafe public init(usable: Range<UInt>, guardRange: Range<UInt>, tag: UInt64 = 0) {
    self.usable = usable
    self.guardRange = guardRange
    self.tag = tag
  }
}
