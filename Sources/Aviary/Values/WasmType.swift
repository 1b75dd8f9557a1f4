/// A Swift type that stands for a WebAssembly type in typed functions.
///
/// i32: `Int32`, `UInt32`, `Bool` · i64: `Int64`, `UInt64` · f32: `Float` · f64: `Double` ·
/// v128: `V128`, `SIMD16<UInt8>` and its kin (`V128Lane`) · funcref: `Function?` · externref: `ExternRef?` ·
/// exnref: `ExnRef?`.
///
/// Types of your own can conform, by way of the number's that they stand for; not for references.
public protocol WasmType: SendableMetatype {
  static var wasmType: ValueType { get }
  /// Reads a value that the guest or host has put there.
  init(slot: ValueSlot, in context: StoreContext)
  /// - Throws: `WasmError.host` for a reference that belongs to another store.
  func slot(in context: StoreContext) throws -> ValueSlot
}

/// The type that typed functions take `T` for.
///
/// - Precondition: only `Function`, `ExternRef` and `ExnRef` stand for references: other conformances could pass
///   any bits for one.
@usableFromInline func declaredType<T: WasmType>(_ type: T.Type) -> ValueType {
  let declared = T.wasmType
  precondition(
    !declared.isReference || type == Function?.self || type == ExternRef?.self || type == ExnRef?.self,
    "\(T.self) cannot stand for a reference: only Function?, ExternRef? and ExnRef? can")
  return declared
}

extension Int32: WasmType {
  @inlinable public static var wasmType: ValueType { .i32 }
  @inlinable public init(slot: ValueSlot, in context: StoreContext) { self.init(truncatingIfNeeded: slot.low) }
  @inlinable public func slot(in context: StoreContext) -> ValueSlot { .init(low: UInt64(UInt32(bitPattern: self))) }
}
extension UInt32: WasmType {
  @inlinable public static var wasmType: ValueType { .i32 }
  @inlinable public init(slot: ValueSlot, in context: StoreContext) { self.init(truncatingIfNeeded: slot.low) }
  @inlinable public func slot(in context: StoreContext) -> ValueSlot { .init(low: UInt64(self)) }
}
/// false is 0, anything else is true.
extension Bool: WasmType {
  @inlinable public static var wasmType: ValueType { .i32 }
  @inlinable public init(slot: ValueSlot, in context: StoreContext) { self = UInt32(truncatingIfNeeded: slot.low) != 0 }
  @inlinable public func slot(in context: StoreContext) -> ValueSlot { .init(low: self ? 1 : 0) }
}
extension Int64: WasmType {
  @inlinable public static var wasmType: ValueType { .i64 }
  @inlinable public init(slot: ValueSlot, in context: StoreContext) { self.init(truncatingIfNeeded: slot.low) }
  @inlinable public func slot(in context: StoreContext) -> ValueSlot { .init(low: UInt64(bitPattern: self)) }
}
extension UInt64: WasmType {
  @inlinable public static var wasmType: ValueType { .i64 }
  @inlinable public init(slot: ValueSlot, in context: StoreContext) { self = slot.low }
  @inlinable public func slot(in context: StoreContext) -> ValueSlot { .init(low: self) }
}
extension Float: WasmType {
  @inlinable public static var wasmType: ValueType { .f32 }
  @inlinable public init(slot: ValueSlot, in context: StoreContext) { self.init(bitPattern: UInt32(truncatingIfNeeded: slot.low)) }
  @inlinable public func slot(in context: StoreContext) -> ValueSlot { .init(low: UInt64(bitPattern)) }
}
extension Double: WasmType {
  @inlinable public static var wasmType: ValueType { .f64 }
  @inlinable public init(slot: ValueSlot, in context: StoreContext) { self.init(bitPattern: slot.low) }
  @inlinable public func slot(in context: StoreContext) -> ValueSlot { .init(low: bitPattern) }
}
