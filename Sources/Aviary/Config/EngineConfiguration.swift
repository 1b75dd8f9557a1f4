import AviaryContract

/// What an `Engine` is made from. Checked when the engine is made; an error names
/// the numbers that do not fit and the way out.
public struct EngineConfiguration: Sendable {
  /// Parts of WebAssembly that modules may use.
  public var features: WasmFeatures = .standard

  /// Threads that compile one module; nil: one for each processor.
  public var parallelism: Int?

  /// Where memories, tables and stacks come from.
  public var allocation: AllocationStrategy = .onDemand

  /// Address space behind every 32-bit memory in which an access is the memory's or faults.
  /// With 4 GiB, code needs no bounds checks. A multiple of 64 KiB, at most 4 GiB.
  public var memoryReservation: ByteCount = .gibibytes(4)
  /// Address space behind the reservation that always faults: a static offset below it
  /// needs no check. A multiple of 64 KiB.
  public var memoryGuard: ByteCount = .gibibytes(2)
  /// Upper bound of a 64-bit memory's address space; such memories are checked explicitly.
  public var memory64Reservation: ByteCount = .gibibytes(64)

  /// How many shared memories there may be, and how large. They are no pool's.
  public var sharedMemories = SharedMemoryLimits()

  /// Stack of the guest, per store: 64 KiB to 1 GiB, in multiples of 4 KiB. Deeper recursion traps with
  /// `callStackExhausted`, at any frame size.
  public var maxGuestStack: ByteCount = .kibibytes(512)
  /// Where synchronous host functions run. Asynchronous ones run on their executor's threads.
  public var hostStack: HostStack = .native
  /// What guest and host functions share with `HostStack.guest`: no less than `maxGuestStack`, at most 2 GiB, in
  /// multiples of 4 KiB. The difference, at least 64 KiB, is what each host function is promised, less 16 KiB
  /// for signals' frames.
  public var fiberStackSize: ByteCount = .mebibytes(2)
  /// Where guests' stacks come from; nil: the engine makes them. With one, `PoolingConfiguration.stacks` means nothing.
  public var stackProvider: (any StackProvider)?
  /// Tests how much stack host functions need.
  public var hostStackCheck: HostStackCheck = .off

  /// Every function compares the stack pointer with the limit in its prologue, instead of relying on
  /// the guard region below the stack.
  public var explicitStackChecks = false

  /// How guests are stopped that run too long.
  public var interruption: Interruption = .signals

  /// Guests are charged for every operator that they execute, about 10 % slower, and trap when their store's `fuel`
  /// is used up. The same program uses the same fuel each time.
  public var fuelMetering = false
  /// What a new store has of it.
  public var initialFuel: UInt64 = .max

  /// Relaxed vector operators give the results of the specification's deterministic profile, the same on every CPU,
  /// instead of the fastest ones that are allowed (docs/simd.md lists both).
  public var relaxedSIMDDeterministic = false
  /// Every NaN that a float operator makes, of scalars and of vectors, is the canonical positive one; otherwise its sign
  /// and payload are the CPU's. With this and `relaxedSIMDDeterministic` a module computes the same on every machine.
  /// Costs one comparison for each float operation.
  public var nanCanonicalization = false

  /// Writes `/tmp/perf-PID.map`, so that `perf` names the guest's functions.
  public var perfMap = false
  /// Registers the guest's functions with a debugger through the GDB JIT interface.
  public var gdbJIT = false

  /// Makes code for any x86-64-v2 processor, whatever this one can do: for artifacts that are to run on other machines.
  /// Otherwise AVX, AVX2, FMA, BMI and LZCNT are used where this one has them.
  public var usesBaselineCPU = false
  /// Code for processors with AVX at the most, without AVX2 and FMA: for tests.
  package var avoidsAVX2 = false

  /// WebAssembly 3.0, memories on demand, guard pages, as many threads as processors.
  public init() {}

  /// - Throws: `WasmError.limit` that names the numbers.
  func checked() throws(WasmError) -> Tunables {
    let page: UInt64 = 1 << 16
    for (name, value) in [
      ("memoryReservation", memoryReservation), ("memoryGuard", memoryGuard), ("memory64Reservation", memory64Reservation),
    ] where value.bytes % page != 0 {
      throw .limit("\(name) is \(value), and has to be a multiple of 64 KiB")
    }
    guard memoryReservation <= .gibibytes(4) else {
      throw .limit("memoryReservation is \(memoryReservation), more than a 32-bit memory's 4 GiB")
    }
    guard memoryGuard <= .gibibytes(16), memory64Reservation <= .gibibytes(16 << 10) else {
      throw .limit(
        "memoryGuard (\(memoryGuard)) or memory64Reservation (\(memory64Reservation)) exceeds the address space; "
          + "the limits are 16 GiB and 16 TiB")
    }
    guard maxGuestStack >= .kibibytes(64), maxGuestStack <= .gibibytes(1) else {
      throw .limit("maxGuestStack is \(maxGuestStack), and has to be between 64 KiB and 1 GiB")
    }
    try checkStacks()
    try checkHostStackCheck()
    if let parallelism, parallelism < 1 || parallelism > 1024 {
      throw .limit("parallelism is \(parallelism), and has to be between 1 and 1024")
    }
    if case .pooling(let pool) = allocation {
      try pool.check(maxMemoryReservation: max(memoryReservation, memory64Reservation))
    }
    try interruption.check()
    var tunables = Tunables()
    tunables.epochChecks = interruption.isEpoch
    tunables.fuelMetering = fuelMetering
    tunables.relaxedSIMDDeterministic = relaxedSIMDDeterministic
    tunables.nanCanonicalization = nanCanonicalization
    tunables.memoryReservationBytes = memoryReservation.bytes
    tunables.memoryGuardBytes = memoryGuard.bytes
    tunables.memory64ReservationBytes = memory64Reservation.bytes
    tunables.stackCheck = explicitStackChecks ? .explicit : .guardRegion
    return tunables
  }
}
