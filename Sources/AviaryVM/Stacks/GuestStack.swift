import AviaryPool
import CAviaryHost

/// A stack for guests, on loan from its pool or from the embedder.
///
/// ```
///  guardLow            low               open                     high
///  ├──── guard ────────┼──── closed ──────┼────── read, write ─────┤
///  │ a fault: overflow │ a fault opens it │ the first frame is here
/// ```
/// Invariants: a pushed-past stack meets the guard: frames larger than it are checked
/// by their prologue (docs/abi.md). Bytes below `open` are zeros once they are opened.
///
/// Where host functions run on it (`StackShape.hostBytes`), all of it is open, and the lowest part theirs:
/// ```
///  guardLow            low         stack_limit               high
///  ├──── guard ────────┼── host functions ──┼──── guest ─────┤
/// ```
@safe
struct GuestStack: ~Copyable, Sendable {
  /// In the pool's slab; nil: a mapping of its own, or the embedder's.
  let index: UInt32?
  /// As the embedder gave it.
  let provided: VMProvidedStack?
  let guardLow: UInt
  let low: UInt
  let high: UInt
  private let mapping: Mapping?

  /// Part of a slab, or of its own mapping.
  init(index: UInt32?, at guardLow: UInt, _ shape: StackShape, mapping: consuming Mapping? = nil) {
    self.index = index
    provided = nil
    self.guardLow = guardLow
    low = guardLow + UInt(shape.guardBytes)
    high = low + UInt(shape.usableBytes)
    self.mapping = mapping
  }

  /// The embedder's, which was checked.
  init(_ stack: VMProvidedStack) {
    index = nil
    provided = stack
    guardLow = stack.guardLow
    low = stack.low
    high = stack.high
    mapping = nil
  }

  /// Prepared, where a slab is full and the number of stacks has no limit.
  static func alone(_ shape: StackShape) throws(VMError) -> GuestStack {
    let mapping = try Mapping(reserving: shape.stride)
    let stack = GuestStack(index: nil, at: mapping.address, shape, mapping: mapping)
    try stack.prepare(shape)
    return stack
  }

  /// Closes all but the part that every guest finds open.
  func prepare(_ shape: StackShape) throws(VMError) {
    let open = shape.firstOpen(low, high)
    if shape.mode == UInt32(AVIARY_STACK_GUARDS) {
      var result = aviary_system_protect(guardLow, Int(shape.stride), AVIARY_PROTECT_READ_WRITE)
      guard result == 0 else { throw Mapping.failure("opening a guest stack", result, shape.stride) }
      result = aviary_system_guard_install(guardLow, Int(open - guardLow))
      guard result == 0 else { throw Mapping.failure("guarding a guest stack", result, shape.stride) }
    } else {
      let result = aviary_stack_open(open, Int(high - open), shape.mode)
      guard result == 0 else { throw Mapping.failure("opening a guest stack", result, UInt64(high - open)) }
    }
  }
}

private let AVIARY_PROTECT_READ_WRITE = Int32(AVIARY_PROTECT_READ) | Int32(AVIARY_PROTECT_WRITE)

/// What all stacks of an engine have in common.
struct StackShape: Sendable {
  /// Open at first, and again once a guest that went deeper is gone: two pages.
  static let openBytes: UInt = 8 << 10
  /// A stack that was opened so far stays so for a while: zeroing it is cheaper than closing it.
  static let keptOpenBytes: UInt = 64 << 10
  /// Guests in a row that need no more than `openBytes`, until the rest is closed.
  static let patience: UInt8 = 32

  /// Of a stack that is open as a whole, the top that stays resident between two stores.
  static let keptWholeBytes: UInt = 32 << 10
  /// The least that is left to guests below `stack_limit` where prologues are checked, and to signals' frames.
  static let marginBytes: UInt64 = 16 << 10

  /// Multiples of a page; their sum is far below 2^63, and `usableBytes` >= `keptOpenBytes`.
  let usableBytes: UInt64
  let guardBytes: UInt64
  /// Of the usable bytes, those that a host function finds at least, a margin for signals included.
  /// 0: host functions run on the native stack.
  var hostBytes: UInt64 = 0
  /// Nothing of it is ever closed: a closed page under a host function would make its system calls fail, and
  /// the embedder's stacks are the embedder's to open and close.
  var isWhole = false
  /// How its guard is made: AVIARY_STACK_PROTECTION or AVIARY_STACK_GUARDS.
  let mode: UInt32

  var stride: UInt64 { usableBytes + guardBytes }

  /// What a store's words say.
  var storeMode: UInt32 { isWhole ? UInt32(AVIARY_STACK_WHOLE) : mode }

  /// Where the open part of an unused stack begins.
  func firstOpen(_ low: UInt, _ high: UInt) -> UInt { isWhole ? low : high - StackShape.openBytes }

  /// Lowest stack pointer of checked prologues and of calls of host functions.
  func limit(_ low: UInt) -> UInt { low + UInt(max(hostBytes, StackShape.marginBytes)) }

  /// Whether the kernel has guard markers, tried on a page.
  static let machineMode: UInt32 = {
    guard let page = try? Mapping(reserving: Page.size, [.read, .write]),
      aviary_system_guard_install(page.address, Int(Page.size)) == 0
    else { return UInt32(AVIARY_STACK_PROTECTION) }
    return UInt32(AVIARY_STACK_GUARDS)
  }()
}

/// Where a store's words say how far its stack is open.
extension UnsafeMutablePointer<AviaryHostStore> {
  /// Puts a stack into the store's words: nobody has used it since it was prepared or cleaned.
  func adopt(_ stack: borrowing GuestStack, _ shape: StackShape, open: UInt) {
    unsafe pointee.guard_low = stack.guardLow
    unsafe pointee.stack_low = stack.low
    unsafe pointee.stack_high = stack.high
    unsafe pointee.stack_open = open
    unsafe pointee.stack_mode = shape.storeMode
    unsafe pointee.context.stack_limit = shape.limit(stack.low)
  }
}
