import AviaryPool
import AviaryVM

/// An exception's tag: says what an exception carries, and tells exceptions of one kind from all others.
///
/// A handle: copies name the same tag, and keep its store alive. Equality is identity: two tags of one type are two
/// kinds. Not thread-safe, as its store.
///
/// Source: WebAssembly 3.0, sections 2.2.6 and 4.2.8.
public struct Tag {
  /// The store's identity.
  public let context: StoreContext
  let runtime: VMTag

  init(_ context: StoreContext, _ runtime: VMTag) {
    self.context = context
    self.runtime = runtime
  }

  /// Makes a tag of the host's, to be imported.
  /// - Throws: `WasmError.host` for a type with results, or with types of another engine; `.exhausted`.
  public init<State>(in store: Store<State>, _ type: TagType) throws(WasmError) {
    guard type.function.results.isEmpty else { throw .host("the type of a tag has no results, this is \(type.function)") }
    let resolved = try type.function.runtime(in: store.engine)
    let runtime = try store.context.runtime()
    let registration: TypeRegistration
    do throws(VMError) { registration = try store.engine.runtime.types.register(resolved) } catch { throw WasmError(error) }
    self.init(store.context, VMTag(runtime, registration, resolved))
  }

  /// The same by the types of what its exceptions carry.
  /// - Throws: as the other.
  public init<State>(in store: Store<State>, _ values: ValueType...) throws(WasmError) {
    try self.init(in: store, TagType(FunctionType(parameters: values)))
  }

  /// What an exception of the tag carries.
  public var type: TagType {
    TagType(context.engine.runtime.types.functionType(runtime.typeID).map { FunctionType($0, context.engine) } ?? FunctionType())
  }
}

extension Tag: Equatable {
  /// Identity.
  public static func == (a: Tag, b: Tag) -> Bool { a.runtime == b.runtime }
}
