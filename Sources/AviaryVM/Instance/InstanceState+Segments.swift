import AviaryPool
import CAviaryContract
import CAviaryHost

// Bulk operations that the guest and instantiation share. Each checks all bounds
// before it writes anything; counts and offsets may be any 64-bit number.
extension InstanceState {
  /// Copies elements of a segment into a table; false where either range is not inside.
  func copyElements(
    _ source: UnsafeMutableBufferPointer<UInt64>, to table: TableState, at start: UInt64, from offset: UInt64, count: UInt64
  ) -> Bool {
    let available = UInt64(source.count)
    guard offset <= available, count <= available - offset,
      let target = unsafe table.elements(at: start, count: count)
    else { return false }
    guard count > 0, let base = source.baseAddress, let to = target.baseAddress else { return true }
    unsafe to.update(from: base + Int(offset), count: Int(count))
    return true
  }

  /// Copies bytes of a segment into a memory; false where either range is not inside.
  func copyData(_ segment: Int, to memory: Int, at start: UInt64, from offset: UInt64, count: UInt64) -> Bool {
    let source = unsafe data[segment]
    guard offset <= source.count, count <= source.count - offset,
      let target = unsafe memories[memory].bytes(at: start, count: count)
    else { return false }
    guard count > 0, let base = unsafe source.start, let to = target.baseAddress else { return true }
    if hasSharedMemories, memories[memory].shared != nil {
      unsafe aviary_shared_copy(to, base + Int(offset), Int(count))
    } else {
      unsafe to.copyMemory(from: base + Int(offset), byteCount: Int(count))
    }
    return true
  }

  /// Makes memories zero that were made with an image.
  func forgetImages() {
    guard let images = module.memories else { return }
    for (index, memory) in memories.enumerated() {
      guard let image = images.image(ofMemory: index),
        let target = unsafe memory.bytes(at: image.start, count: min(image.count, memory.byteCount - image.start))
      else { continue }
      unsafe target.initializeMemory(as: UInt8.self, repeating: 0)
    }
  }

  func dropData(_ segment: Int) { unsafe data[segment].count = 0 }

  func dropElements(_ segment: Int) {
    unsafe elements[segment] = UnsafeMutableBufferPointer(start: nil, count: 0)
  }
}
