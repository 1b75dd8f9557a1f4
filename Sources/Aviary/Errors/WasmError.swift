import AviaryCore

/// Every way in which Aviary itself fails.
///
/// An error that a host function throws is not wrapped: it comes back from the guest's
/// call as it was thrown. An exception that no guest catches is a `WasmException`.
public enum WasmError: Error, Sendable {
  /// The bytes, or the text, violate WebAssembly's grammar.
  case malformed(Diagnostic)
  /// The module is well-formed but not valid.
  case invalid(Diagnostic)
  /// The module uses something that is switched off, beyond a limit of this implementation,
  /// or not implemented yet.
  case unsupported(Diagnostic)
  /// An import is missing or has another type.
  case link(LinkFailure)
  /// The guest stopped. Its store stays usable.
  case trap(Trap)
  /// A limit of the configuration or of the store was met.
  case limit(String)
  /// The machine gave no memory, address space or other resource.
  case exhausted(String)
  /// The call was cancelled or its deadline passed.
  case cancelled
  /// The embedder's mistake: a handle of another store, a value of another type, an export
  /// that is not there.
  case host(String)
  /// A compiled artifact is damaged, or was made by another version or for other settings.
  case artifact(String)
}

extension WasmError {
  /// What is wrong with a module, and where.
  public struct Diagnostic: Sendable, Hashable, CustomStringConvertible {
    /// In the reference interpreter's wording.
    public var message: String
    /// Byte offset in the module, where it is known.
    public var offset: Int?
    /// Position in a text file, from 1.
    public var line: Int?
    /// Column in a text file, from 1, in bytes.
    public var column: Int?
    /// A diagnostic; positions where they are known.
    public init(message: String, offset: Int? = nil, line: Int? = nil, column: Int? = nil) {
      self.message = message
      self.offset = offset
      self.line = line
      self.column = column
    }
    public var description: String {
      if let line, let column { return "\(line):\(column): \(message)" }
      if let offset { return "\(message) (at byte \(offset))" }
      return message
    }
  }

  /// An import that could not be resolved.
  public struct LinkFailure: Sendable, Hashable, CustomStringConvertible {
    /// In the reference interpreter's wording: "unknown import" or "incompatible import type".
    public var message: String
    /// The import's module name.
    public var module: String
    /// The import's name.
    public var name: String
    /// What was asked for and what was found.
    public var detail: String?
    /// A failure to resolve an import.
    public init(message: String, module: String, name: String, detail: String? = nil) {
      self.message = message
      self.module = module
      self.name = name
      self.detail = detail
    }
    public var description: String {
      "\(message) \"\(module)\" \"\(name)\"" + (detail.map { ": \($0)" } ?? "")
    }
  }

  init(_ error: ModuleError) {
    let diagnostic = Diagnostic(message: error.message, offset: error.offset >= 0 ? error.offset : nil)
    switch error.kind {
    case .malformed: self = .malformed(diagnostic)
    case .invalid: self = .invalid(diagnostic)
    case .unsupported: self = .unsupported(diagnostic)
    }
  }
}

extension WasmError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .malformed(let diagnostic): "malformed module: \(diagnostic)"
    case .invalid(let diagnostic): "invalid module: \(diagnostic)"
    case .unsupported(let diagnostic): "unsupported: \(diagnostic)"
    case .link(let failure): failure.description
    case .trap(let trap): trap.description
    case .limit(let message): "limit: \(message)"
    case .exhausted(let message): "out of resources: \(message)"
    case .cancelled: "cancelled"
    case .host(let message): message
    case .artifact(let message): "artifact: \(message)"
    }
  }
}
