import CAviaryHost

/// As `AviaryAtomic`.
package enum VMAtomicOperation: UInt32, Sendable {
  case exchange, add, sub, and, or, xor
}

// What the host does with a shared memory's bytes: copies, and atomic operations. A range outside of the memory
// does nothing, and says so. Thread-safe, and so for guests that race with it.
extension VMSharedMemory {
  package func read(at offset: UInt64, into target: UnsafeMutableRawBufferPointer) -> Bool {
    guard let source = unsafe address(of: offset, count: UInt64(target.count)) else { return false }
    if let start = target.baseAddress { unsafe aviary_shared_copy(start, source, target.count) }
    return true
  }

  package func write(_ source: UnsafeRawBufferPointer, at offset: UInt64) -> Bool {
    guard let target = unsafe address(of: offset, count: UInt64(source.count)) else { return false }
    if let start = source.baseAddress { unsafe aviary_shared_copy(target, start, source.count) }
    return true
  }

  package func fill(_ byte: UInt8, at offset: UInt64, count: UInt64) -> Bool {
    guard let target = unsafe address(of: offset, count: count) else { return false }
    unsafe aviary_shared_fill(target, byte, Int(count))
    return true
  }

  package func copy(from: UInt64, to: UInt64, count: UInt64) -> Bool {
    guard let source = unsafe address(of: from, count: count), let target = unsafe address(of: to, count: count)
    else { return false }
    unsafe aviary_shared_copy(target, source, Int(count))
    return true
  }

  /// - Precondition of these: `width` is 1, 2, 4 or 8, and `offset` a multiple of it.
  package func load(at offset: UInt64, width: UInt32) -> UInt64? {
    guard let place = unsafe address(of: offset, count: UInt64(width)) else { return nil }
    return unsafe aviary_shared_load(place, width)
  }

  /// What was there before.
  package func modify(at offset: UInt64, width: UInt32, _ operation: VMAtomicOperation, _ value: UInt64) -> UInt64? {
    guard let place = unsafe address(of: offset, count: UInt64(width)) else { return nil }
    return unsafe aviary_shared_modify(place, width, AviaryAtomic(operation.rawValue), value)
  }

  /// What was there before.
  package func compareExchange(at offset: UInt64, width: UInt32, expected: UInt64, desired: UInt64) -> UInt64? {
    guard let place = unsafe address(of: offset, count: UInt64(width)) else { return nil }
    return unsafe aviary_shared_compare_exchange(place, width, expected, desired)
  }
}
