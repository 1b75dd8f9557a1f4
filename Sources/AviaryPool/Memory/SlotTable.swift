import CAviaryHost

/// The states of all slots, in memory that costs nothing before a slot is used.
///
/// Unsafe contract of all routines: the caller holds the index, from the allocator's `take` to its
/// `giveBack`; the allocator's lock orders one holder's writes before the next one's reads. So none
/// needs a lock, and none checks the index.
@safe
struct SlotTable: ~Copyable, @unchecked Sendable {
  private enum Phase: UInt8 { case unmapped, unknown, ready, lent }

  /// Zeros are an unmapped slot.
  @safe
  private struct Cell {
    var phase: UInt8
    var hasGroup: Bool
    var group: UInt32
    var generation: UInt32
    var image: Unmanaged<MemoryImage>?
    var accessible: UInt64
    var extent: UInt64
    var resident: UInt64
    var history: PageHistory?

    var address: UInt { unsafe image.map { unsafe UInt(bitPattern: $0.toOpaque()) } ?? 0 }
  }

  private let memory: Mapping
  private let cells: UnsafeMutablePointer<Cell>
  private let recordMemory: Mapping
  /// What fault handlers see of the slots.
  let records: UnsafeMutablePointer<AviarySlotRecord>
  private let count: Int

  init(slots: Int) throws(VMError) {
    let states = try SlotTable.reserve(slots, MemoryLayout<Cell>.stride)
    let shared = unsafe try SlotTable.reserve(slots, MemoryLayout<AviarySlotRecord>.stride)
    count = slots
    unsafe cells = UnsafeMutableRawPointer(bitPattern: states.address)!.assumingMemoryBound(to: Cell.self)
    unsafe records = UnsafeMutableRawPointer(bitPattern: shared.address)!
      .assumingMemoryBound(to: AviarySlotRecord.self)
    memory = states
    recordMemory = shared
    precondition(
      unsafe cells.pointee.history == nil && cells.pointee.image == nil, "zeros are not an unmapped slot")
  }

  private static func reserve(_ slots: Int, _ stride: Int) throws(VMError) -> Mapping {
    // A pool has at most 2^32 slots.
    try Mapping(reserving: Page.roundUp(UInt64(slots) * UInt64(stride))!, [.read, .write])
  }

  deinit {
    for index in 0..<count {
      // Reading a cell that was never used costs no memory.
      if let image = unsafe cells[index].image { unsafe image.release() }
      if let history = unsafe cells[index].history { unsafe history.deallocate() }
    }
  }

  // MARK: The way of a warm slot, in place
  //
  // The same as `take`, `lend` and as `recall`, `put`, in one step that cannot fail: nothing is moved or
  // counted.

  /// Lends an unused slot where it holds just this, and has just this much of it accessible. nil: it does
  /// not, and nothing was done. Else the bytes that it keeps in memory.
  @inline(__always)
  func lendWarm(_ index: Int, image: borrowing MemoryImage?, accessible: UInt64, group: AffinityGroup?) -> UInt64? {
    let cell = unsafe cells + index
    guard unsafe cell.pointee.phase == Phase.ready.rawValue, unsafe cell.pointee.accessible == accessible,
      unsafe cell.pointee.address == SlotTable.address(image)
    else { return nil }
    unsafe setGroup(cell, group)
    unsafe cell.pointee.phase = Phase.lent.rawValue
    return unsafe cell.pointee.resident
  }

  /// A lent slot became clean in place.
  ///
  /// - Precondition: all that may be dirty was brought back to its image, or dropped so that what is
  ///   mapped shows through. `resident` bytes stay in memory.
  @inline(__always)
  func wasReset(_ index: Int, resident: UInt64) {
    let cell = unsafe cells + index
    precondition(unsafe cell.pointee.phase == Phase.lent.rawValue, "a slot was returned twice")
    unsafe cell.pointee.resident = resident
    unsafe cell.pointee.phase = Phase.ready.rawValue
  }

  @inline(__always)
  private static func address(_ image: borrowing MemoryImage?) -> UInt {
    switch image {
    case .some(let image): unsafe UInt(bitPattern: Unmanaged.passUnretained(image).toOpaque())
    case .none: 0
    }
  }

  // MARK: Moving states out and in

  /// Moves the state of an unused slot out and leaves `unknown` in its place.
  @inline(__always)
  func take(_ index: Int) -> UnusedSlot {
    let cell = unsafe cells + index
    let phase = unsafe cell.pointee.phase
    unsafe cell.pointee.phase = Phase.unknown.rawValue
    if phase == Phase.ready.rawValue {
      let resident = unsafe cell.pointee.resident
      return .ready(CleanSlot(unsafe takeContents(cell), resident: resident))
    }
    if phase == Phase.unmapped.rawValue { return .unmapped }
    precondition(phase == Phase.unknown.rawValue, "a slot was taken twice")
    return .unknown
  }

