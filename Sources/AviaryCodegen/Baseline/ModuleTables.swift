import AviaryContract
import AviaryCore
import CAviaryContract

/// What the baseline asks of a module while it emits, as flat rows.
final class ModuleTables: Sendable {
  /// A function type, or a block's type by index. Rows of other types are empty.
  struct Signature: BitwiseCopyable {
    /// Positions in `classes`.
    var firstParameter: UInt32 = 0
    var parameterCount: UInt32 = 0
    var firstResult: UInt32 = 0
    var resultCount: UInt32 = 0
    /// Bytes of stack arguments and of the result area, multiples of 16.
    var argumentBytes: UInt32 = 0
    var resultAreaBytes: UInt32 = 0
    var isFinal = true
    var hasVectors = false
    /// Among the parameters.
    var hasExceptions = false
  }
  /// Where an entity stands relative to r15: itself, or a pointer to it.
  struct Place: BitwiseCopyable {
    var offset: Int32
    var isIndirect: Bool
    init(_ slot: VMContextLayout.Slot) {
      switch slot {
      case .inline(let offset): (self.offset, isIndirect) = (offset, false)
      case .indirect(let offset): (self.offset, isIndirect) = (offset, true)
      }
    }
  }
  struct Global: BitwiseCopyable {
    var place: Place
    var type: ValueClass
  }
  struct Memory: BitwiseCopyable {
    var place: Place
    var is64: Bool
    var pageSizeLog2: UInt8
    /// Accesses whose offset + width is at most this need no check.
    var uncheckedBytes: UInt64
  }
  struct Tag: BitwiseCopyable {
    var place: Place
    /// Its parameters are what an exception carries.
    var type: UInt32
  }
  struct Table: BitwiseCopyable {
    var place: Place
    var is64: Bool
  }

  let signatures: FrozenArray<Signature>
  /// Raw values of `ValueClass`.
  let classes: FrozenArray<UInt8>
  /// Type index of each function.
  let functions: FrozenArray<UInt32>
  let globals: FrozenArray<Global>
  let memories: FrozenArray<Memory>
  let tables: FrozenArray<Table>
  let tags: FrozenArray<Tag>
  /// Per function: offset of its funcref from r15 (or of the pointer to it, for imports), or -1.
  let funcRefs: FrozenArray<Int32>
  let importedFunctionCount: Int
  let importedFunctionsOffset: Int
  let hasForeignTailCalls: Bool
  let hasMemory0: Bool
  /// Whether the type of a function or global has a vector.
  let hasVectorTypes: Bool
  let tunables: Tunables

  init(_ module: ValidatedModule, _ layout: VMContextLayout, _ tunables: Tunables) {
    let info = module.info
    var classes: [UInt8] = []
    var signatures: [Signature] = []
    signatures.reserveCapacity(info.types.count)
    for type in info.types {
      guard case .function(let function) = type.composite else {
        signatures.append(Signature())
        continue
      }
      signatures.append(Self.signature(function, isFinal: type.isFinal, &classes))
    }
    self.signatures = FrozenArray(signatures)
    self.classes = FrozenArray(classes)
    functions = FrozenArray(info.functions)
    globals = FrozenArray(
      info.globals.enumerated().map { index, global in
        Global(place: Place(layout.global(UInt32(index))), type: ValueClass(global.type.value))
      })
    memories = FrozenArray(
      info.memories.enumerated().map { index, memory in
        Memory(
          place: Place(layout.memory(UInt32(index))), is64: memory.is64,
          pageSizeLog2: memory.pageSizeLog2,
          uncheckedBytes: Self.uncheckedBytes(of: memory, tunables))
      })
    tables = FrozenArray(
      info.tables.enumerated().map { index, table in
        Table(place: Place(layout.table(UInt32(index))), is64: table.type.is64)
      })
    tags = FrozenArray(
      info.tags.enumerated().map { index, type in Tag(place: Place(layout.tag(UInt32(index))), type: type) })
    funcRefs = FrozenArray(
      (0..<info.functions.count).map { index in
        switch layout.funcRef(UInt32(index)) {
        case .inline(let offset), .indirect(let offset): offset
        case nil: -1
        }
      })
    importedFunctionCount = info.importedFunctionCount
    importedFunctionsOffset = layout.importedFunctionsOffset
    hasForeignTailCalls = module.facts.hasForeignTailCalls
    hasMemory0 = !info.memories.isEmpty
    hasVectorTypes =
      signatures.contains { $0.hasVectors } || info.globals.contains { $0.type.value.isVector }
    self.tunables = tunables
  }

  deinit {
    signatures.free()
    classes.free()
    functions.free()
    globals.free()
    memories.free()
    tables.free()
    tags.free()
    funcRefs.free()
  }

  private static func signature(
    _ type: FunctionType, isFinal: Bool, _ classes: inout [UInt8]
  ) -> Signature {
    let layout = SignatureLayout(type)
    var row = Signature(isFinal: isFinal)
    row.firstParameter = UInt32(classes.count)
    row.parameterCount = UInt32(type.parameters.count)
    classes += type.parameters.map { ValueClass($0).rawValue }
    row.firstResult = UInt32(classes.count)
    row.resultCount = UInt32(type.results.count)
    classes += type.results.map { ValueClass($0).rawValue }
    row.argumentBytes = UInt32(layout.argumentBytes)
    row.resultAreaBytes = UInt32(layout.resultAreaBytes)
    row.hasVectors = (type.parameters + type.results).contains { $0.isVector }
    row.hasExceptions = type.parameters.contains { $0.isException }
    return row
  }

  /// A 32-bit index reaches 4 GiB: the guard pages stand in for checks only where
  /// that much is reserved, and only for pages that protection can express.
  private static func uncheckedBytes(of memory: MemoryType, _ tunables: Tunables) -> UInt64 {
    guard !memory.is64, memory.pageSizeLog2 == 16, tunables.memoryReservationBytes >= 1 << 32 else {
      return 0
    }
    // Offsets are folded into a signed 32-bit displacement.
    return min(tunables.memoryGuardBytes, 1 << 31)
  }
}
