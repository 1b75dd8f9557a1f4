import AviaryCodegen
import AviaryContract
import AviaryCore
import AviaryPool
import AviaryText
import AviaryVM
import Dispatch

extension Engine {
  /// How far a compilation is: bytes of function bodies. Called from any thread.
  public typealias Progress = @Sendable (_ done: Int, _ total: Int) -> Void

  /// Decodes, validates and compiles a module in the binary format, on as many threads as
  /// `EngineConfiguration.parallelism` allows.
  ///
  /// - Parameters:
  ///   - name: what backtraces call the module where its name section does not say.
  ///   - progress: called now and then.
  /// - Throws: `WasmError.malformed`, `.invalid`, `.unsupported`, `.limit` or `.exhausted`.
  public func compile(_ bytes: [UInt8], name: String? = nil, progress: Progress? = nil) throws(WasmError) -> Module {
    let module = try validated(bytes)
    let compiler = ModuleCompiler(tunables: tunables, parallelism: parallelism, progress: progress)
    let artifact: Artifact
    do throws(ModuleError) { artifact = try compiler.compile(module) } catch { throw WasmError(error) }
    return try publish(module, artifact, name)
  }

  /// The same without blocking the caller's thread.
  public func compile(_ bytes: [UInt8], name: String? = nil, progress: Progress? = nil) async throws(WasmError) -> Module {
    let result = await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(returning: self.compiled(bytes, name, progress))
      }
    }
    return try result.get()
  }

  private func compiled(_ bytes: [UInt8], _ name: String?, _ progress: Progress?) -> Result<Module, WasmError> {
    do throws(WasmError) {
      return .success(try compile(bytes, name: name, progress: progress))
    } catch { return .failure(error) }
  }

  /// Compiles a module in the text format.
  /// - Throws: as for bytes; errors of the text carry line and column.
  public func compile(wat text: String, name: String? = nil) throws(WasmError) -> Module {
    let bytes: [UInt8]
    do throws(TextError) { bytes = try WAT.encode(text) } catch { throw WasmError(error) }
    return try compile(bytes, name: name)
  }

  /// Checks a module in the binary format without compiling it.
  /// - Throws: `WasmError.malformed`, `.invalid` or `.unsupported`.
  public func validate(_ bytes: [UInt8]) throws(WasmError) { _ = try validated(bytes) }

  /// Loads what `Module.artifact()` made, without compiling.
  ///
  /// An artifact holds machine code: load only those that you trust as you trust this program. The
  /// content hash in it finds damage, not malice.
  /// - Throws: `WasmError.artifact` for damage, another version, other settings or another CPU.
  public func load(artifact bytes: [UInt8], name: String? = nil) throws(WasmError) -> Module {
    let file = try ArtifactFile(bytes, tunables: tunables, features: configuration.features.rawValue)
    return try load(file, name) { _ in nil }
  }

  /// Loads an artifact from a file and keeps that file mapped, so that large initial memories are shared with all
  /// processes that do the same, and are not copied.
  ///
  /// The file stays open as long as the module lives, and **nobody may change or truncate it meanwhile**: instances
  /// would start with what was put there, and whoever reads beyond a new end crashes. Replacing it by another file of
  /// the same name, or removing it, is harmless. Where that cannot be promised, read the file and use
  /// `load(artifact:)`, which copies all that it needs.
  ///
  /// Images of up to 4 MiB are copied all the same where the pool's reset is `adaptive`: pages of a file cannot
  /// be write-protected.
  /// - Parameter path: of a regular file that belongs to this user or to root, and that nobody else may write.
  /// - Throws: `WasmError.exhausted` where it cannot be opened or mapped, `.limit` where others can change it,
  ///   `.artifact` as above.
  public func load(mappingArtifactAt path: String, name: String? = nil) throws(WasmError) -> Module {
    let constant: ConstantFile
    do throws(VMError) { constant = try ConstantFile(path: path) } catch { throw WasmError(error) }
    let file = unsafe try ArtifactFile(
      reading: constant.unsafeBytes, tunables: tunables, features: configuration.features.rawValue)
    return try load(file, name) { StoredImages(constant, offsets: $0) }
  }

  private func load(
    _ file: ArtifactFile, _ name: String?, _ images: ([UInt64]) -> StoredImages?
  ) throws(WasmError) -> Module {
    let module: ValidatedModule
    do throws(ModuleError) {
      module = try ValidatedModule.trusting(
        ModuleBytes(file.module), features: configuration.features.core, hasForeignTailCalls: file.hasForeignTailCalls)
    } catch { throw .artifact("the module inside cannot be read: \(error)") }
    guard module.info.bodies.count == file.artifact.functions.count else {
      throw .artifact("the code is not that of the module")
    }
    let images = images(try file.imageOffsets(module.info))
    return try Module(engine: self, name: name, module, file.artifact, images: images)
  }

  /// Whether bytes look like an artifact.
  public static func isArtifact(_ bytes: [UInt8]) -> Bool { ArtifactFile.isArtifact(bytes) }

  // MARK: Steps

  private var parallelism: Int { configuration.parallelism ?? Processors.count }

  func validated(_ bytes: [UInt8]) throws(WasmError) -> ValidatedModule {
    do throws(ModuleError) {
      return try ModuleValidator.validate(
        bytes: ModuleBytes(bytes), features: configuration.features.core, parallelism: configuration.parallelism ?? 0)
    } catch { throw WasmError(error) }
  }

  private func publish(_ module: ValidatedModule, _ artifact: Artifact, _ name: String?) throws(WasmError) -> Module {
    try Module(engine: self, name: name, module, artifact)
  }
}
