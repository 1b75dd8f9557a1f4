import AviaryContract
import AviaryCore
import Synchronization

/// Finds a module's exports by their names, and remembers what typed functions learned of them.
///
/// Names are compared byte by byte, as the standard does. The hash is seeded, so that no module can be made
/// of names that collide. Thread-safe.
@safe
package final class ExportIndex: Sendable {
  @safe
  private struct Bucket {
    var hash: UInt64
    /// Position among the exports; -1: empty.
    var position: Int
    var name: UnsafeRawBufferPointer
  }
  /// How an exported function is entered, once somebody asked, and the Swift type that was found to fit last.
  private struct Known: ~Copyable {
    let swiftType = Atomic<UInt>(0)
    var call: VMCallShape?
    /// Where an instance's context has the function's reference; nil for what is no function, is imported, or
    /// has none there.
    let place: VMContextLayout.Slot?
  }
  nonisolated(unsafe) private let buckets: UnsafeMutableBufferPointer<Bucket>
  nonisolated(unsafe) private let names: UnsafeMutableRawBufferPointer
  nonisolated(unsafe) private let known: UnsafeMutableBufferPointer<Known>
  /// One less than the number of buckets, a power of two.
  private let mask: Int
  private let seed: UInt64
  /// Held to write `call`.
  private let writing = Mutex(())

  init(_ exports: [Export], _ layout: VMContextLayout) {
    seed = .random(in: .min ... .max)
    var capacity = 4
    while capacity < 2 * exports.count { capacity *= 2 }
    mask = capacity - 1
    unsafe buckets = .allocate(capacity: capacity)
    unsafe buckets.initialize(repeating: Bucket(hash: 0, position: -1, name: UnsafeRawBufferPointer(start: nil, count: 0)))
    unsafe names = .allocate(byteCount: exports.reduce(0) { $0 + $1.name.utf8.count }, alignment: 1)
    unsafe known = .allocate(capacity: exports.count)
    for position in exports.indices { unsafe known.initializeElement(
        at: position, to: Known(place: ExportIndex.place(exports[position], layout)))
    }
    var end = 0
    for (position, export) in exports.enumerated() {
      let start = end
      for byte in export.name.utf8 {
        unsafe names[end] = byte
        end += 1
      }
      unsafe insert(UnsafeRawBufferPointer(rebasing: names[start..<end]), position)
    }
  }

  deinit {
    unsafe buckets.deallocate()
    unsafe names.deallocate()
    unsafe known.deinitialize()
    unsafe known.deallocate()
  }

  /// Of functions that the module defines. An imported one may have another type in each instance: any subtype
  /// of the declared one, which fits other Swift types.
  private static func place(_ export: Export, _ layout: VMContextLayout) -> VMContextLayout.Slot? {
    guard export.kind == .function, let place = layout.funcRef(export.index), case .inline = place else { return nil }
    return place
  }

  /// The export's position; nil where there is none.
  package func position(of name: String) -> Int? {
    if let found = unsafe name.utf8.withContiguousStorageIfAvailable({ unsafe find(UnsafeRawBufferPointer($0)) }) { return found }
    return unsafe Array(name.utf8).withUnsafeBytes { unsafe find($0) }
  }

  private func insert(_ name: UnsafeRawBufferPointer, _ position: Int) {
    let hash = unsafe hash(name)
    var index = Int(truncatingIfNeeded: hash) & mask
    while unsafe buckets[index].position >= 0 {
      // The first one of a name counts.
      if unsafe equal(buckets[index], hash, name) { return }
      index = (index + 1) & mask
    }
    unsafe buckets[index] = Bucket(hash: hash, position: position, name: name)
  }

  private func find(_ name: UnsafeRawBufferPointer) -> Int? {
    let hash = unsafe hash(name)
    var index = Int(truncatingIfNeeded: hash) & mask
    while true {
      let bucket = unsafe buckets[index]
      if bucket.position < 0 { return nil }
      if unsafe equal(bucket, hash, name) { return bucket.position }
      index = (index + 1) & mask
    }
  }

  private func equal(_ bucket: Bucket, _ hash: UInt64, _ name: UnsafeRawBufferPointer) -> Bool {
    guard bucket.hash == hash, unsafe bucket.name.count == name.count else { return false }
    return unsafe bucket.name.elementsEqual(name)
  }

  private func hash(_ name: UnsafeRawBufferPointer) -> UInt64 {
    func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
      let product = a.multipliedFullWidth(by: b)
      return product.high ^ product.low
    }
    var hash = seed ^ UInt64(name.count)
    var offset = 0
    while offset + 8 <= name.count {
      hash = unsafe mix(hash ^ name.loadUnaligned(fromByteOffset: offset, as: UInt64.self), 0x9E37_79B9_7F4A_7C15 ^ seed)
      offset += 8
    }
    var rest: UInt64 = 0
    while offset < name.count {
      rest = unsafe rest << 8 | UInt64(name[offset])
      offset += 1
    }
    return mix(hash ^ rest, 0xD6E8_FEB8_6659_FD93 ^ seed)
  }

  // MARK: Typed functions

  /// Where the exported function of the name is and how it is called, where `type` was found to fit it.
  @inline(__always)
  func function(_ name: String, as type: ObjectIdentifier) -> (place: VMContextLayout.Slot, call: VMCallShape)? {
    guard let position = position(of: name),
      unsafe known[position].swiftType.load(ordering: .acquiring) == UInt(bitPattern: type),
      let place = unsafe known[position].place, let call = unsafe known[position].call
    else { return nil }
    return (place, call)
  }

  /// Remembers that the Swift type fits the exported function of the name.
  package func remember(_ name: String, _ call: VMCallShape, as type: ObjectIdentifier) {
    guard let position = position(of: name) else { return }
    writing.withLock { _ in
      // A reader has seen a type before it reads this, so it is written before the first, and once.
      if unsafe known[position].call == nil { unsafe known[position].call = call }
      unsafe known[position].swiftType.store(UInt(bitPattern: type), ordering: .releasing)
    }
  }
}

/// What calls of a function need to know of its type.
package struct VMCallShape: Sendable {
  /// max(parameters, results, 1).
  package let slotCount: Int
  package let thunk: VMThunk
  package init(slotCount: Int, thunk: VMThunk) {
    self.slotCount = slotCount
    self.thunk = thunk
  }
}
