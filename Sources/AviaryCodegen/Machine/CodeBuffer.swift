/// Growable raw bytes that machine code is written into.
///
/// The protocol of a writer: call `reserve` once per instruction, then store
/// with the unchecked `append` and `put` functions, at most
/// `CodeBuffer.instructionRoom` bytes of them. `append` always stores eight
/// bytes and then advances by fewer, so the room includes that overhang.
///
/// Invariant: `count <= capacity`, and `base` owns `capacity` bytes. Stores
/// past the reservation are our own bug, caught by an assertion in debug builds.
///
/// A guest can ask for far more code than its module has bytes (calls with a
/// thousand arguments, two bytes each), so there is a limit. Past it the buffer
/// starts over at its beginning and says `overflowed`: nothing crashes, what it
/// holds is of no use, and whoever writes asks for the flag now and then, and
/// once at the end.
@safe
package struct CodeBuffer: ~Copyable {
  /// What one `reserve` promises: 16 bytes of instruction and an overhang of 8.
  package static let instructionRoom = 32

  private var base: UnsafeMutableRawPointer
  private var capacity: Int

  private let limit: Int

  /// The number of bytes written so far, and the offset of the next one.
  package private(set) var count: Int

  /// Whether more was written than the limit allows; the contents are void then.
  package private(set) var overflowed = false

  /// Offsets in one buffer must fit in 32 bits, which bounds `limit`.
  package init(capacity: Int = 4096, limit: Int = 128 << 20) {
    precondition(limit < 1 << 30)
    let size = max(capacity, 256)
    self.limit = limit
    unsafe base = .allocate(byteCount: size, alignment: 64)
    self.capacity = size
    count = 0
  }

  deinit {
    unsafe base.deallocate()
  }

  /// Forgets the contents and keeps the memory, for the next function.
  package mutating func reset() {
    count = 0
    overflowed = false
  }

  /// Makes room for one instruction.
  @inline(__always)
  package mutating func reserve() {
    if capacity &- count < Self.instructionRoom { grow(by: Self.instructionRoom) }
  }

  /// Makes room for `bytes` more, plus the overhang of `append`.
  package mutating func reserve(_ bytes: Int) {
    let needed = bytes + Self.instructionRoom
    if capacity - count < needed { grow(by: needed) }
  }

  @inline(never)
  private mutating func grow(by needed: Int) {
    if count + needed > limit {
      overflowed = true
      count = 0
      if capacity >= needed { return }
    }
    let size = max(capacity * 2, count + needed)
    let fresh = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
    unsafe fresh.copyMemory(from: base, byteCount: count)
    unsafe base.deallocate()
    unsafe base = fresh
    capacity = size
  }

  /// Stores all eight bytes of `word` and advances by `bytes` (at most 8).
  @inline(__always)
  package mutating func append(_ word: UInt64, bytes: Int) {
    assert(capacity - count >= 8 && bytes <= 8)
    unsafe base.storeBytes(of: word, toByteOffset: count, as: UInt64.self)
    count &+= bytes
  }

  @inline(__always)
  package mutating func put1(_ value: UInt8) {
    assert(capacity - count >= 1)
    unsafe base.storeBytes(of: value, toByteOffset: count, as: UInt8.self)
    count &+= 1
  }

  @inline(__always)
  package mutating func put2(_ value: UInt16) {
    assert(capacity - count >= 2)
    unsafe base.storeBytes(of: value, toByteOffset: count, as: UInt16.self)
    count &+= 2
  }

  @inline(__always)
  package mutating func put4(_ value: UInt32) {
    assert(capacity - count >= 4)
    unsafe base.storeBytes(of: value, toByteOffset: count, as: UInt32.self)
    count &+= 4
  }

  @inline(__always)
  package mutating func put8(_ value: UInt64) {
    append(value, bytes: 8)
  }

  /// Rewrites four bytes that were written before.
  @inline(__always)
  package mutating func patch32(at offset: Int, _ value: Int32) {
    guard isWritten(offset, 4) else { return }
    unsafe base.storeBytes(of: value, toByteOffset: offset, as: Int32.self)
  }

  @inline(__always)
  package mutating func patch8(at offset: Int, _ value: Int8) {
    guard isWritten(offset, 1) else { return }
    unsafe base.storeBytes(of: value, toByteOffset: offset, as: Int8.self)
  }

  /// Whether the bytes are there to be rewritten. They may be missing after an
  /// overflow; otherwise the offset is a bug of ours.
  @inline(__always)
  private func isWritten(_ offset: Int, _ bytes: Int) -> Bool {
    if offset >= 0 && offset &+ bytes <= count { return true }
    precondition(overflowed)
    return false
  }

  package func read32(at offset: Int) -> Int32 {
    guard isWritten(offset, 4) else { return 0 }
    return unsafe base.loadUnaligned(fromByteOffset: offset, as: Int32.self)
  }

  package func byte(at offset: Int) -> UInt8 {
    guard isWritten(offset, 1) else { return 0 }
    return unsafe base.load(fromByteOffset: offset, as: UInt8.self)
  }

  /// Drops what was written at `offset` and after, as when a peephole takes
  /// the last instruction back. No label or fixup may lie in what is dropped.
  package mutating func truncate(to offset: Int) {
    guard isWritten(offset, 0) else { return }
    count = offset
  }

  /// Appends `bytes` as they are.
  package mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
    reserve(bytes.count)
    guard let source = bytes.baseAddress else { return }
    unsafe base.advanced(by: count).copyMemory(from: source, byteCount: bytes.count)
    count += bytes.count
  }

  /// The bytes written, valid within `body` only.
  package func withUnsafeBytes<Result>(
    _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    try unsafe body(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// A copy of the bytes written.
  package func bytes() -> [UInt8] {
    unsafe withUnsafeBytes { unsafe Array($0) }
  }

  /// Fills up to a multiple of `alignment` (a power of two) with the fewest
  /// instructions that do nothing.
  package mutating func align(to alignment: Int) {
    nops((0 &- count) & (alignment - 1))
  }

  /// `length` bytes of instructions that do nothing, in the forms that Intel
  /// recommends for each length.
  package mutating func nops(_ length: Int) {
    reserve(length)
    var left = length
    while left > 0 {
      let size = min(left, 9)
      switch size {
      case 1: append(0x90, bytes: 1)
      case 2: append(0x9066, bytes: 2)
      case 3: append(0x00_1F0F, bytes: 3)
      case 4: append(0x00_401F0F, bytes: 4)
      case 5: append(0x00_00_441F0F, bytes: 5)
      case 6: append(0x00_00_441F0F66, bytes: 6)
      case 7: append(0x0000_0000_801F0F, bytes: 7)
      case 8: append(0x00_0000_0000_841F0F, bytes: 8)
      default:
        append(0x66, bytes: 1)
        append(0x00_0000_0000_841F0F, bytes: 8)
      }
      left -= size
    }
  }

  /// Fills up to a multiple of `alignment` with `int3`, where control never falls in.
  package mutating func alignWithBreakpoints(to alignment: Int) {
    let length = (0 &- count) & (alignment - 1)
    reserve(length)
    for _ in 0..<length { put1(0xCC) }
  }
}
