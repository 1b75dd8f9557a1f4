import AviaryContract
import AviaryCore
import AviaryPool
import CAviaryContract
import CAviaryHost

/// The bytes that `memory.init` reads; empty once dropped.
@safe
struct DataSpan {
  var start: UnsafeRawPointer?
  var count: UInt64
}

/// An instance, owned by its store: the context that machine code runs on (r15) and what
/// its builtins need. Builtins reach it through `context.owner`.
///
/// Invariant: the arrays of cells follow the module's index spaces and never change.
@safe
final class InstanceState {
  unowned(unsafe) let store: VMStore
  let module: VMModule
  /// The module's, and the store's: found without counting.
  let exports: Unmanaged<ExportIndex>
  let storeWords: UnsafeMutablePointer<AviaryHostStore>
  let context: UnsafeMutablePointer<AviaryVMContext>
  /// Per index: the memory and its words.
  let memories: [MemoryState]
  /// Bulk operations look whether it is one of these: their bytes are for `aviary_shared.h` alone.
  let hasSharedMemories: Bool
  let tables: [TableState]
  let memoryCells: UnsafeMutablePointer<UnsafeMutablePointer<AviaryMemory>>
  let tableCells: UnsafeMutablePointer<UnsafeMutablePointer<AviaryTable>>
  let globalCells: UnsafeMutablePointer<UnsafeMutablePointer<AviaryValue>>
  /// Per segment.
  let data: UnsafeMutableBufferPointer<DataSpan>
  let elements: UnsafeMutableBufferPointer<UnsafeMutableBufferPointer<UInt64>>
  /// What `elements` show, and showed.
  private var segments: [UnsafeMutableBufferPointer<UInt64>] = unsafe []
  /// Of a store that serves one tenant after the other.
  var snapshot: InstanceSnapshot?
  /// References to functions that machine code does not know as such, made when the host asks.
  private var extraRefs: [UInt32: UnsafeMutablePointer<AviaryFuncRef>] = unsafe [:]

  /// Makes the context with imports filled in, memories and tables empty or at their minimum,
  /// globals zero, segments live.
  ///
  /// - Precondition: `imports` were checked (`VMModule.check`).
  init(_ module: VMModule, _ store: VMStore, imports: [VMExtern]) throws(VMError) {
    let info = module.info
    let layout = module.layout
    let block = unsafe try store.engine.makeContext(layout.size)
    let raw = block.baseAddress!
    unsafe raw.initializeMemory(as: UInt8.self, repeating: 0, count: layout.size)
    let context = unsafe raw.assumingMemoryBound(to: AviaryVMContext.self)
    var memories: [MemoryState] = []
    var tables: [TableState] = []
    do {
      // Import 0 of each kind stands first in its part of the tail.
      unsafe InstanceState.fill(raw, layout, imports)
      for item in imports {
        if case .memory(let memory) = item { unsafe memories.append(memory.state) }
        if case .table(let table) = item { unsafe tables.append(table.state) }
      }
      for (index, type) in info.memories.enumerated().dropFirst(memories.count) {
        let offset = layout.memoriesOffset + 16 * (index - info.importedMemoryCount)
        if type.isShared {
          let memory = unsafe try store.makeMemory(type, cell: nil)
          // The layout has a pointer there.
          unsafe raw.storeBytes(of: UInt(bitPattern: memory.cell), toByteOffset: offset, as: UInt.self)
          memories.append(memory)
          continue
        }
        memories.append(
          unsafe try store.makeMemory(
            type, group: module.memories?.group(ofMemory: index), image: module.memories?.image(ofMemory: index),
            cell: (raw + offset).assumingMemoryBound(to: AviaryMemory.self)))
      }
      for (index, table) in info.tables.enumerated().dropFirst(tables.count) {
        let offset = layout.tablesOffset + 16 * (index - info.importedTableCount)
        tables.append(
          unsafe try store.makeTable(
            table.type, element: module.canonical(table.type.element), initial: 0,
            cell: (raw + offset).assumingMemoryBound(to: AviaryTable.self)))
      }
    } catch {
      // The store owns what was made so far, whose words stand in the context: it has to stay.
      unsafe store.keep(block)
      throw error
    }
    unsafe self.store = store
    self.module = module
    unsafe exports = .passUnretained(module.exports)
    unsafe storeWords = store.raw
    unsafe self.context = context
    self.memories = memories
    hasSharedMemories = memories.contains(where: \.type.isShared)
    self.tables = tables
    unsafe memoryCells = .allocate(capacity: max(memories.count, 1))
    for (index, memory) in memories.enumerated() { unsafe (memoryCells + index).initialize(to: memory.cell) }
    unsafe tableCells = .allocate(capacity: max(tables.count, 1))
    for (index, table) in tables.enumerated() { unsafe (tableCells + index).initialize(to: table.cell) }
    unsafe globalCells = InstanceState.globalCells(raw, layout, count: info.globals.count)
    unsafe data = .allocate(capacity: info.data.count)
    for (index, segment) in info.data.enumerated() {
      let start = unsafe info.bytes.buffer.baseAddress.map { unsafe $0 + segment.range.lowerBound }
      unsafe data.initializeElement(at: index, to: DataSpan(start: start, count: UInt64(segment.range.count)))
    }
    unsafe elements = .allocate(capacity: info.elements.count)
    unsafe elements.initialize(repeating: UnsafeMutableBufferPointer(start: nil, count: 0))
    unsafe store.keep(block)
    fillHead()
    fillFuncRefs()
    fillTags()
  }

