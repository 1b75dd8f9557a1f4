import AviaryVM

/// An exception's tag: it can be imported and exported. Throwing and catching comes with exceptions.
public struct Tag {
  /// The store's identity.
  public let context: StoreContext
  let runtime: VMTag

  init(_ context: StoreContext, _ runtime: VMTag) {
    self.context = context
    self.runtime = runtime
  }

  /// What an exception of the tag carries.
  public var type: TagType {
    TagType(context.engine.runtime.types.functionType(runtime.typeID).map { FunctionType($0, context.engine) } ?? FunctionType())
  }
}
