import CAviaryContract
import CAviaryHost

extension Builtins {
  static let tableGrow: @convention(c) (Context, UInt32, UInt64, UInt64) -> UInt64 = { context, index, delta, value in
    unsafe with(context) { instance in
      let store = unsafe instance.store
      do {
        if delta > 0, unsafe store.asksLater(context) {
          guard store.allowedCount(instance.tables[Int(index)], by: delta) != nil else { return denied }
          return unsafe suspend(context, AVIARY_REQUEST_TABLE_GROW, index, delta, value)
        }
        return try store.grow(instance.tables[Int(index)], by: delta, filling: value) ?? denied
      } catch {
        store.hostError = error
        unsafe trap(context, AVIARY_TRAP_HOST)
        return denied
      }
    }
  }

  static let tableFill: @convention(c) (Context, UInt32, UInt64, UInt64, UInt64) -> Void = {
    context, index, start, value, count in
    unsafe with(context) { instance in
      guard let target = unsafe elements(instance, index, start, count) else {
        return unsafe trap(context, AVIARY_TRAP_TABLE_OUT_OF_BOUNDS)
      }
      guard unsafe pays(context, elements: count) else { return }
      unsafe target.update(repeating: value, count: Int(count))
    }
  }

  static let tableCopy: @convention(c) (Context, UInt32, UInt32, UInt64, UInt64, UInt64) -> Void = {
    context, toIndex, fromIndex, to, from, count in
    unsafe with(context) { instance in
      guard let target = unsafe elements(instance, toIndex, to, count),
        let source = unsafe elements(instance, fromIndex, from, count)
      else { return unsafe trap(context, AVIARY_TRAP_TABLE_OUT_OF_BOUNDS) }
      guard unsafe pays(context, elements: count) else { return }
      // Right for ranges that overlap too.
      unsafe target.update(from: source, count: Int(count))
    }
  }

  static let tableInit: @convention(c) (Context, UInt32, UInt32, UInt64, UInt64, UInt64) -> Void = {
    context, index, segment, to, from, count in
    unsafe with(context) { instance in
      let source = unsafe instance.elements[Int(segment)]
      // More than there is traps.
      guard unsafe pays(context, elements: min(count, UInt64(source.count))) else { return }
      if unsafe !instance.copyElements(source, to: instance.tables[Int(index)], at: to, from: from, count: count) {
        unsafe trap(context, AVIARY_TRAP_TABLE_OUT_OF_BOUNDS)
      }
    }
  }

  static let elementDrop: @convention(c) (Context, UInt32) -> Void = { context, segment in
    unsafe with(context) { $0.dropElements(Int(segment)) }
  }

  /// The start of a range that lies inside of the table.
  @inline(__always)
  private static func elements(
    _ instance: InstanceState, _ index: UInt32, _ start: UInt64, _ count: UInt64
  ) -> UnsafeMutablePointer<UInt64>? {
    let table = unsafe instance.tableCells[Int(index)].pointee
    guard unsafe start <= table.length, unsafe count <= table.length - start else { return nil }
    return unsafe table.base + Int(start)
  }
}