  deinit {
    // The context itself belongs to the store: words of memories and tables stand in it.
    for unsafe (_, ref) in unsafe extraRefs { unsafe ref.deallocate() }
    for unsafe segment in unsafe segments { unsafe segment.deallocate() }
    unsafe elements.deallocate()
    unsafe data.deallocate()
    unsafe globalCells.deallocate()
    unsafe tableCells.deallocate()
    unsafe memoryCells.deallocate()
  }

  private static func fill(_ raw: UnsafeMutableRawPointer, _ layout: VMContextLayout, _ imports: [VMExtern]) {
    var functions = 0
    var memories = 0
    var tables = 0
    var globals = 0
    var tags = 0
    for item in imports {
      switch item {
      case .function(let function):
        let offset = layout.importedFunctionsOffset + VMContextLayout.functionImportSize * functions
        let value = unsafe AviaryFunctionImport(
          code: function.ref.pointee.code, vmctx: function.ref.pointee.vmctx, ref: function.ref)
        unsafe raw.storeBytes(of: value, toByteOffset: offset, as: AviaryFunctionImport.self)
        functions += 1
      case .memory(let memory):
        unsafe raw.storeBytes(
          of: UInt(bitPattern: memory.state.cell), toByteOffset: layout.importedMemoriesOffset + 8 * memories,
          as: UInt.self)
        memories += 1
      case .table(let table):
        unsafe raw.storeBytes(
          of: UInt(bitPattern: table.state.cell), toByteOffset: layout.importedTablesOffset + 8 * tables, as: UInt.self)
        tables += 1
      case .global(let global):
        unsafe raw.storeBytes(
          of: UInt(bitPattern: global.cell), toByteOffset: layout.importedGlobalsOffset + 8 * globals, as: UInt.self)
        globals += 1
      case .tag(let tag):
        unsafe raw.storeBytes(
          of: UInt(bitPattern: tag.identity), toByteOffset: layout.importedTagsOffset + 8 * tags, as: UInt.self)
        tags += 1
      }
    }
  }

  private static func globalCells(
    _ raw: UnsafeMutableRawPointer, _ layout: VMContextLayout, count: Int
  ) -> UnsafeMutablePointer<UnsafeMutablePointer<AviaryValue>> {
    let cells = UnsafeMutablePointer<UnsafeMutablePointer<AviaryValue>>.allocate(capacity: max(count, 1))
    for index in 0..<count {
      let cell: UnsafeMutablePointer<AviaryValue> =
        switch layout.global(UInt32(index)) {
        case .inline(let offset): unsafe (raw + Int(offset)).assumingMemoryBound(to: AviaryValue.self)
        case .indirect(let offset):
          unsafe UnsafeMutablePointer(bitPattern: raw.load(fromByteOffset: Int(offset), as: UInt.self))!
        }
      unsafe (cells + index).initialize(to: cell)
    }
    return unsafe cells
  }

