/// A guest's descriptors by number.
///
/// Invariant: never more than `limit` slots, whatever numbers a guest names;
/// the lowest free number is given out, as programs expect.
struct DescriptorTable {
  private var slots: [Descriptor?] = []
  private let limit: Int
  /// No slot below it is free.
  private var firstFree = 0

  init(limit: Int) { self.limit = limit }

  subscript(number: UInt32) -> Descriptor? {
    guard let index = Int(exactly: number), index < slots.count else { return nil }
    return slots[index]
  }

  /// Numbers in use.
  var openNumbers: [UInt32] {
    slots.indices.filter { slots[$0] != nil }.map { UInt32($0) }
  }

  /// Whether another descriptor fits.
  mutating func reserve() throws(Errno) {
    while firstFree < slots.count, slots[firstFree] != nil { firstFree += 1 }
    guard firstFree < limit else { throw .tooManyFiles }
  }

  /// Gives the descriptor the lowest free number.
  mutating func insert(_ descriptor: Descriptor) throws(Errno) -> UInt32 {
    try reserve()
    let number = firstFree
    if number == slots.count { slots.append(descriptor) } else { slots[number] = descriptor }
    firstFree = number + 1
    return UInt32(number)
  }

  /// Changes an open descriptor in place.
  mutating func update(
    _ number: UInt32, _ change: (inout Descriptor) throws(Errno) -> Void
  ) throws(Errno) {
    guard var descriptor = self[number] else { throw .badDescriptor }
    try change(&descriptor)
    slots[Int(number)] = descriptor
  }

  /// Closes a number; its handle goes with the last holder. Who waits for it is told.
  mutating func remove(_ number: UInt32) throws(Errno) {
    guard let descriptor = self[number] else { throw .badDescriptor }
    descriptor.handle?.retire()
    slots[Int(number)] = nil
    firstFree = min(firstFree, Int(number))
  }

  /// Moves `from` to the number `to`, which must be open too and is closed.
  mutating func renumber(_ from: UInt32, to: UInt32) throws(Errno) {
    guard let moved = self[from], let closed = self[to] else { throw .badDescriptor }
    guard from != to else { return }
    closed.handle?.retire()
    slots[Int(to)] = moved
    slots[Int(from)] = nil
    firstFree = min(firstFree, Int(from))
  }

  mutating func removeAll() {
    for descriptor in slots { descriptor?.handle?.retire() }
    slots = []
    firstFree = 0
  }
}