  @inline(__always)
  func put(_ index: Int, _ state: consuming UnusedSlot) {
    let cell = unsafe cells + index
    switch consume state {
    case .unmapped: unsafe cell.pointee.phase = Phase.unmapped.rawValue
    case .unknown: unsafe cell.pointee.phase = Phase.unknown.rawValue
    case .ready(let slot):
      unsafe cell.pointee.resident = slot.resident
      unsafe putContents(cell, slot.contents)
      unsafe cell.pointee.phase = Phase.ready.rawValue
    }
  }

  /// Notes what a lessee, or the queue, holds.
  @inline(__always)
  func lend(_ index: Int, _ slot: consuming UsedSlot, group: AffinityGroup?) {
    let cell = unsafe cells + index
    unsafe putContents(cell, slot.contents)
    unsafe setGroup(cell, group)
    unsafe cell.pointee.phase = Phase.lent.rawValue
  }

  @inline(__always)
  private func setGroup(_ cell: UnsafeMutablePointer<Cell>, _ group: AffinityGroup?) {
    unsafe cell.pointee.hasGroup = group != nil
    unsafe cell.pointee.group = group?.id ?? 0
    unsafe cell.pointee.generation = group?.generation ?? 0
  }

  /// The opposite of `lend`; leaves `unknown`.
  @inline(__always)
  func recall(_ index: Int) -> UsedSlot {
    let cell = unsafe cells + index
    precondition(unsafe cell.pointee.phase == Phase.lent.rawValue, "a slot was returned twice")
    unsafe cell.pointee.phase = Phase.unknown.rawValue
    return UsedSlot(unsafe takeContents(cell))
  }

  /// Of a lent slot.
  @inline(__always)
  func group(_ index: Int) -> AffinityGroup? {
    guard unsafe cells[index].hasGroup else { return nil }
    return unsafe AffinityGroup(id: cells[index].group, generation: cells[index].generation)
  }

  /// Of a lent slot.
  @inline(__always)
  func accessible(_ index: Int) -> UInt64 { unsafe cells[index].accessible }

  /// Of a lent slot.
  @inline(__always)
  func image(_ index: Int) -> MemoryImage? { unsafe cells[index].image?.takeUnretainedValue() }

  /// What a reset learnt of the slot, and is to learn: made where there is none.
  @inline(__always)
  func history(_ index: Int, _ resetter: Resetter) -> PageHistory {
    if let history = unsafe cells[index].history { return history }
    let made = resetter.makeHistory()
    unsafe cells[index].history = made
    return made
  }

  /// Before a slot is mapped anew.
  func forgetHistory(_ index: Int) {
    guard let history = unsafe cells[index].history else { return }
    unsafe records[index].log = nil
    unsafe cells[index].history = nil
    unsafe history.deallocate()
  }

  /// Of a lent slot, for a reset: nothing is counted.
  @inline(__always)
  func view(_ index: Int, base: UInt) -> SlotView {
    let cell = unsafe cells + index
    guard let image = unsafe cell.pointee.image else {
      return unsafe SlotView(base: base, accessible: cell.pointee.accessible, image: nil)
    }
    return unsafe image._withUnsafeGuaranteedRef {
      unsafe SlotView(base: base, accessible: cell.pointee.accessible, image: $0)
    }
  }

  /// - Precondition: a lent slot of which [0, bytes) was made accessible.
  func grew(_ index: Int, to bytes: UInt64) {
    unsafe cells[index].accessible = bytes
    unsafe cells[index].extent = max(unsafe cells[index].extent, bytes)
  }

  /// Of a lent slot that may be accessible up to `extent`: it is to be unmapped when it comes back.
  func spoil(_ index: Int, extent: UInt64) {
    unsafe cells[index].hasGroup = false
    unsafe cells[index].extent = max(unsafe cells[index].extent, extent)
  }

  @inline(__always)
  private func takeContents(_ cell: UnsafeMutablePointer<Cell>) -> SlotContents {
    let image = unsafe cell.pointee.image?.takeRetainedValue()
    unsafe cell.pointee.image = nil
    return SlotContents(image: image, accessible: unsafe cell.pointee.accessible, extent: unsafe cell.pointee.extent)
  }

  @inline(__always)
  private func putContents(_ cell: UnsafeMutablePointer<Cell>, _ contents: consuming SlotContents) {
    unsafe cell.pointee.accessible = contents.accessible
    unsafe cell.pointee.extent = contents.extent
    unsafe cell.pointee.image = contents.image.map { unsafe Unmanaged.passRetained($0) }
  }
}
