import Glibc

@testable import AviaryPool

/// One use of a memory, from its lease to its end: writes and grows at random, and compares all that
/// it can read with what a fresh memory and its own writes give.
@safe
final class Tenant {
  private let slot: MemorySlot
  let module: TenantModule
  private let most: UInt64
  /// No memory but its own lies here, nor any that only keys keep from it.
  private let alone: UInt64
  /// What all that is accessible has to be under; -1: nothing of that kind is there.
  private let key: Int32
  private var accessible: UInt64
  /// What the memory must read as; nil: nothing was written, it is the module's contents.
  private var expected: UnsafeMutableRawBufferPointer?

  init(_ slot: consuming MemorySlot, _ module: TenantModule, _ pool: MemoryPool) {
    alone = pool.stripeCount == 1 ? UInt64(slot.region.upperBound - slot.base) : pool.layout.slotBytes
    key = pool.key(of: slot.index)
    most = pool.configuration.maxMemoryBytes
    self.slot = slot
    self.module = module
    accessible = module.initialBytes
  }

  deinit { unsafe expected?.deallocate() }

  var index: Int { slot.index }

  /// The first byte that is wrong, and what else is; nil: nothing.
  func inspection(_ moment: String) -> String? {
    let memory = unsafe UnsafeRawPointer(bitPattern: slot.base)!
    let wanted = unsafe UnsafeRawPointer((expected ?? module.contents).baseAddress!)
    if unsafe memcmp(memory, wanted, Int(accessible)) == 0 { return nil }
    var offset = 0
    while unsafe memory.load(fromByteOffset: offset, as: UInt8.self)
      == wanted.load(fromByteOffset: offset, as: UInt8.self)
    { offset += 1 }
    let found = unsafe memory.load(fromByteOffset: offset, as: UInt8.self)
    let due = unsafe wanted.load(fromByteOffset: offset, as: UInt8.self)
    return "\(moment): slot \(slot.index), byte \(offset) of \(accessible) is \(found), not \(due)"
  }

  /// Asks the kernel, at pages behind the memory's end, and far behind.
  func boundary(_ generator: inout SeededGenerator) -> String? {
    var offsets = [accessible, most, alone - 1]
    if accessible < most { offsets.append(accessible + UInt64(generator.below(Int(most - accessible)))) }
    for offset in offsets where offset >= accessible && offset < alone {
      if slot.canRead(offset) { return "slot \(slot.index): byte \(offset) behind the \(accessible) can be read" }
    }
    return nil
  }

  /// Whether guests of other stripes could reach it.
  func colour() -> String? {
    if key < 0 || accessible == 0 { return nil }
    let keys = Holdings.keys(in: slot.base..<(slot.base + UInt(accessible)))
    return keys == [Int(key)] ? nil : "slot \(slot.index): its \(accessible) bytes are under \(keys), not under key \(key)"
  }

  /// - Throws: what the pool throws where growth within its limit fails.
  func grow(_ generator: inout SeededGenerator) throws -> String? {
    if generator.oneIn(12) {
      // More than there can be is refused, whatever the number.
      let excessive = generator.oneIn(2) ? most + 1 : UInt64.max - UInt64(generator.below(5000))
      guard (try? slot.grow(to: excessive)) == nil else { return "a memory grew to \(excessive) bytes" }
      return nil
    }
    let room = Int((most - accessible) >> 16)
    let bytes = accessible + UInt64(generator.below(room + 1)) << 16
    try slot.grow(to: bytes)
    accessible = bytes
    return nil
  }

  func write(_ generator: inout SeededGenerator) {
    guard accessible > 0 else { return }
    copyExpectation()
    let size = Int(accessible)
    switch generator.below(8) {
    case 0:
      // Densely, up to all of it.
      let start = generator.oneIn(3) ? 0 : generator.below(size)
      fill(start, 1 + generator.below(size - start), generator.next())
    case 1:
      fill(size - 1, 1, generator.next())
    case 2:
      // Across a border of pages.
      let border = (1 + generator.below(max(1, size / 4096 - 1))) * 4096
      fill(border - 3, min(6, size - border + 3), generator.next())
    default:
      for _ in 0..<(1 + generator.below(6)) { fill(generator.below(size), 1, generator.next()) }
    }
  }

  /// As most instances of the module do.
  func writeByHabit(_ generator: inout SeededGenerator) {
    copyExpectation()
    for page in module.habit { fill(page * 4096 + generator.below(4000), 1 + generator.below(90), generator.next()) }
  }

  private func copyExpectation() {
    if unsafe expected != nil { return }
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(most), alignment: 4096)
    unsafe copy.copyMemory(from: UnsafeRawBufferPointer(module.contents))
    unsafe expected = copy
  }

  private func fill(_ start: Int, _ count: Int, _ seed: UInt64) {
    // Zeros too: a page that reads as zeros may be a page that was written.
    let value = Int32(seed & 7 == 0 ? 0 : seed >> 8 & 0xFF)
    unsafe memset(UnsafeMutableRawPointer(bitPattern: slot.base + UInt(start))!, value, count)
    unsafe memset(expected!.baseAddress! + start, value, count)
  }
}
