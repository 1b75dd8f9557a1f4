extension Engine {
  /// How far a compilation is: bytes of function bodies.
  public typealias Progress = @Sendable (_ done: Int, _ total: Int) -> Void

  /// Decodes, validates and compiles a module in the binary format.
  ///
  /// - Parameters:
  ///   - name: what backtraces call the module where its name section does not say.
  ///   - progress: called now and then, from any thread.
  /// - Throws: `WasmError.malformed`, `.invalid`, `.unsupported`, `.limit` or `.exhausted`.
  public func compile(_ bytes: [UInt8], name: String? = nil, progress: Progress? = nil) throws(WasmError) -> Module { throw notYet() }

  /// The same without blocking the caller's thread.
  public func compile(_ bytes: [UInt8], name: String? = nil, progress: Progress? = nil) async throws(WasmError) -> Module { throw notYet() }

  /// Compiles a module in the text format.
  public func compile(wat text: String, name: String? = nil) throws(WasmError) -> Module { throw notYet() }

  /// Checks a module in the binary format without compiling it.
  public func validate(_ bytes: [UInt8]) throws(WasmError) { throw notYet() }

  /// Loads what `Module.artifact()` made, without compiling.
  ///
  /// An artifact holds machine code: load only those that you trust as you trust this program. The
  /// content hash in it finds damage, not malice.
  /// - Throws: `WasmError.artifact` for damage, another version, other settings or another CPU.
  public func load(artifact: [UInt8], name: String? = nil) throws(WasmError) -> Module { throw notYet() }

  /// Whether bytes look like an artifact.
  public static func isArtifact(_ bytes: [UInt8]) -> Bool { false }
}
