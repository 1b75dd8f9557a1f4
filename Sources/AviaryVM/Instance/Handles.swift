import AviaryContract
package import AviaryCore
package import AviaryPool
package import CAviaryContract

// Handles: a store and one of its objects. They retain the store, so the object
// lives, and `store` is the identity that everything checks which takes a handle.
// They do not retain the object itself: one that outlived its store, if only for a
// moment at the handle's end, would find its words in the context gone.

/// A function of a store.
@safe
package struct VMFunction {
  package let store: VMStore
  let ref: UnsafeMutablePointer<AviaryFuncRef>

  /// Unsafe contract: `ref` lives in this store.
  init(unsafe ref: UnsafeMutablePointer<AviaryFuncRef>, _ store: VMStore) {
    self.store = store
    unsafe self.ref = ref
  }

  /// The function as a guest's reference.
  package var reference: UInt64 { unsafe UInt64(UInt(bitPattern: ref)) }
  package var typeID: UInt32 { unsafe ref.pointee.type_id }
  package var type: VMFunctionType {
    guard let type = store.engine.types.functionType(typeID) else {
      preconditionFailure("a live function's type is registered")
    }
    return type
  }
  package var isHost: Bool { unsafe ref.pointee.kind == 1 }

  /// See `VMStore.call`: the same contract.
  @inline(__always)
  package func call(unsafe values: UnsafeMutablePointer<AviaryValue>, _ thunk: VMThunk) throws(VMCallError) {
    unsafe try store.call(unsafe: ref, thunk, values)
  }
}

extension VMFunction: Equatable {
  package static func == (a: VMFunction, b: VMFunction) -> Bool { unsafe a.ref == b.ref }
}

/// A linear memory of a store.
@safe
package struct VMMemory {
  package let store: VMStore
  unowned(unsafe) let state: MemoryState

  /// Makes a memory of the host's, to be imported.
  package init(_ store: VMStore, _ type: MemoryType) throws(VMError) {
    self.store = store
    unsafe state = unsafe try store.makeMemory(type, cell: nil)
  }
  init(_ store: VMStore, _ state: MemoryState) {
    self.store = store
    unsafe self.state = state
  }

  /// A store's view of a shared memory of its engine.
  package init(_ store: VMStore, _ shared: VMSharedMemory) throws(VMError) {
    guard shared.engine === store.engine else { throw .configuration("the memory belongs to another engine") }
    self.store = store
    unsafe state = try store.adopt(shared)
  }

  /// What it is a view of; nil for a memory of the store's own.
  package var shared: VMSharedMemory? { unsafe state.shared }

  package var type: MemoryType { unsafe state.type }
  package var byteCount: UInt64 { unsafe state.byteCount }
  package var pageCount: UInt64 { unsafe state.pageCount }

  /// Grows by so many pages; gives the old number. nil where the maximum, the limiter or the
  /// machine does not allow it.
  /// - Throws: what the limiter throws.
  package func grow(by pages: UInt64) throws -> UInt64? { unsafe try store.grow(state, by: pages) }

  /// The bytes, nil where the range is not inside. The memory does not move: they stay valid, and
  /// may be changed by guests, as long as the store lives.
  @inline(__always)
  package func unsafeBytes(at offset: UInt64, count: UInt64) -> UnsafeMutableRawBufferPointer? {
    unsafe state.bytes(at: offset, count: count)
  }
}

extension VMMemory: Equatable {
  package static func == (a: VMMemory, b: VMMemory) -> Bool { unsafe a.state === b.state }
}

