/// Bounds on what a module may hold.
///
/// Source: "Implementation-defined limits" of the WebAssembly JavaScript interface. A
/// module beyond them is refused as `unsupported`.
public enum Limits {
  public static let moduleSize = 1 << 30
  public static let types = 1_000_000
  public static let recursionGroups = 1_000_000
  public static let subtypeDepth = 63
  public static let parameters = 1_000
  public static let results = 1_000
  public static let structFields = 10_000
  public static let fixedArrayOperands: UInt32 = 10_000
  public static let functions = 1_000_000
  public static let imports = 1_000_000
  public static let exports = 1_000_000
  public static let globals = 1_000_000
  public static let tags = 1_000_000
  public static let tables = 100_000
  public static let memories = 100
  public static let elementSegments = 10_000_000
  public static let elementItems = 10_000_000
  public static let dataSegments = 100_000
  public static let functionSize = 7_654_321
  /// Parameters included.
  public static let locals = 50_000
  /// Of our own: values on a function's operand stack that came from multi-value operators.
  public static let operandStack = 1 << 20
  /// Of our own.
  public static let customSections = 1_000_000
  /// Of our own: entries of the name section that are kept.
  public static let names = 4_000_000
}
