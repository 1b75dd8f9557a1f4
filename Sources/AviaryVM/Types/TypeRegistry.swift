package import AviaryCore
package import AviaryPool
import Synchronization

/// Gives every type of every module of an engine an id, the same for equal types.
///
/// Invariants: two live types with one id are equal, two equal live types have one id.
/// Ids start at 1, count up, and are never given twice; an id is live while a
/// registration, or a live type that refers to it, holds its group.
/// Everything happens under one mutex: comparing, inserting and counting is one step,
/// so no two threads can give one id to two types.
package final class TypeRegistry: Sendable {
  private struct Group {
    let key: TypeGroupKey
    let base: UInt32
    /// Bases of the groups that this one refers to, once each.
    let dependencies: [UInt32]
    var holds: Int
  }
  private enum Composite {
    case function(VMFunctionType)
    case structure
    case array
  }
  private struct Entry {
    let group: UInt32
    let supertype: UInt32
    let composite: Composite
  }
  private struct State {
    var next: UInt32 = 1
    var bases: [TypeGroupKey: UInt32] = [:]
    var groups: [UInt32: Group] = [:]
    var entries: [UInt32: Entry] = [:]
  }
  private let state: Mutex<State>

  /// - Parameter first: the first id to give; other than 1 only in tests of exhaustion.
  package init(first: UInt32 = 1) {
    state = Mutex(State(next: first))
  }

  /// Registers a module's types.
  ///
  /// - Precondition: the types are valid and `groups` covers them in order.
  /// - Throws: `limit` when ids run out, with nothing registered.
  package func register(_ types: [SubType], groups: [Range<Int>]) throws(VMError) -> TypeRegistration {
    var ids: [UInt32] = []
    ids.reserveCapacity(types.count)
    var held: [UInt32] = []
    let failure: VMError? = state.withLock { state in
      // An empty group has no ids to tell it by, and nobody refers to it.
      for range in groups where !range.isEmpty {
        let key = TypeGroupKey(types[range], start: range.lowerBound, earlier: ids)
        let base: UInt32
        if let known = state.bases[key] {
          base = known
          state.groups[known]!.holds += 1
        } else {
          guard let fresh = TypeRegistry.reserve(range.count, &state) else {
            TypeRegistry.release(held, &state)
            return .limit("the engine has used up all type ids")
          }
          base = fresh
          let local = ids + (0..<range.count).map { fresh + UInt32($0) }
          for (position, type) in types[range].enumerated() {
            state.entries[fresh + UInt32(position)] = Entry(
              group: fresh, supertype: type.supertypes.first.map { local[Int($0)] } ?? 0,
              composite: TypeRegistry.composite(type.composite, local))
          }
          TypeRegistry.insert(key, base: fresh, &state)
        }
        held.append(base)
        for position in 0..<range.count { ids.append(base + UInt32(position)) }
      }
      return nil
    }
    if let failure { throw failure }
    return TypeRegistration(registry: self, ids: ids, groups: held)
  }

  /// Registers one final function type, a host function's say.
  ///
  /// - Precondition: ids inside of `type` are held by the caller.
  package func register(_ type: VMFunctionType) throws(VMError) -> TypeRegistration {
    let base: UInt32? = state.withLock { state in
      let key = TypeGroupKey(type)
      if let known = state.bases[key] {
        state.groups[known]!.holds += 1
        return known
      }
      guard let fresh = TypeRegistry.reserve(1, &state) else { return nil }
      state.entries[fresh] = Entry(group: fresh, supertype: 0, composite: .function(type))
      TypeRegistry.insert(key, base: fresh, &state)
      return fresh
    }
    guard let base else { throw .limit("the engine has used up all type ids") }
    return TypeRegistration(registry: self, ids: [base], groups: [base])
  }

  private static func reserve(_ count: Int, _ state: inout State) -> UInt32? {
    guard let count = UInt32(exactly: count) else { return nil }
    let (end, overflow) = state.next.addingReportingOverflow(count)
    if overflow { return nil }
    defer { state.next = end }
    return state.next
  }

  private static func composite(_ type: CompositeType, _ ids: [UInt32]) -> Composite {
    switch type {
    case .function(let function): .function(VMFunctionType(function, ids: ids))
    case .structure: .structure
    case .array: .array
    }
  }

  private static func insert(_ key: TypeGroupKey, base: UInt32, _ state: inout State) {
    var dependencies: Set<UInt32> = []
    for id in key.references {
      if let group = state.entries[id]?.group { dependencies.insert(group) }
    }
    for group in dependencies { state.groups[group]!.holds += 1 }
    state.bases[key] = base
    state.groups[base] = Group(key: key, base: base, dependencies: Array(dependencies), holds: 1)
  }

  fileprivate func release(_ groups: [UInt32]) {
    state.withLock { TypeRegistry.release(groups, &$0) }
  }

  private static func release(_ groups: [UInt32], _ state: inout State) {
    var pending = groups
    while let base = pending.popLast() {
      state.groups[base]!.holds -= 1
      guard state.groups[base]!.holds == 0, let group = state.groups.removeValue(forKey: base) else { continue }
      state.bases[group.key] = nil
      for position in 0..<group.key.words[0] { state.entries[base + position] = nil }
      pending.append(contentsOf: group.dependencies)
    }
  }

  /// How many types are live.
  package var count: Int { state.withLock { $0.entries.count } }

  /// The function type with the id; nil for other types and dead ids.
  package func functionType(_ id: UInt32) -> VMFunctionType? {
    state.withLock { state in
      guard case .function(let type)? = state.entries[id]?.composite else { return nil }
      return type
    }
  }

  /// Whether the type is the other one or declares it as a supertype, over any number of steps.
  package func isSubtype(_ id: UInt32, of other: UInt32) -> Bool {
    if id == other { return id != 0 }
    return state.withLock { TypeRegistry.isSubtype(id, of: other, $0) }
  }

  private static func isSubtype(_ id: UInt32, of other: UInt32, _ state: borrowing State) -> Bool {
    // Supertypes are declared earlier, so ids fall along the chain and it ends.
    var current = id
    while current != 0 {
      if current == other { return true }
      current = state.entries[current]?.supertype ?? 0
    }
    return false
  }

  /// Subtyping of value types (WebAssembly 3.0, section 3.3).
  package func matches(_ type: VMValueType, _ expected: VMValueType) -> Bool {
    guard type.kind.isReference, expected.kind.isReference else { return type == expected }
    if type.kind.isNullable && !expected.kind.isNullable { return false }
    return state.withLock { state in
      switch (type.typeID, expected.typeID) {
      case (0, 0): return TypeRegistry.matches(type.kind.heapType, expected.kind.heapType)
      case (let id, 0):
        guard let entry = state.entries[id] else { return false }
        return TypeRegistry.matches(TypeRegistry.top(entry.composite), expected.kind.heapType)
      case (0, let id):
        guard let entry = state.entries[id] else { return false }
        return type.kind.heapType == TypeRegistry.bottom(entry.composite)
      case (let id, let other): return TypeRegistry.isSubtype(id, of: other, state)
      }
    }
  }

  private static func top(_ composite: Composite) -> HeapType {
    switch composite {
    case .function: .func
    case .structure: .struct
    case .array: .array
    }
  }

  private static func bottom(_ composite: Composite) -> HeapType {
    switch composite {
    case .function: .nofunc
    case .structure, .array: .none
    }
  }

  private static func matches(_ type: HeapType, _ expected: HeapType) -> Bool {
    if type == expected { return true }
    return switch expected {
    case .any: [.eq, .i31, .struct, .array, .none].contains(type)
    case .eq: [.i31, .struct, .array, .none].contains(type)
    case .i31, .struct, .array: type == .none
    case .func: type == .nofunc
    case .extern: type == .noextern
    case .exn: type == .noexn
    default: false
    }
  }
}

/// Holds types in a registry until its last reference goes.
@safe
package final class TypeRegistration: Sendable {
  package let ids: [UInt32]
  /// The same at an address that stays, for machine code.
  nonisolated(unsafe) let pointer: UnsafePointer<UInt32>
  private let registry: TypeRegistry
  private let groups: [UInt32]

  fileprivate init(registry: TypeRegistry, ids: [UInt32], groups: [UInt32]) {
    self.registry = registry
    self.ids = ids
    self.groups = groups
    let copy = UnsafeMutablePointer<UInt32>.allocate(capacity: max(ids.count, 1))
    unsafe copy.initialize(from: ids, count: ids.count)
    unsafe pointer = UnsafePointer(copy)
  }

  deinit {
    unsafe pointer.deallocate()
    registry.release(groups)
  }
}
