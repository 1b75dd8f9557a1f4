package import AviaryCore
import CAviaryContract

/// Where each of a module's entities stands in its instances' VMContext.
///
/// ```
///  r15 ─► ┌──────────────────────┐ 0
///         │ head (AviaryVMContext)│ 64 bytes
///         ├──────────────────────┤ imported functions   24 bytes each (AviaryFunctionImport)
///         ├──────────────────────┤ imported memories     8 bytes each (AviaryMemory *)
///         ├──────────────────────┤ imported tables       8 bytes each (AviaryTable *)
///         ├──────────────────────┤ imported globals      8 bytes each (AviaryValue *)
///         ├──────────────────────┤ imported tags         8 bytes each
///         ├──────────────────────┤ (aligned to 16)
///         │ defined memories     │ 16 bytes each (AviaryMemory; of a shared one an AviaryMemory * first)
///         │ defined tables       │ 16 bytes each (AviaryTable)
///         │ defined globals      │ 16 bytes each (AviaryValue)
///         │ defined tags         │ 16 bytes each
///         │ funcrefs             │ 40 bytes each (AviaryFuncRef), of defined functions that escape
///         └──────────────────────┘ size, a multiple of 16
/// ```
/// All offsets fit in 31 bits: the counts are bounded by the decoder's limits and
/// `init` checks the sum.
package struct VMContextLayout: Sendable {
  package enum Slot: Sendable, Equatable {
    /// The entity itself stands at this offset from r15.
    case inline(Int32)
    /// A pointer to the entity stands at this offset from r15.
    case indirect(Int32)
  }

  package let size: Int
  package let importedFunctionsOffset: Int
  package let importedMemoriesOffset: Int
  package let importedTablesOffset: Int
  package let importedGlobalsOffset: Int
  package let importedTagsOffset: Int
  package let memoriesOffset: Int
  package let tablesOffset: Int
  package let globalsOffset: Int
  package let tagsOffset: Int
  package let funcRefsOffset: Int
  package let funcRefCount: Int
  /// Per function of the index space: its position among the funcrefs, or -1.
  package let funcRefIndices: [Int32]
  /// Of the tag space.
  package let tagCount: Int

  private let importedFunctions: Int
  private let importedMemories: Int
  private let importedTables: Int
  private let importedGlobals: Int
  private let importedTags: Int
  /// Per memory: its words are outside of the instance, which other threads' instances read too.
  private let isShared: [Bool]

  package static let functionImportSize = unsafe MemoryLayout<AviaryFunctionImport>.stride
  package static let funcRefSize = unsafe MemoryLayout<AviaryFuncRef>.stride

  /// - Throws: `ModuleError` of kind `unsupported` where the context would exceed 2^30 bytes.
  package init(_ module: ValidatedModule) throws(ModuleError) {
    let info = module.info
    importedFunctions = info.importedFunctionCount
    importedMemories = info.importedMemoryCount
    importedTables = info.importedTableCount
    importedGlobals = info.importedGlobalCount
    importedTags = info.importedTagCount
    isShared = info.memories.map(\.isShared)
    tagCount = info.tags.count

    // Counts are below 2^24 each (decoder limits), so these sums cannot overflow Int.
    var offset = Int(AVIARY_VMCTX_HEAD_SIZE)
    func take(_ count: Int, _ stride: Int) -> Int {
      defer { offset += count * stride }
      return offset
    }
    importedFunctionsOffset = take(importedFunctions, Self.functionImportSize)
    importedMemoriesOffset = take(importedMemories, 8)
    importedTablesOffset = take(importedTables, 8)
    importedGlobalsOffset = take(importedGlobals, 8)
    importedTagsOffset = take(importedTags, 8)
    offset = (offset + 15) & ~15
    memoriesOffset = take(info.memories.count - importedMemories, 16)
    tablesOffset = take(info.tables.count - importedTables, 16)
    globalsOffset = take(info.globals.count - importedGlobals, 16)
    tagsOffset = take(info.tags.count - importedTags, 16)

    var indices = [Int32](repeating: -1, count: info.functions.count)
    var next: Int32 = 0
    for function in importedFunctions..<info.functions.count where module.facts.escapes[function] {
      indices[function] = next
      next += 1
    }
    funcRefIndices = indices
    funcRefCount = Int(next)
    funcRefsOffset = take(Int(next), Self.funcRefSize)
    size = (offset + 15) & ~15
    guard size <= 1 << 30 else {
      throw ModuleError(.unsupported, "instance state of \(size) bytes exceeds the limit of \(1 << 30)", offset: 0)
    }
  }

  private func slot(_ index: UInt32, _ imported: Int, _ importedOffset: Int, _ offset: Int) -> Slot {
    let index = Int(index)
    return index < imported
      ? .indirect(Int32(importedOffset + 8 * index))
      : .inline(Int32(offset + 16 * (index - imported)))
  }
  package func memory(_ index: UInt32) -> Slot {
    let slot = slot(index, importedMemories, importedMemoriesOffset, memoriesOffset)
    if case .inline(let offset) = slot, isShared[Int(index)] { return .indirect(offset) }
    return slot
  }
  package func table(_ index: UInt32) -> Slot { slot(index, importedTables, importedTablesOffset, tablesOffset) }
  package func global(_ index: UInt32) -> Slot { slot(index, importedGlobals, importedGlobalsOffset, globalsOffset) }
  package func tag(_ index: UInt32) -> Slot { slot(index, importedTags, importedTagsOffset, tagsOffset) }

  /// Offset of an imported function's `AviaryFunctionImport`.
  package func functionImport(_ index: UInt32) -> Int32 {
    Int32(importedFunctionsOffset + Self.functionImportSize * Int(index))
  }
  /// How `ref.func` finds a function: `indirect` loads the import's `ref` field, `inline` is the
  /// address of the defined function's own AviaryFuncRef. nil: the function does not escape.
  package func funcRef(_ index: UInt32) -> Slot? {
    if Int(index) < importedFunctions {
      return .indirect(functionImport(index) + Int32(unsafe MemoryLayout<AviaryFunctionImport>.offset(of: \.ref)!))
    }
    let position = funcRefIndices[Int(index)]
    return position < 0 ? nil : .inline(Int32(funcRefsOffset + Self.funcRefSize * Int(position)))
  }
}
