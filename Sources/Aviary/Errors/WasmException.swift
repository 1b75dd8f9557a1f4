package import AviaryVM
package import CAviaryContract

/// An exception of WebAssembly's: thrown by guests or by the host, caught by either.
///
/// ```swift
/// let failure = try Tag(in: store, .i32)
/// linker.define("env", "failure", failure)
/// linker.define("env", "check") { (caller: borrowing Caller<State>, code: Int32) throws -> Void in
///   if code < 0 { throw WasmException(caller.state.failure, .i32(code)) }   // into the guest that called
/// }
/// do { try run() } catch let exception as WasmException where exception.tag == failure { … }
/// ```
/// A host function that throws one throws it into its caller, where a guest may catch it. What no guest catches comes out
/// of the guest's call as this error, and goes on through the host function that made the call, if it lets it, into the
/// guest around that. Guests catch no traps, and no other errors of the host's.
///
/// Belongs to its tag's store, keeps it alive, and is used where that is: it is Sendable since all errors are, and passing it to
/// another thread passes the store's handles. Thrown into a guest of another store, or with values that are not of the
/// tag's types, it ends the call with `WasmError.host` instead.
///
/// Source: WebAssembly 3.0, sections 4.2.14 and 4.6.13.
@safe
public struct WasmException: Error, @unchecked Sendable {
  /// Which kind of exception it is.
  public let tag: Tag
  /// What it carries: as many values as the tag's type has parameters, of these types.
  public let values: [Value]
  /// Where a guest threw it, innermost function first, at most 64; empty for the host's own.
  public let frames: [Trap.Frame]

  /// An exception to throw from a host function, or to make an `ExnRef` of. Its values are looked at then.
  public init(_ tag: Tag, _ values: [Value]) {
    self.tag = tag
    self.values = values
    frames = []
  }
  /// The same with the values one by one.
  public init(_ tag: Tag, _ values: Value...) { self.init(tag, values) }

  init(_ context: StoreContext, _ exception: VMException) {
    tag = Tag(context, exception.tag)
    values = zip(exception.values, exception.tag.values).map { value, type in
      context.value(ValueSlot(low: value.low, high: value.high), as: type)
    }
    frames = context.describe(exception.place).frames
  }

  init(tag: Tag, values: [Value], frames: [Trap.Frame]) {
    self.tag = tag
    self.values = values
    self.frames = frames
  }
}

extension WasmException: CustomStringConvertible {
  public var description: String {
    var lines = ["uncaught wasm exception (\(values.map(\.description).joined(separator: ", ")))"]
    for (index, frame) in frames.enumerated() { lines.append("  \(index): \(frame)") }
    return lines.joined(separator: "\n")
  }
}

extension WasmException: VMGuestException {
  package func exception(in store: VMStore) throws -> (tag: VMTag, values: [AviaryValue]) {
    let context = tag.context
    guard context.usedRuntime === store else { throw WasmError.host("the exception's tag belongs to another store") }
    let types = tag.runtime.values
    guard values.count == types.count else {
      throw WasmError.host("the exception has \(values.count) values, its tag's type is \(tag.type.function)")
    }
    let slots = try zip(values, types).map { value, type in
      let slot = try context.slot(value, as: type)
      return AviaryValue(low: slot.low, high: slot.high)
    }
    return (tag.runtime, slots)
  }
}
