/// A function whose type was checked once, to be called with Swift values.
///
/// ```swift
/// let add = try instance.function("add", as: ((Int32, Int32) -> Int32).self)
/// let sum = try add(40, 2)
/// ```
/// Up to four arguments take a path of fixed arity, about 16 instructions beside the entry.
/// Throws `WasmError.trap`, and what host functions throw, unchanged.
public struct TypedFunction<Signature> {
  public let function: Function
}

extension TypedFunction {
  public func callAsFunction<each P: WasmType, R>(_ argument: repeat each P) throws -> R where Signature == (repeat each P) -> R {
    throw notYet()
  }
}

extension Function {
  /// - Throws: `WasmError.host` where the type is another.
  public func typed<each P: WasmType>(as type: ((repeat each P) -> Void).Type) throws(WasmError) -> TypedFunction<(repeat each P) -> Void> {
    throw notYet()
  }
  public func typed<each P: WasmType, R: WasmType>(as type: ((repeat each P) -> R).Type) throws(WasmError) -> TypedFunction<(repeat each P) -> R> {
    throw notYet()
  }
  public func typed<each P: WasmType, R0: WasmType, R1: WasmType, each R: WasmType>(
    as type: ((repeat each P) -> (R0, R1, repeat each R)).Type
  ) throws(WasmError) -> TypedFunction<(repeat each P) -> (R0, R1, repeat each R)> {
    throw notYet()
  }
}

extension Instance {
  /// An exported function with its type checked.
  /// - Throws: `WasmError.host` where there is none or its type is another.
  public func function<each P: WasmType>(
    _ name: String, as type: ((repeat each P) -> Void).Type
  ) throws(WasmError) -> TypedFunction<(repeat each P) -> Void> {
    try function(name).typed(as: type)
  }
  public func function<each P: WasmType, R: WasmType>(
    _ name: String, as type: ((repeat each P) -> R).Type
  ) throws(WasmError) -> TypedFunction<(repeat each P) -> R> {
    try function(name).typed(as: type)
  }
  public func function<each P: WasmType, R0: WasmType, R1: WasmType, each R: WasmType>(
    _ name: String, as type: ((repeat each P) -> (R0, R1, repeat each R)).Type
  ) throws(WasmError) -> TypedFunction<(repeat each P) -> (R0, R1, repeat each R)> {
    try function(name).typed(as: type)
  }
}
