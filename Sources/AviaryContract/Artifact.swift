/// Compiled code and its tables, inert: no absolute address, no relocation left.
///
/// Made by AviaryCodegen's linker, read by AviaryVM's code memory, serialised by
/// `Artifact+Serialization`. All offsets are bytes from the start of `text`.
package struct Artifact: Sendable {
  /// Counts up with every change of the ABI, of the tables or of the file.
  package static let formatVersion: UInt64 = 4

  /// `Tunables.fingerprint` of the compilation.
  package var fingerprint: UInt64
  package var cpu: CPUFeatures
  /// Machine code, functions aligned to 16.
  package var text: [UInt8]
  /// Per defined function, in index order.
  package var functions: [FunctionRange]
  /// Sorted by offset, no duplicates: where guest code may trap.
  package var traps: [TrapSite]
  /// Sorted by offset: machine code position → byte offset in the module.
  package var addresses: [AddressMapping]
  /// What catches exceptions thrown by the module's calls and throws.
  package var exceptions: HandlerTables

  package init(
    fingerprint: UInt64, cpu: CPUFeatures, text: [UInt8], functions: [FunctionRange],
    traps: [TrapSite], addresses: [AddressMapping], exceptions: HandlerTables = HandlerTables()
  ) {
    self.fingerprint = fingerprint
    self.cpu = cpu
    self.text = text
    self.functions = functions
    self.traps = traps
    self.addresses = addresses
    self.exceptions = exceptions
  }
}

/// Where a defined function's code stands; `offset` is its entry.
package struct FunctionRange: Sendable, Equatable, BitwiseCopyable {
  package var offset: UInt32
  package var size: UInt32
  package init(offset: UInt32, size: UInt32) {
    self.offset = offset
    self.size = size
  }
}

/// A place that may trap: the first byte of an instruction that may fault, or the
/// return address of a trap stub's call.
package struct TrapSite: Sendable, Equatable, BitwiseCopyable {
  package var offset: UInt32
  /// Raw value of `TrapCode`.
  package var code: UInt32
  package init(offset: UInt32, code: TrapCode) {
    self.offset = offset
    self.code = code.rawValue
  }
}

/// A trap site, or a call's return address, and the operator that it belongs to.
package struct AddressMapping: Sendable, Equatable, BitwiseCopyable {
  package var offset: UInt32
  package var wasmOffset: UInt32
  package init(offset: UInt32, wasmOffset: UInt32) {
    self.offset = offset
    self.wasmOffset = wasmOffset
  }
}
