/// Subtyping among a module's types. Plain data over raw memory, for the operand stacks' slow paths.
///
/// Two concrete types are the same when their canonical indices are equal; subtyping follows
/// the declared supertypes, of which there are at most `Limits.subtypeDepth`.
///
/// Unsafe contract: the three arrays belong to a `TypeStorage` that outlives the value and hold
/// `count` entries; whoever asks passes any index, one out of range matches nothing.
///
/// Source: WebAssembly 3.0 section 3.3.
@safe struct TypeLattice {
  enum Kind: UInt8 { case function, structure, array }

  let canonical: UnsafePointer<UInt32>
  /// The declared supertype's index, or `none`.
  let supertypes: UnsafePointer<UInt32>
  let kinds: UnsafePointer<Kind>
  let count: UInt32

  static var none: UInt32 { .max }

  /// The heap type of a reference that unreachable code provides: below all others. No module can name it.
  static var bottom: HeapType { .abstract(code: 0) }

  func kind(_ index: UInt32) -> Kind? { index < count ? unsafe kinds[Int(index)] : nil }

  func matches(_ sub: ValueType, _ super: ValueType) -> Bool {
    if sub == `super` || sub == .bottom { return true }
    guard sub.isReference, `super`.isReference else { return false }
    if sub.isNullable && !`super`.isNullable { return false }
    return matches(sub.heapType, `super`.heapType)
  }

  func matches(_ sub: HeapType, _ super: HeapType) -> Bool {
    if sub == `super` || sub == Self.bottom { return true }
    switch (sub.isConcrete, `super`.isConcrete) {
    case (true, true): return declares(sub.typeIndex, `super`.typeIndex)
    case (true, false):
      guard let kind = kind(sub.typeIndex) else { return false }
      switch kind {
      case .function: return `super` == .func
      case .structure: return `super` == .struct || `super` == .eq || `super` == .any
      case .array: return `super` == .array || `super` == .eq || `super` == .any
      }
    case (false, true):
      guard let kind = kind(`super`.typeIndex) else { return false }
      return sub == (kind == .function ? .nofunc : .none)
    case (false, false):
      return Self.matchesAbstract(sub, `super`)
    }
  }

  private static func matchesAbstract(_ sub: HeapType, _ super: HeapType) -> Bool {
    switch sub {
    case .none: [.i31, .struct, .array, .eq, .any].contains(`super`)
    case .i31, .struct, .array: `super` == .eq || `super` == .any
    case .eq: `super` == .any
    case .nofunc: `super` == .func
    case .noextern: `super` == .extern
    case .noexn: `super` == .exn
    default: false
    }
  }

  /// Whether `sub` is `super` or has it among its declared supertypes.
  private func declares(_ sub: UInt32, _ super: UInt32) -> Bool {
    guard sub < count, `super` < count else { return false }
    let wanted = unsafe canonical[Int(`super`)]
    var current = sub
    // A supertype has a smaller index, so that this ends.
    while current < count {
      if unsafe canonical[Int(current)] == wanted { return true }
      current = unsafe supertypes[Int(current)]
    }
    return false
  }

  /// The top of a heap type's hierarchy.
  func top(_ heap: HeapType) -> HeapType {
    if heap.isConcrete { return kind(heap.typeIndex) == .function ? .func : .any }
    switch heap {
    case .func, .nofunc: return .func
    case .extern, .noextern: return .extern
    case .exn, .noexn: return .exn
    default: return .any
    }
  }

  // MARK: Composite types

  func matches(_ sub: CompositeType, _ super: CompositeType) -> Bool {
    switch (sub, `super`) {
    case (.function(let sub), .function(let `super`)):
      return matches(`super`.parameters, sub.parameters) && matches(sub.results, `super`.results)
    case (.structure(let sub), .structure(let `super`)):
      return sub.count >= `super`.count && zip(sub, `super`).allSatisfy { matches($0, $1) }
    case (.array(let sub), .array(let `super`)):
      return matches(sub, `super`)
    default:
      return false
    }
  }

  func matches(_ sub: [ValueType], _ super: [ValueType]) -> Bool {
    sub.count == `super`.count && zip(sub, `super`).allSatisfy { matches($0, $1) }
  }

  func matches(_ sub: FieldType, _ super: FieldType) -> Bool {
    guard sub.isMutable == `super`.isMutable, matches(sub.storage, `super`.storage) else { return false }
    return !sub.isMutable || matches(`super`.storage, sub.storage)
  }

  func matches(_ sub: StorageType, _ super: StorageType) -> Bool {
    if case .value(let sub) = sub, case .value(let `super`) = `super` { return matches(sub, `super`) }
    return sub == `super`
  }
}
