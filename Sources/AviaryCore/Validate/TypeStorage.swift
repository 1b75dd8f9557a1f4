/// Owns the arrays of a `TypeLattice` while they are filled group by group, and afterwards.
@safe final class TypeStorage: @unchecked Sendable {
  private let canonical: UnsafeMutablePointer<UInt32>
  private let supertypes: UnsafeMutablePointer<UInt32>
  private let kinds: UnsafeMutablePointer<TypeLattice.Kind>
  private let capacity: Int
  private var count = 0

  init(capacity: Int) {
    self.capacity = capacity
    unsafe canonical = .allocate(capacity: max(capacity, 1))
    unsafe supertypes = .allocate(capacity: max(capacity, 1))
    unsafe kinds = .allocate(capacity: max(capacity, 1))
  }

  deinit {
    unsafe canonical.deallocate()
    unsafe supertypes.deallocate()
    unsafe kinds.deallocate()
  }

  func append(canonical: UInt32, supertype: UInt32?, kind: TypeLattice.Kind) {
    precondition(count < capacity)
    unsafe (self.canonical + count).initialize(to: canonical)
    unsafe (supertypes + count).initialize(to: supertype ?? TypeLattice.none)
    unsafe (kinds + count).initialize(to: kind)
    count += 1
  }

  /// The types so far.
  var lattice: TypeLattice {
    unsafe TypeLattice(
      canonical: UnsafePointer(canonical), supertypes: UnsafePointer(supertypes), kinds: UnsafePointer(kinds),
      count: UInt32(count))
  }
}
