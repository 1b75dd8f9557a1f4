import CAviaryHost
import Glibc

/// The one place that maps or protects pages of a slab.
///
/// ```
///  slot   0 ─── image.start ──── image.end ─── accessible ─────────── slotBytes
///         │ zeros, RW │ image, RW  │  zeros, RW  │ reservation, no access │
///         └────── the slot's key ────────────────┴──── key 0 ─────────────┘
/// ```
/// Invariants:
///   - What is accessible has its slot's key: here it is put on, so that no caller can forget. The
///     kernel gives key 0, which every stripe can reach, to whatever is newly mapped; so nothing is
///     mapped with access and coloured after.
///   - What is not accessible has key 0: it merges with its neighbours to one mapping.
///
/// Unsafe contract of all routines: the caller holds the slot, whose first byte is at `base`; ranges
/// are whole pages inside of it.
struct SlotMapping: Sendable {
  /// A slot's protection key; -1 where the pool has none, and pages keep the key that they have.
  let hasKeys: Bool
  var faults: MemoryPoolFaults = []

  /// Makes [start, end) readable and writable under the key.
  @inline(never)
  func open(_ base: UInt, from start: UInt64, to end: UInt64, key: Int32) throws(VMError) {
    if start >= end { return }
    let colour = hasKeys && !faults.contains(.skipsRecolour) ? key : -1
    try check(
      "making memory accessible", end - start,
      aviary_system_protect_key(base + UInt(start), Int(end - start), Protection.readWrite.rawValue, colour))
  }

  /// Takes all access to [start, end) away. The contents stay.
  @inline(never)
  func hide(_ base: UInt, from start: UInt64, to end: UInt64) throws(VMError) {
    if start >= end || faults.contains(.skipsHide) { return }
    try check(
      "hiding memory", end - start, aviary_system_protect_key(base + UInt(start), Int(end - start), 0, hasKeys ? 0 : -1))
  }

  /// Puts the image in place of what is at its offset: what lies below `accessible` is open, the
  /// rest waits for growth.
  func map(_ image: MemoryImage, _ base: UInt, accessible: UInt64, key: Int32) throws(VMError) {
    let end = image.start + image.count
    let middle = max(image.start, min(end, accessible))
    try map(image, base, from: image.start, to: middle, accessible: true, key: key)
    try map(image, base, from: middle, to: end, accessible: false, key: key)
  }

  @inline(never)
  private func map(
    _ image: MemoryImage, _ base: UInt, from start: UInt64, to end: UInt64, accessible: Bool, key: Int32
  ) throws(VMError) {
    if start >= end { return }
    let protection = accessible && !hasKeys ? Protection.readWrite : []
    try check(
      "mapping an image", end - start,
      aviary_system_map_image(
        base + UInt(start), Int(end - start), image.file, image.fileOffset + (start - image.start), protection.rawValue))
    if accessible && hasKeys { try open(base, from: start, to: end, key: key) }
  }

  /// Leaves nothing but reservation in [0, end): contents, image, access and key are gone.
  @inline(never)
  func clear(_ base: UInt, to end: UInt64) throws(VMError) {
    if end == 0 || faults.contains(.skipsClear) { return }
    try check("clearing a slot", end, aviary_system_clear(base, Int(end)))
  }

  /// Anonymous pages of the range read as zeros, an image's as the image.
  @inline(never)
  func drop(_ base: UInt, from start: UInt64, to end: UInt64) throws(VMError) {
    if start >= end { return }
    try check("dropping pages", end - start, aviary_system_discard(base + UInt(start), Int(end - start)))
  }

  private func check(_ operation: String, _ bytes: UInt64, _ result: Int) throws(VMError) {
    if result >= 0 { return }
    // The usual reason, and the only one that names a way out.
    let limit = -result == Int(ENOMEM) ? aviary_system_mapping_limit() : 0
    let hint = limit == 0 ? "" : " (vm.max_map_count is \(limit))"
    throw Mapping.failure(operation + hint, result, bytes)
  }
}

extension Protection {
  static let readWrite: Protection = [.read, .write]
}
