import AviaryCore
import AviaryPool
import CAviaryContract

// What the public API's `Caller` keeps of a caller: one address.
extension VMCaller {
  /// Address of the calling instance's context; 0 when the host itself called the function.
  package var contextAddress: UInt { unsafe UInt(bitPattern: context) }

  /// Unsafe contract: the address came from `contextAddress` of a call that still runs, of this store.
  package init(unsafe store: VMStore, contextAddress: UInt) {
    unsafe self.init(store: store, context: UnsafeMutablePointer(bitPattern: contextAddress))
  }

  /// Address of the `AviaryMemory` that host functions act on, plus 2 where it is shared; 0 where the caller has
  /// none. The calling thread may touch the memory from then on.
  ///
  /// Unsafe contract: as for `init(unsafe:contextAddress:)`; 0 is allowed.
  package static func memoryRecord(unsafe contextAddress: UInt) -> UInt {
    guard let context = unsafe UnsafeMutablePointer<AviaryVMContext>(bitPattern: contextAddress),
      unsafe context.pointee.magic == UInt32(AVIARY_MAGIC_CORE)
    else { return 0 }
    HostAccess.allow()
    return unsafe Unmanaged<InstanceState>.fromOpaque(context.pointee.owner)._withUnsafeGuaranteedRef { instance in
      guard let index = instance.module.defaultMemory else { return 0 }
      let isShared = instance.hasSharedMemories && instance.memories[Int(index)].shared != nil
      return unsafe UInt(bitPattern: instance.memoryCells[Int(index)]) | (isShared ? 2 : 0)
    }
  }
}

extension VMMemory {
  /// Address of the memory's `AviaryMemory`; it stays as long as the store lives.
  package var recordAddress: UInt { unsafe UInt(bitPattern: state.cell) }
  /// Whether a thread has to be given the rights to the memory before it touches it
  /// (`HostAccess.allow`).
  package var isUnderKey: Bool { unsafe state.isUnderKey }
}

extension VMModule {
  /// The memory that host functions act on: the export "memory", else memory 0.
  static func defaultMemory(of info: ModuleInfo) -> UInt32? {
    if let export = info.exports.first(where: { $0.kind == .memory && $0.name == "memory" }) { return export.index }
    return info.memories.isEmpty ? nil : 0
  }
}
