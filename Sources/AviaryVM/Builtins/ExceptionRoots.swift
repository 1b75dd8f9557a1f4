import AviaryCore
import CAviaryContract
import CAviaryHost

extension Builtins {
  /// While a store's exceptions are collected.
  static let markExceptions: @convention(c) (UnsafeMutablePointer<AviaryStoreContext>?, OpaquePointer?) -> Void = {
    store, marker in
    guard let store = unsafe store, let marker = unsafe marker else { return }
    unsafe Unmanaged<VMStore>.fromOpaque(store.pointee.owner)._withUnsafeGuaranteedRef {
      unsafe $0.markExceptions(marker)
    }
  }
}

extension VMStore {
  /// What refers to exceptions beside the guests' stack and the host's handles: tables, globals, element segments.
  ///
  /// Unsafe contract: `marker` is that of the collection in progress.
  fileprivate func markExceptions(_ marker: OpaquePointer) {
    for table in tables where table.type.element.isException {
      unsafe aviary_exception_mark(marker, table.cell.pointee.base, Int(table.cell.pointee.length), 1)
    }
    // The host's globals, of whatever type.
    for unsafe cell in unsafe cells { unsafe aviary_exception_mark(marker, &cell.pointee.low, 1, 1) }
    for instance in instances {
      let info = instance.module.info
      for (index, global) in info.globals.enumerated() where global.type.value.isException {
        unsafe aviary_exception_mark(marker, &instance.globalCells[index].pointee.low, 1, 1)
      }
      for (index, segment) in info.elements.enumerated() where segment.type.isException {
        let words = unsafe instance.elements[index]
        unsafe aviary_exception_mark(marker, words.baseAddress, words.count, 1)
      }
    }
  }
}
