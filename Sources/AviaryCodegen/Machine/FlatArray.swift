/// A growable array of plain values with unchecked hot paths and no reference
/// counting: what the compilers keep their side tables in. `removeAll` keeps
/// the memory, so one array serves function after function.
///
/// Invariant: `base` owns `capacity` elements, of which the first `count` are
/// initialised. Subscripts are checked: an index may come from the guest.
@safe
package struct FlatArray<Element: BitwiseCopyable>: ~Copyable {
  private var base: UnsafeMutablePointer<Element>
  private var capacity: Int
  package private(set) var count: Int

  package init(capacity: Int = 16) {
    let size = max(capacity, 4)
    unsafe base = .allocate(capacity: size)
    self.capacity = size
    count = 0
  }

  deinit {
    unsafe base.deallocate()
  }

  @inline(__always)
  package var isEmpty: Bool { count == 0 }

  @inline(__always)
  package mutating func append(_ element: Element) {
    if count == capacity { grow(to: count + 1) }
    unsafe (base + count).initialize(to: element)
    count &+= 1
  }

  /// Appends `count` copies.
  package mutating func append(repeating element: Element, count copies: Int) {
    precondition(copies >= 0)
    if copies > capacity - count { grow(to: count + copies) }
    unsafe (base + count).initialize(repeating: element, count: copies)
    count += copies
  }

  @inline(never)
  private mutating func grow(to needed: Int) {
    let size = max(capacity * 2, needed)
    let fresh = UnsafeMutablePointer<Element>.allocate(capacity: size)
    unsafe fresh.update(from: base, count: count)
    unsafe base.deallocate()
    unsafe base = fresh
    capacity = size
  }

  @inline(__always)
  package mutating func removeAll() {
    count = 0
  }

  @inline(__always)
  package mutating func removeLast() -> Element {
    precondition(count > 0)
    count &-= 1
    return unsafe base[count]
  }

  /// Drops elements until `newCount` are left.
  @inline(__always)
  package mutating func truncate(to newCount: Int) {
    precondition(newCount >= 0 && newCount <= count)
    count = newCount
  }

  @inline(__always)
  package subscript(index: Int) -> Element {
    get {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      return unsafe base[index]
    }
    _modify {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      yield unsafe &base[index]
    }
  }

  /// The elements, valid within `body` only.
  package func withUnsafeElements<Result>(
    _ body: (UnsafeBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    try unsafe body(UnsafeBufferPointer(start: base, count: count))
  }

  package func elements() -> [Element] {
    unsafe withUnsafeElements { unsafe Array($0) }
  }
}
