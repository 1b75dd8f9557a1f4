import AviaryVM

/// A reference to an exception that a guest caught, or that the host made: guests pass it on and throw it again.
///
/// Keeps the exception, and its store, as long as it lives. Not thread-safe, as its store, save that its last reference may
/// go anywhere: with an error that carries it, say.
public final class ExnRef {
  /// The store's identity.
  public let context: StoreContext
  /// Not null.
  let reference: UInt64

  /// - Precondition: a reference of the context's store that something keeps.
  init(_ context: StoreContext, _ reference: UInt64) {
    self.context = context
    self.reference = reference
    context.usedRuntime.hold(unsafe: reference)
  }

  /// Makes an exception to be passed to guests.
  /// - Throws: `WasmError.host` for values that are not of the tag's types; `.exhausted` where all exceptions of the
  ///   store that are referred to take more than 16 MiB.
  public convenience init(_ exception: WasmException) throws {
    let context = exception.tag.context
    let store = context.usedRuntime
    let (tag, values) = try exception.exception(in: store)
    guard let reference = store.makeException(unsafe: tag, values) else {
      throw WasmError.exhausted("no memory for an exception")
    }
    self.init(context, reference)
  }

  deinit { context.usedRuntime.letGo(unsafe: reference) }

  /// Its tag and values.
  public var exception: WasmException {
    WasmException(context, context.usedRuntime.exception(unsafe: reference))
  }
}

extension StoreContext {
  /// Exceptions that references may exist to, what they take, and how often they were collected.
  package final var exceptionUse: (count: Int, bytes: Int, collections: Int) {
    let store = usedRuntime
    return (store.exceptionCount, store.exceptionBytes, store.exceptionCollections)
  }
  /// Frees exceptions that nothing refers to.
  package final func collectExceptions() { usedRuntime.collectExceptions() }
}
