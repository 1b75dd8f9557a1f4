import AviaryVM

/// An exception's tag: it can be imported and exported. Throwing and catching comes with exceptions.
public struct Tag {
  public let context: StoreContext
  let runtime: VMTag

  init(_ context: StoreContext, _ runtime: VMTag) {
    self.context = context
    self.runtime = runtime
  }

  public var type: TagType {
    TagType(context.engine.runtime.types.functionType(runtime.typeID).map(FunctionType.init) ?? FunctionType())
  }
}
