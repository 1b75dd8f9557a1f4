/// Why bytes are not a module that can be run.
///
/// One word in size (the details are boxed), so that a typed throw costs the
/// hot paths nothing. `message` is in the reference interpreter's wording.
public struct ModuleError: Error, Sendable, CustomStringConvertible {
  public enum Kind: Sendable {
    /// Violates the binary grammar (`assert_malformed`).
    case malformed
    /// Violates typing or another validity rule (`assert_invalid`).
    case invalid
    /// Well-formed, but uses a feature that is switched off or beyond an implementation limit.
    case unsupported
  }
  final class Box: Sendable {
    let kind: Kind
    let message: String
    let offset: Int
    init(kind: Kind, message: String, offset: Int) {
      self.kind = kind
      self.message = message
      self.offset = offset
    }
  }
  let box: Box

  /// - Parameter offset: byte offset in the module; -1 while it is unknown (see `located(at:)`).
  @inline(never)
  public init(_ kind: Kind, _ message: String, offset: Int = -1) {
    box = Box(kind: kind, message: message, offset: offset)
  }
  public var kind: Kind { box.kind }
  public var message: String { box.message }
  /// Byte offset in the module.
  public var offset: Int { box.offset }

  /// The same error with the offset filled in where there was none.
  @inline(never)
  public func located(at offset: Int) -> ModuleError {
    box.offset >= 0 ? self : ModuleError(box.kind, box.message, offset: offset)
  }
  public var description: String { "\(message) (at byte \(offset))" }
}
