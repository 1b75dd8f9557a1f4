import AviaryCore
import AviaryVM

// Values between Swift and the guest's 64 or 128 bits, checked against the expected type.
extension StoreContext {
  /// - Throws: `WasmError.host` for a value of another type, or a reference of another store.
  func slot(_ value: Value, as type: VMValueType) throws(WasmError) -> ValueSlot {
    switch (value, type.kind) {
    case (.i32(let value), .i32): return value.slot(in: self)
    case (.i64(let value), .i64): return value.slot(in: self)
    case (.f32(let value), .f32): return value.slot(in: self)
    case (.f64(let value), .f64): return value.slot(in: self)
    case (.v128(let value), .v128): return value.slot(in: self)
    case (.funcref(let function), _):
      guard let function else { return try null(AviaryCore.HeapType.nofunc, type) }
      guard function.context === self else { throw .host("the function belongs to another store") }
      let actual = VMValueType(reference: function.runtime.typeID, nullable: false)
      guard engine.runtime.types.matches(actual, type) else { throw mismatch(value, type) }
      return ValueSlot(low: function.runtime.reference)
    case (.externref(let reference), _):
      guard let reference else { return try null(AviaryCore.HeapType.noextern, type) }
      guard engine.runtime.types.matches(VMValueType(.reference(.extern, nullable: false)), type) else {
        throw mismatch(value, type)
      }
      return ValueSlot(low: handle(of: reference))
    case (.anyref(nil), _): return try null(AviaryCore.HeapType.none, type)
    case (.exnref(let exception), _):
      guard let exception else { return try null(AviaryCore.HeapType.noexn, type) }
      guard exception.context === self else { throw .host("the exception belongs to another store") }
      guard engine.runtime.types.matches(VMValueType(.reference(.exn, nullable: false)), type) else {
        throw mismatch(value, type)
      }
      return ValueSlot(low: exception.reference)
    default: throw mismatch(value, type)
    }
  }

  private func null(_ heap: AviaryCore.HeapType, _ type: VMValueType) throws(WasmError) -> ValueSlot {
    guard engine.runtime.types.matches(VMValueType(.reference(heap, nullable: true)), type) else {
      throw .host("a null of the hierarchy of \(HeapType(abstract: heap)) is no \(ValueType(type, engine))")
    }
    return ValueSlot()
  }

  private func mismatch(_ value: Value, _ type: VMValueType) -> WasmError { .host("\(value) is no \(ValueType(type, engine))") }

  /// - Precondition: a guest or this API has put a value of the type there.
  func value(_ slot: ValueSlot, as type: VMValueType) -> Value {
    switch type.kind {
    case .i32: return .i32(Int32(slot: slot, in: self))
    case .i64: return .i64(Int64(slot: slot, in: self))
    case .f32: return .f32(Float(slot: slot, in: self))
    case .f64: return .f64(Double(slot: slot, in: self))
    case .v128: return .v128(V128(slot: slot, in: self))
    default: break
    }
    let types = engine.runtime.types
    func isA(_ heap: AviaryCore.HeapType) -> Bool {
      types.matches(VMValueType(type, nullable: true), VMValueType(.reference(heap, nullable: true)))
    }
    if isA(.func) { return .funcref(function(slot.low)) }
    if isA(.extern) { return .externref(external(slot.low)) }
    if isA(.exn) { return .exnref(exception(slot.low)) }
    return .anyref(nil)
  }

  /// The exception behind a reference that came from this store's guest; nil for null.
  func exception(_ reference: UInt64) -> ExnRef? { reference == 0 ? nil : ExnRef(self, reference) }

  /// The function behind a reference that came from this store's guest; nil for null.
  func function(_ reference: UInt64) -> Function? {
    return usedRuntime.function(unsafe: reference).map { Function(context: self, runtime: $0) }
  }
}

extension VMValueType {
  /// The same reference type with another nullability; other types as they are.
  init(_ type: VMValueType, nullable: Bool) {
    if type.typeID != 0 {
      self.init(reference: type.typeID, nullable: nullable)
    } else if type.kind.isReference {
      self.init(type.kind.withNullability(nullable))
    } else {
      self = type
    }
  }
}

/// A reference to a function or to a host object, as an optional in typed functions.
public protocol WasmReference: SendableMetatype {
  static var heapType: HeapType { get }
  /// nil for null.
  static func load(_ slot: ValueSlot, in context: StoreContext) -> Self?
  func slot(in context: StoreContext) throws -> ValueSlot
}

extension Optional: WasmType where Wrapped: WasmReference {
  public static var wasmType: ValueType { .reference(ReferenceType(Wrapped.heapType)) }
  public init(slot: ValueSlot, in context: StoreContext) { self = Wrapped.load(slot, in: context) }
  public func slot(in context: StoreContext) throws -> ValueSlot {
    try self?.slot(in: context) ?? ValueSlot()
  }
}

extension Function: WasmReference {
  public static var heapType: HeapType { .function }
  public static func load(_ slot: ValueSlot, in context: StoreContext) -> Function? { context.function(slot.low) }
  public func slot(in context: StoreContext) throws -> ValueSlot {
    guard context === self.context else { throw WasmError.host("the function belongs to another store") }
    return ValueSlot(low: runtime.reference)
  }
}

extension ExnRef: WasmReference {
  public static var heapType: HeapType { .exception }
  public static func load(_ slot: ValueSlot, in context: StoreContext) -> Self? {
    context.exception(slot.low) as? Self
  }
  public func slot(in context: StoreContext) throws -> ValueSlot {
    guard context === self.context else { throw WasmError.host("the exception belongs to another store") }
    return ValueSlot(low: reference)
  }
}

extension ExternRef: WasmReference {
  public static var heapType: HeapType { .extern }
  public static func load(_ slot: ValueSlot, in context: StoreContext) -> Self? {
    context.external(slot.low) as? Self
  }
  public func slot(in context: StoreContext) throws -> ValueSlot { ValueSlot(low: context.handle(of: self)) }
}
