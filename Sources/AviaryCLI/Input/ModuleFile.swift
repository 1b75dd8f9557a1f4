import Aviary
import AviaryCore
import AviaryText

/// A module in a file, in whichever form it comes.
struct ModuleFile {
  enum Form {
    case binary
    case text
    /// Compiled before, by `aviary compile`.
    case artifact
  }

  /// As the user gave it.
  var path: String
  var form: Form
  var bytes: [UInt8]

  /// Reads a file, or standard input for "-", and looks at what it holds.
  init(_ path: String) throws {
    self.path = path
    bytes = try InputFile.read(path)
    form = Self.form(of: bytes, path: path)
  }

  static func form(of bytes: [UInt8], path: String) -> Form {
    if bytes.starts(with: [0x00, 0x61, 0x73, 0x6D]) { return .binary }
    if Engine.isArtifact(bytes) { return .artifact }
    if path.hasSuffix(".wat") || path.hasSuffix(".wast") { return .text }
    // White space, then a parenthesis or a comment.
    let first = bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    return first == 0x28 || first == 0x3B ? .text : .binary
  }

  /// What messages call the file.
  var displayName: String { path == "-" ? "standard input" : path }

  /// What backtraces call the module where it has no name of its own.
  var moduleName: String {
    if path == "-" { return "stdin" }
    let file = path.split(separator: "/").last.map(String.init) ?? path
    guard let dot = file.lastIndex(of: "."), dot != file.startIndex else { return file }
    return String(file[..<dot])
  }

  /// The binary format; text is encoded.
  /// - Throws: `Failure` for wrong text, and for an artifact.
  func binary() throws -> [UInt8] {
    switch form {
    case .binary: return bytes
    case .text:
      do throws(TextError) {
        return try WAT.encode(bytes)
      } catch {
        throw Failure("\(displayName):\(error)")
      }
    case .artifact: throw Failure("\(displayName): a compiled artifact; the original module is needed")
    }
  }

  /// Compiles or loads the module.
  /// - Throws: `Failure` with the path and the reason.
  func compile(with engine: Engine, progress: Engine.Progress? = nil) throws -> Module {
    do throws(WasmError) {
      if form == .artifact { return try engine.load(artifact: bytes, name: moduleName) }
    } catch {
      throw Failure(displayName, error)
    }
    let binary = try binary()
    do throws(WasmError) {
      return try engine.compile(binary, name: moduleName, progress: progress)
    } catch {
      throw Failure(displayName, error)
    }
  }
}

extension ModuleFile {
  /// Decodes and validates, without an engine.
  /// - Throws: `Failure` with the path and the reason.
  func validated(_ features: WasmFeatures, threads: Int?) throws -> ValidatedModule {
    let bytes = ModuleBytes(try binary())
    do throws(ModuleError) {
      return try ModuleValidator.validate(
        bytes: bytes, features: Features(rawValue: features.rawValue), parallelism: threads ?? 0)
    } catch {
      throw Failure("\(displayName): \(error.text)")
    }
  }
}

extension ModuleError {
  /// With the kind of error, as the engine words it.
  var text: String {
    switch kind {
    case .malformed: "malformed module: \(self)"
    case .invalid: "invalid module: \(self)"
    case .unsupported: "unsupported: \(self)"
    }
  }
}
