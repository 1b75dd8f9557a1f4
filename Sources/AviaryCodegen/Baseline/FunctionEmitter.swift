import AviaryContract
import AviaryCore

/// Turns one body after the other into machine code: the second pass's sink, and
/// all state that it needs. The storage is reused from function to function.
///
/// This is the baseline's heart; the families around it each hold one kind of
/// operators, as extensions (`Integer`, `Float`, `MemoryAccess`, …). How a family
/// is written:
///
/// 1. `pop()` the operands, right one first. What comes back is an `Entry`: it may be
///    a constant, a local, a register that you now own, or a slot. (`popCondition()`
///    where a comparison's flags can be used directly.)
/// 2. Ask `destinationGPR()` or `destinationXMM()` where the result should go: a pinned
///    local's register when the next operator is `local.set` or `local.tee` of it. Do so
///    after the pops and before any code of the operator.
/// 3. Bring operands where the instruction wants them: `gpr(&e)`/`xmm(&e)` (any register,
///    not to be overwritten), `load(e, into:)`, `source(&e)` (register, memory operand or
///    immediate), `ownedGPR(&e)` (a register to overwrite).
/// 4. Emit; `release(e)` what the result did not take over; `push` the result.
///
/// Invariants, at operator boundaries:
/// - An i32 in a register is zero-extended to 64 bits. Always: addresses rely on it.
/// - A register is either pinned, free, or owned by exactly one entry of the stack.
/// - Entries below `lazyBase` are constants or in their canonical slots.
/// - Only the topmost entry may be `flags`, and `hasFlags` says so. `settle()` turns it
///   into a register; operators that pop nothing call it before they emit.
/// - r11 and xmm15 hold nothing.
@safe
struct FunctionEmitter: ~Copyable, OperatorSink {
  // The module
  let tables: ModuleTables
  let signatures: FrozenArray<ModuleTables.Signature>
  let classes: FrozenArray<UInt8>
  let cpu: CPUFeatures
  /// The module's bytes, for looking at the operators ahead.
  let bytes: UnsafeRawBufferPointer
  let byteCount: Int
  let owner: ModuleBytes

  // Output, of a whole chunk
  /// The limit is far beyond what the largest valid body takes, but for calls with a thousand arguments.
  var asm = Assembler(capacity: 1 << 16, limit: 64 << 20)
  var calls = FlatArray<CompiledChunk.CallRelocation>()
  var trapStubs = FlatArray<CompiledChunk.TrapRelocation>()
  var traps = FlatArray<TrapSite>()
  var addresses = FlatArray<AddressMapping>()
  var epochCalls = FlatArray<UInt32>()

  // Handlers of the chunk; and the landing pads of the function in hand
  var handlers = FlatArray<HandlerRecord>(capacity: 4)
  var handlerSegments = FlatArray<HandlerSegment>(capacity: 4)
  var handlerClauses = FlatArray<HandlerClause>(capacity: 4)
  var landingPads = FlatArray<LandingPad>(capacity: 4)
  /// More handlers around one another than `HandlerTables.chainLimit`.
  var hasLongChains = false
  /// The first handler of the function.
  var firstHandler = 0

  // The function in hand
  var operatorOffset: UInt32 = 0
  var functionIndex: UInt32 = 0
  var signature = ModuleTables.Signature()
  var facts = ScanFacts()
  var bodyBytes: UInt32 = 0
  var locals = FlatArray<LocalInfo>(capacity: 64)
  /// Those that the scan saw, in the order of their first use. A body of ten bytes can declare 50,000 that nothing uses.
  var seenLocals = FlatArray<UInt32>(capacity: 64)
  var frame = Frame()

  // The operand stack
  var stack = FlatArray<Entry>(capacity: 64)
  /// See the invariants.
  var lazyBase = 0
  var maximumHeight = 0
  var hasFlags = false

  // Registers
  /// Those that the operand stack may use in this function, and those of them that are free.
  var allocatable = RegisterSet()
  var free = RegisterSet()
  /// Pinned registers that a call destroys; and those of them whose home is out of date.
  var volatilePins = RegisterSet()
  var dirtyPins = RegisterSet()
  /// Those that have a home: the volatile ones, and in functions with handlers all.
  var homedPins = RegisterSet()
  /// Which local each pinned register holds: general purpose registers, then vector registers.
  var pinnedLocals = FlatArray<UInt32>(capacity: 32)

  // Control
  var controls = FlatArray<ControlFrame>(capacity: 32)
  /// After an unconditional branch, until the block's end.
  var isDead = false
  /// Blocks opened in dead code.
  var deadDepth = 0
  /// The load that an instruction of vectors may take over.
  var lastLoad = LastLoad()
  /// The next operator was emitted together with the one before.
  var skipsNext = false

  // Interruption
  /// Where fuel is metered; and the first that code was not emitted for.
  var fuelRegions = FlatArray<FuelRegion>()
  var nextRegion = 0
  /// Loops that need no epoch check of their own (`ScanSink`); and the first that may still come.
  var uncheckedLoops = FlatArray<UInt32>()
  var nextUncheckedLoop = 0
  /// The operator of the latest epoch check.
  var lastCheck: UInt32 = 0

  // Code and data that come after the function
  var epochStubs = FlatArray<EpochStub>()
  var coldStubs = FlatArray<ColdStub>()
  var floatConstants = FlatArray<FloatConstant>()
  var vectorConstants = FlatArray<VectorConstant>()
  var jumpTables = FlatArray<JumpTable>()
  var jumpTargets = FlatArray<Label>()

  // Scratch
  /// Places of the function's own parameters, then that of the result area's address.
  var arguments = FlatArray<ArgumentPlace>(capacity: 32)
  var moves = FlatArray<RegisterMove>(capacity: 32)

  init(_ tables: ModuleTables, _ bytes: ModuleBytes) {
    self.tables = tables
    signatures = tables.signatures
    classes = tables.classes
    cpu = tables.tunables.cpu
    unsafe self.bytes = bytes.buffer
    byteCount = bytes.count
    owner = bytes
    for _ in 0..<32 { pinnedLocals.append(0) }
  }

  // MARK: Refusals

  /// For the families that this tier does not compile.
  @inline(never)
  func unsupported(_ what: String) -> ModuleError {
    ModuleError(
      .unsupported, "\(what) at function \(functionIndex)", offset: Int(operatorOffset))
  }

  // MARK: Looking ahead

  /// The byte at an offset of the module. Within a validated body, each operator but the
  /// final `end` is followed by another one.
  @inline(__always)
  func byte(at offset: Int) -> UInt8 {
    guard offset < byteCount else { return 0 }
    return unsafe bytes[offset]
  }

  /// The first byte of the next operator, for operators of one byte.
  @inline(__always)
  var nextByte: UInt8 { byte(at: Int(operatorOffset) &+ 1) }

  /// The offset after the LEB128 integer at `offset`.
  @inline(__always)
  func afterLEB(_ offset: Int) -> Int {
    var offset = offset
    while byte(at: offset) >= 0x80 { offset &+= 1 }
    return offset &+ 1
  }
}
