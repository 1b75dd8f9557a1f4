/// A compiled module: immutable, shared by all stores of its engine.
public final class Module: Sendable {
  public let engine: Engine
  public let name: String?
  public let imports: [ImportType]
  public let exports: [ExportType]

  init(engine: Engine, name: String?) {
    self.engine = engine
    self.name = name
    imports = []
    exports = []
  }

  /// The module with its code, to be kept in a file and loaded by `Engine.load(artifact:)`.
  public func artifact() -> [UInt8] { [] }

  /// Contents of the custom sections of that name.
  public func customSections(named name: String) -> [[UInt8]] { [] }
}
