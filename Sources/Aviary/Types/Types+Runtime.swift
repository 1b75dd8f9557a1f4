import AviaryCore
import AviaryVM

// Between the public types, the modules' and the runtime's. A concrete heap type is a type index in
// the first, the engine's canonical id in the others. An id means something to its own engine alone:
// `runtime(in:)` checks.

extension ValueType {
  init(_ type: VMValueType, _ engine: Engine) {
    switch type.kind {
    case .i32: self = .i32
    case .i64: self = .i64
    case .f32: self = .f32
    case .f64: self = .f64
    case .v128: self = .v128
    default:
      let heap: HeapType =
        type.typeID == 0
        ? HeapType(abstract: type.kind.heapType) : .defined(DefinedType(id: type.typeID, engine: engine.serial))
      self = .reference(ReferenceType(heap, isNullable: type.kind.isNullable))
    }
  }

  /// - Throws: `WasmError.host` for a type of another engine.
  func runtime(in engine: Engine) throws(WasmError) -> VMValueType {
    switch self {
    case .i32: VMValueType(.i32)
    case .i64: VMValueType(.i64)
    case .f32: VMValueType(.f32)
    case .f64: VMValueType(.f64)
    case .v128: VMValueType(.v128)
    case .reference(let type): try type.runtime(in: engine)
    }
  }
}

extension ReferenceType {
  /// - Throws: `WasmError.host` for a type of another engine.
  func runtime(in engine: Engine) throws(WasmError) -> VMValueType {
    guard case .defined(let type) = heap else { return VMValueType(.reference(heap.abstract, nullable: isNullable)) }
    guard type.engine == engine.serial else { throw .host("the type \(self) belongs to another engine") }
    return VMValueType(reference: type.id, nullable: isNullable)
  }

  /// - Precondition: a reference type.
  init(_ type: VMValueType, _ engine: Engine) {
    guard case .reference(let reference) = ValueType(type, engine) else { preconditionFailure("a reference type") }
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
  init(_ type: VMFunctionType, _ engine: Engine) {
    self.init(
      parameters: type.parameters.map { ValueType($0, engine) }, results: type.results.map { ValueType($0, engine) })
  }

  /// - Throws: `WasmError.host` for types of another engine, `.limit` for more than a module may declare.
  func runtime(in engine: Engine) throws(WasmError) -> VMFunctionType {
    guard parameters.count <= Limits.parameters, results.count <= Limits.results else {
      throw .limit(
        "a function of \(parameters.count) parameters and \(results.count) results; at most \(Limits.parameters) and "
          + "\(Limits.results) are allowed")
    }
    var types: [VMValueType] = []
    for type in parameters + results { types.append(try type.runtime(in: engine)) }
    return VMFunctionType(
      parameters: Array(types[..<parameters.count]), results: Array(types[parameters.count...]))
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
  init(_ type: AviaryCore.TableType, element: VMValueType, _ engine: Engine) {
    self.init(
      element: ReferenceType(element, engine), minimum: type.limits.minimum, maximum: type.limits.maximum, is64: type.is64)
  }
  func core(_ element: VMValueType) -> AviaryCore.TableType {
    AviaryCore.TableType(
      element: element.kind, limits: SizeLimits(minimum: minimum, maximum: maximum), is64: is64)
  }
}