/// A table of a store. References are raw: `VMStore.function(reference:)` reads functions.
@safe
package struct VMTable {
  package let store: VMStore
  unowned(unsafe) let state: TableState

  /// Makes a table of the host's, to be imported.
  ///
  /// Unsafe contract: `initial` is a reference of this store of the element type.
  package init(unsafe store: VMStore, _ type: TableType, element: VMValueType, initial: UInt64 = 0) throws(VMError) {
    self.store = store
    unsafe state = unsafe try store.makeTable(type, element: element, initial: initial, cell: nil)
  }
  init(_ store: VMStore, _ state: TableState) {
    self.store = store
    unsafe self.state = state
  }

  package var type: TableType { unsafe state.type }
  package var element: VMValueType { unsafe state.element }
  package var count: UInt64 { unsafe state.count }

  /// nil outside of the table.
  package func get(_ index: UInt64) -> UInt64? { unsafe state.elements(at: index, count: 1)?[0] }

  /// False outside of the table.
  ///
  /// Unsafe contract: `value` is a reference of this store that matches `element`.
  package func set(unsafe value: UInt64, at index: UInt64) -> Bool {
    guard let element = unsafe state.elements(at: index, count: 1) else { return false }
    unsafe element[0] = value
    return true
  }

  /// As for memories. Unsafe contract: as for `set`.
  package func grow(by delta: UInt64, unsafe value: UInt64) throws -> UInt64? {
    unsafe try store.grow(state, by: delta, filling: value)
  }
}

extension VMTable: Equatable {
  package static func == (a: VMTable, b: VMTable) -> Bool { unsafe a.state === b.state }
}

/// A global of a store.
@safe
package struct VMGlobal {
  package let store: VMStore
  package let value: VMValueType
  package let isMutable: Bool
  let cell: UnsafeMutablePointer<AviaryValue>

  /// Makes a global of the host's, to be imported.
  ///
  /// Unsafe contract: `initial` is of the type; a reference belongs to this store.
  package init(unsafe store: VMStore, _ value: VMValueType, isMutable: Bool, initial: AviaryValue) {
    self.store = store
    self.value = value
    self.isMutable = isMutable
    unsafe cell = store.makeCell(initial)
  }
  init(_ store: VMStore, _ value: VMValueType, isMutable: Bool, unsafe cell: UnsafeMutablePointer<AviaryValue>) {
    self.store = store
    self.value = value
    self.isMutable = isMutable
    unsafe self.cell = cell
  }

  package func get() -> AviaryValue { unsafe cell.pointee }
  /// Unsafe contract: the value is of the type; a reference belongs to this store; the global is mutable.
  package func set(unsafe new: AviaryValue) { unsafe cell.pointee = new }
}

extension VMGlobal: Equatable {
  package static func == (a: VMGlobal, b: VMGlobal) -> Bool { unsafe a.cell == b.cell }
}

/// An exception tag of a store.
@safe
package struct VMTag {
  package let store: VMStore
  /// The canonical id of its function type.
  package let typeID: UInt32
  let identity: UnsafeMutableRawPointer

  init(store: VMStore, typeID: UInt32, identity: UnsafeMutableRawPointer) {
    self.store = store
    self.typeID = typeID
    unsafe self.identity = identity
  }

  /// Makes a tag of the host's.
  ///
  /// - Precondition: `registration` holds `type`, which has no results.
  package init(_ store: VMStore, _ registration: TypeRegistration, _ type: VMFunctionType) {
    let identity = unsafe store.makeTag(registration, valueCount: type.parameters.count)
    unsafe self.init(store: store, typeID: registration.ids[0], identity: identity)
  }

  /// What an exception of the tag carries.
  package var values: [VMValueType] { store.engine.types.functionType(typeID)?.parameters ?? [] }
}

extension VMTag: Equatable {
  package static func == (a: VMTag, b: VMTag) -> Bool { unsafe a.identity == b.identity }
}

/// What an import may be given.
package enum VMExtern {
  case function(VMFunction)
  case table(VMTable)
  case memory(VMMemory)
  case global(VMGlobal)
  case tag(VMTag)

  package var store: VMStore {
    switch self {
    case .function(let function): function.store
    case .table(let table): table.store
    case .memory(let memory): memory.store
    case .global(let global): global.store
    case .tag(let tag): tag.store
    }
  }
}

extension VMStore {
  /// The function behind a guest's reference; nil for null.
  ///
  /// Unsafe contract: `reference` is 0 or a function reference of this store.
  package func function(unsafe reference: UInt64) -> VMFunction? {
    guard let ref = unsafe UnsafeMutablePointer<AviaryFuncRef>(bitPattern: UInt(reference)) else { return nil }
    return unsafe VMFunction(unsafe: ref, self)
  }
}
