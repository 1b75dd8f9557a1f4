/// args_get, args_sizes_get, environ_get, environ_sizes_get.
extension System {
  func argsGet(_ memory: GuestMemory, _ pointers: UInt32, _ buffer: UInt32) throws(Errno) {
    try store(arguments, in: memory, pointers, buffer)
  }

  func argsSizesGet(_ memory: GuestMemory, _ count: UInt32, _ size: UInt32) throws(Errno) {
    try storeSizes(of: arguments, in: memory, count, size)
  }

  func environGet(_ memory: GuestMemory, _ pointers: UInt32, _ buffer: UInt32) throws(Errno) {
    try store(environment, in: memory, pointers, buffer)
  }

  func environSizesGet(_ memory: GuestMemory, _ count: UInt32, _ size: UInt32) throws(Errno) {
    try storeSizes(of: environment, in: memory, count, size)
  }

  /// Writes the strings one after the other to `buffer`, and their addresses
  /// to `pointers`.
  private func store(
    _ strings: [[UInt8]], in memory: GuestMemory, _ pointers: UInt32, _ buffer: UInt32
  ) throws(Errno) {
    let (count, size) = try sizes(of: strings)
    let pointerArray = try memory.array(at: pointers, count: count, stride: 4)
    let bytes = try memory.slot(at: buffer, size: Int(size))
    var offset = 0
    for (index, string) in strings.enumerated() {
      bytes.copy(string, at: offset)
      // Below the memory's size, so it fits.
      pointerArray.store(buffer &+ UInt32(truncatingIfNeeded: offset), at: index * 4)
      offset += string.count
    }
  }

  private func storeSizes(
    of strings: [[UInt8]], in memory: GuestMemory, _ count: UInt32, _ size: UInt32
  ) throws(Errno) {
    let countSlot = try memory.slot(at: count, size: 4)
    let sizeSlot = try memory.slot(at: size, size: 4)
    let sizes = try sizes(of: strings)
    countSlot.store(sizes.count)
    sizeSlot.store(sizes.size)
  }

  private func sizes(of strings: [[UInt8]]) throws(Errno) -> (count: UInt32, size: UInt32) {
    guard let count = UInt32(exactly: strings.count),
      let size = UInt32(exactly: strings.reduce(0) { $0 + $1.count })
    else { throw .overflow }
    return (count, size)
  }
}