  private func fillHead() {
    unsafe context.pointee.magic = UInt32(AVIARY_MAGIC_CORE)
    unsafe context.pointee.store = UnsafeMutableRawPointer(store.raw).assumingMemoryBound(to: AviaryStoreContext.self)
    unsafe context.pointee.builtins = aviary_builtin_table()
    unsafe context.pointee.type_ids = module.types.pointer
    if !memories.isEmpty { unsafe context.pointee.memory0_base = memories[0].cell.pointee.base }
    unsafe context.pointee.raise = aviary_raise_address()
    unsafe context.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
    if unsafe store.hasChecks { unsafe aviary_epoch_adopt(store.raw, context) }
  }

  private func fillFuncRefs() {
    let refs = unsafe (UnsafeMutableRawPointer(context) + module.layout.funcRefsOffset)
      .assumingMemoryBound(to: AviaryFuncRef.self)
    for (function, position) in module.layout.funcRefIndices.enumerated() where position >= 0 {
      unsafe (refs + Int(position)).initialize(to: makeRef(function))
    }
  }

  private func fillTags() {
    let info = module.info
    for index in info.importedTagCount..<info.tags.count {
      let type = Int(info.tags[index])
      guard case .function(let function) = info.types[type].composite else { continue }
      unsafe tagIdentity(UInt32(index)).storeBytes(
        of: AviaryTag(type_id: module.types.ids[type], value_count: UInt32(function.parameters.count), reserved: 0),
        as: AviaryTag.self)
    }
  }

  /// - Precondition: `index` is a defined function.
  private func makeRef(_ index: Int) -> AviaryFuncRef {
    unsafe AviaryFuncRef(
      code: UnsafeRawPointer(bitPattern: module.code.entry(ofDefined: index - module.info.importedFunctionCount)),
      vmctx: context, type_id: module.typeID(ofFunction: UInt32(index)), kind: 0,
      owner: Unmanaged.passUnretained(self).toOpaque())
  }

  /// - Precondition: the place is one that the module's layout gives to a function.
  func functionRef(at place: VMContextLayout.Slot) -> UnsafeMutablePointer<AviaryFuncRef> {
    let raw = unsafe UnsafeMutableRawPointer(context)
    switch place {
    case .inline(let offset): return unsafe (raw + Int(offset)).assumingMemoryBound(to: AviaryFuncRef.self)
    case .indirect(let offset):
      return unsafe UnsafeMutablePointer(bitPattern: raw.load(fromByteOffset: Int(offset), as: UInt.self))!
    }
  }

  /// - Precondition: the index is in the module's function space.
  func functionRef(_ index: UInt32) -> UnsafeMutablePointer<AviaryFuncRef> {
    if let place = module.layout.funcRef(index) { return unsafe functionRef(at: place) }
    if let known = unsafe extraRefs[index] { return unsafe known }
    let ref = UnsafeMutablePointer<AviaryFuncRef>.allocate(capacity: 1)
    unsafe ref.initialize(to: makeRef(Int(index)))
    unsafe extraRefs[index] = ref
    return unsafe ref
  }

  /// Makes a segment of zeros that lives as long as the instance, dropped or not.
  func makeSegment(_ index: Int, count: Int) -> UnsafeMutableBufferPointer<UInt64> {
    let values = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: count)
    unsafe values.initialize(repeating: 0)
    unsafe segments.append(values)
    unsafe elements[index] = values
    return unsafe values
  }

  /// Where a tag's identity stands: its own slot or the exporter's.
  func tagIdentity(_ index: UInt32) -> UnsafeMutableRawPointer {
    let raw = unsafe UnsafeMutableRawPointer(context)
    switch module.layout.tag(index) {
    case .inline(let offset): return unsafe raw + Int(offset)
    case .indirect(let offset):
      return unsafe UnsafeMutableRawPointer(bitPattern: raw.load(fromByteOffset: Int(offset), as: UInt.self))!
    }
  }
}
