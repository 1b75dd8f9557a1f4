/// Bounds on what a module may hold.
///
/// Source: "Implementation-defined limits" of the WebAssembly JavaScript interface. A
/// module beyond them is refused as `unsupported`.
package enum Limits {
  package static let moduleSize = 1 << 30
  package static let types = 1_000_000
  package static let recursionGroups = 1_000_000
  package static let subtypeDepth = 63
  package static let parameters = 1_000
  package static let results = 1_000
  package static let structFields = 10_000
  package static let fixedArrayOperands: UInt32 = 10_000
  package static let functions = 1_000_000
  package static let imports = 1_000_000
  package static let exports = 1_000_000
  package static let globals = 1_000_000
  package static let tags = 1_000_000
  package static let tables = 100_000
  package static let memories = 100
  package static let elementSegments = 10_000_000
  package static let elementItems = 10_000_000
  package static let dataSegments = 100_000
  package static let functionSize = 7_654_321
  /// Parameters included.
  package static let locals = 50_000
  /// Of our own: values on a function's operand stack that came from multi-value operators.
  package static let operandStack = 1 << 20
  /// Of our own.
  package static let customSections = 1_000_000
  /// Of our own: entries of the name section that are kept.
  package static let names = 4_000_000
}
