/// Read-only rows that several workers share without reference counting.
///
/// Unsafe contract: whoever makes one calls `free` when no copy is used any more;
/// `ModuleTables` does, in its `deinit`. Subscripts are checked: an index may come from the guest.
@safe
struct FrozenArray<Element: BitwiseCopyable>: @unchecked Sendable {
  private let base: UnsafeMutablePointer<Element>
  let count: Int

  init(_ elements: some Collection<Element>) {
    count = elements.count
    let base = UnsafeMutablePointer<Element>.allocate(capacity: max(count, 1))
    var position = 0
    for element in elements {
      unsafe (base + position).initialize(to: element)
      position += 1
    }
    unsafe self.base = base
  }

  @inline(__always)
  subscript(index: Int) -> Element {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    return unsafe base[index]
  }

  @inline(__always)
  subscript(index: UInt32) -> Element { self[Int(index)] }

  func free() { unsafe base.deallocate() }
}
