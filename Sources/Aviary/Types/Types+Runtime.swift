import AviaryCore
import AviaryVM

// Between the public types, the modules' and the runtime's. A concrete heap type is a type index in
// the first, the engine's canonical id in the others.

extension ValueType {
  init(_ type: VMValueType) {
    switch type.kind {
    case .i32: self = .i32
    case .i64: self = .i64
    case .f32: self = .f32
    case .f64: self = .f64
    case .v128: self = .v128
    default:
      let heap: HeapType = type.typeID == 0 ? HeapType(abstract: type.kind.heapType) : .defined(DefinedType(id: type.typeID))
      self = .reference(ReferenceType(heap, isNullable: type.kind.isNullable))
    }
  }

  var runtime: VMValueType {
    switch self {
    case .i32: VMValueType(.i32)
    case .i64: VMValueType(.i64)
    case .f32: VMValueType(.f32)
    case .f64: VMValueType(.f64)
    case .v128: VMValueType(.v128)
    case .reference(let type): type.runtime
    }
  }
}

extension ReferenceType {
  var runtime: VMValueType {
    if case .defined(let type) = heap { return VMValueType(reference: type.id, nullable: isNullable) }
    return VMValueType(.reference(heap.abstract, nullable: isNullable))
  }

  /// - Precondition: a reference type.
  init(_ type: VMValueType) {
    guard case .reference(let reference) = ValueType(type) else { preconditionFailure("a reference type") }
    self = reference
  }
}

extension HeapType {
  init(abstract type: AviaryCore.HeapType) {
    switch type {
    case .func: self = .function
    case .nofunc: self = .noFunction
    case .extern: self = .extern
    case .noextern: self = .noExtern
    case .any: self = .any
    case .eq: self = .eq
    case .i31: self = .i31
    case .struct: self = .structure
    case .array: self = .array
    case .exn: self = .exception
    case .noexn: self = .noException
    default: self = .none
    }
  }

  /// - Precondition: not `defined`.
  var abstract: AviaryCore.HeapType {
    switch self {
    case .function: .func
    case .noFunction: .nofunc
    case .extern: .extern
    case .noExtern: .noextern
    case .any: .any
    case .eq: .eq
    case .i31: .i31
    case .structure: .struct
    case .array: .array
    case .exception: .exn
    case .noException: .noexn
    case .none: .none
    case .defined: preconditionFailure("an abstract heap type")
    }
  }
}

extension FunctionType {
  init(_ type: VMFunctionType) {
    self.init(parameters: type.parameters.map(ValueType.init), results: type.results.map(ValueType.init))
  }
  var runtime: VMFunctionType {
    VMFunctionType(parameters: parameters.map(\.runtime), results: results.map(\.runtime))
  }
}

extension VMFunctionType {
  /// What thunks are made from: they see only the classes of the types.
  var shape: AviaryCore.FunctionType {
    AviaryCore.FunctionType(parameters: parameters.map(\.kind), results: results.map(\.kind))
  }
}

extension MemoryType {
  init(_ type: AviaryCore.MemoryType) {
    self.init(
      minimum: type.limits.minimum, maximum: type.limits.maximum, is64: type.is64, isShared: type.isShared,
      pageSize: 1 << Int(min(type.pageSizeLog2, 16)))
  }
  /// nil for a page size that is neither 1 nor 65,536.
  var core: AviaryCore.MemoryType? {
    guard pageSize == 1 || pageSize == 65536 else { return nil }
    return AviaryCore.MemoryType(
      limits: SizeLimits(minimum: minimum, maximum: maximum), is64: is64, isShared: isShared,
      pageSizeLog2: pageSize == 1 ? 0 : 16)
  }
}

extension TableType {
  init(_ type: AviaryCore.TableType, element: VMValueType) {
    self.init(
      element: ReferenceType(element), minimum: type.limits.minimum, maximum: type.limits.maximum, is64: type.is64)
  }
  var core: AviaryCore.TableType {
    AviaryCore.TableType(
      element: element.runtime.kind, limits: SizeLimits(minimum: minimum, maximum: maximum), is64: is64)
  }
}
