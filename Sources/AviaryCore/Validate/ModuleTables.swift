/// A run of value types (raw) in memory that outlives its use.
@safe struct TypeList {
  let start: UnsafePointer<UInt32>
  let count: Int
  subscript(_ index: Int) -> UInt32 {
    assert(index >= 0 && index < count)
    return unsafe start[index]
  }
  var buffer: UnsafeBufferPointer<UInt32> { unsafe UnsafeBufferPointer(start: start, count: count) }
}

/// A module's index spaces as flat arrays, so that validating a body touches no Swift array
/// and no reference count.
///
/// Invariant: each array holds as many entries as its count says; every access below checks the index.
@safe final class ModuleTables: @unchecked Sendable {
  /// Where a function type's values lie in `values`; `isFunction` is false for structs and arrays.
  struct Signature: BitwiseCopyable {
    var start: UInt32
    var parameters: UInt16
    var results: UInt16
    var isFunction: Bool
  }

  let info: ModuleInfo
  let storage: TypeStorage
  let lattice: TypeLattice
  let signatures: FlatArray<Signature>
  let values: FlatArray<UInt32>
  let functions: FlatArray<UInt32>
  /// Per function: named outside of bodies, so that `ref.func` may name it.
  let declared: FlatArray<Bool>
  let globals: FlatArray<UInt32>
  let globalMutability: FlatArray<Bool>
  let memories64: FlatArray<Bool>
  let tables64: FlatArray<Bool>
  let tableElements: FlatArray<UInt32>
  let tags: FlatArray<UInt32>
  let elements: FlatArray<UInt32>

  /// - Precondition: the type section and all type indices of functions and tags are valid.
  init(_ info: ModuleInfo, _ storage: TypeStorage, declared: [Bool]) {
    self.info = info
    self.storage = storage
    lattice = storage.lattice
    var values: [UInt32] = []
    var signatures: [Signature] = []
    signatures.reserveCapacity(info.types.count)
    for type in info.types {
      if case .function(let function) = type.composite {
        signatures.append(
          Signature(
            start: UInt32(values.count), parameters: UInt16(function.parameters.count),
            results: UInt16(function.results.count), isFunction: true))
        for value in function.parameters { values.append(value.rawValue) }
        for value in function.results { values.append(value.rawValue) }
      } else {
        signatures.append(Signature(start: 0, parameters: 0, results: 0, isFunction: false))
      }
    }
    self.signatures = FlatArray(signatures)
    self.values = FlatArray(values)
    functions = FlatArray(info.functions)
    self.declared = FlatArray(declared)
    globals = FlatArray(info.globals.map { $0.type.value.rawValue })
    globalMutability = FlatArray(info.globals.map { $0.type.isMutable })
    memories64 = FlatArray(info.memories.map { $0.is64 })
    tables64 = FlatArray(info.tables.map { $0.type.is64 })
    tableElements = FlatArray(info.tables.map { $0.type.element.rawValue })
    tags = FlatArray(info.tags)
    elements = FlatArray(info.elements.map { $0.type.rawValue })
  }

  deinit {
    signatures.deallocate()
    values.deallocate()
    functions.deallocate()
    declared.deallocate()
    globals.deallocate()
    globalMutability.deallocate()
    memories64.deallocate()
    tables64.deallocate()
    tableElements.deallocate()
    tags.deallocate()
    elements.deallocate()
  }
}

/// An immutable array in raw memory; freed by its owner.
@safe struct FlatArray<Element: BitwiseCopyable> {
  private let start: UnsafeMutablePointer<Element>
  let count: UInt32

  init(_ elements: [Element]) {
    unsafe start = .allocate(capacity: max(elements.count, 1))
    for (index, element) in elements.enumerated() {
      unsafe (start + index).initialize(to: element)
    }
    count = UInt32(elements.count)
  }

  /// Unsafe contract: once, and no use after it.
  func deallocate() { unsafe start.deallocate() }

  /// nil where the index is out of range.
  @inline(__always) subscript(_ index: UInt32) -> Element? {
    index < count ? unsafe start[Int(index)] : nil
  }

  /// - Precondition: the run lies in the array.
  func address(_ index: Int, count: Int) -> UnsafePointer<Element> {
    precondition(index >= 0 && count >= 0 && index + count <= Int(self.count))
    return unsafe UnsafePointer(start + index)
  }
}
